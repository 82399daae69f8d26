/**
 * The settings of a notebook's run: those of `deno task train`, with a switch for a quick look.
 * @module
 */
import { readConfigFile } from "../cli/args.ts";
import { hubEnvironment } from "../cli/hub_environment.ts";
import { formatBytes } from "../cli/format.ts";
import { downloadModel } from "../formats/hub.ts";
import { isHubName } from "../formats/hub_repo.ts";
import { coerce } from "../train/coerce.ts";
import { resolveTrainConfig, type TrainConfig } from "../train/config.ts";
import type { OptionLayer } from "../train/options.ts";
import { prepareSmoke, SMOKE_DEFAULTS } from "../train/smoke.ts";
import { interruptible, liveDisplay, type SendDisplay } from "./kernel.ts";
import { existingPath } from "./paths.ts";

/** What a fast run is limited to: enough to see every part work. */
const FAST = { max_steps: 20, max_train_samples: 256, max_val_samples: 16 } as const;

/** What a run is made from. */
export interface RunSettings {
  readonly config: TrainConfig;
  /** The folder of the model that `config.base_model` names. */
  readonly modelDirectory: string;
}

/** How settings are made. */
export interface SettingsOptions {
  /** A few steps over a few records, to see that all works. Default false. */
  readonly fastDev?: boolean;
  readonly send?: SendDisplay;
}

/**
 * The settings of a run. `values` are options of `deno task train`, and win over those of the YAML
 * file that `config` names. Where both name neither model nor training records, or say `smoke: true`,
 * the small base model of the project and generated records stand in. What is to be read may be given
 * from the notebook's folder or from the project's root. A `base_model` that is no folder but a name on
 * the Hugging Face Hub is downloaded once, with its progress shown. Throws {@linkcode ConfigError}
 * with all that is wrong.
 */
export async function notebookSettings(
  values: Partial<TrainConfig>,
  { fastDev = false, send }: SettingsOptions = {},
): Promise<RunSettings> {
  const file = values.config ? [readConfigFile(await existingPath(values.config))] : [];
  const said = (name: keyof TrainConfig) => values[name] ?? valueIn(file, name);
  const smokeSaid = said("smoke");
  const smoke = smokeSaid === undefined
    ? !said("base_model") && !said("train_path")
    : coerce(smokeSaid, SMOKE) === true;
  const given = resolveTrainConfig([
    ...(smoke ? [{ source: "defaults" as const, values: SMOKE_DEFAULTS }] : []),
    ...file,
    {
      source: "options",
      name: "this cell",
      values: { ...values, smoke },
      faults: smoke && said("base_model") ? [SMOKE_AND_MODEL] : [],
    },
  ]);
  const found = await withExistingPaths(fastDev ? { ...given, ...fastLimits(given) } : given);
  const config = smoke ? await smokeConfig(found) : found;
  return { config, modelDirectory: await localModel(config.base_model!, send) };
}

async function smokeConfig(found: TrainConfig): Promise<TrainConfig> {
  const { config } = await prepareSmoke(found);
  // The base model's path goes into the adapter, which is used from other folders, too.
  return { ...config, base_model: await existingPath(config.base_model!) };
}

const SMOKE = { kind: "boolean", nullable: false, default: false } as const;

/** What a file says of an option, whose name it may write with dashes. */
function valueIn([file]: readonly OptionLayer[], name: string): unknown {
  const entries = Object.entries(file?.values ?? {});
  return entries.find(([typed]) => typed.replaceAll("-", "_") === name)?.[1];
}

const SMOKE_AND_MODEL =
  "Cannot use smoke: true with a base_model: smoke stands for the project's small model and its " +
  "own settings; take out smoke to train the base_model";

/** Options that name something to be read. */
const READ = [
  "base_model",
  "train_path",
  "val_path",
  "init_adapter",
  "resume_from_checkpoint",
] as const;

async function withExistingPaths(config: TrainConfig): Promise<TrainConfig> {
  const paths = await Promise.all(READ.map(async (name) => {
    const path = config[name];
    const named = path !== null && path !== "latest";
    return [name, named ? await existingPath(path) : path] as const;
  }));
  return { ...config, ...Object.fromEntries(paths) };
}

/** Limits of a fast run, where the settings have none that are lower. */
function fastLimits(config: TrainConfig): Partial<TrainConfig> {
  const least = (own: number | null, limit: number) =>
    own === null || own < 1 ? limit : Math.min(own, limit);
  return {
    max_steps: least(config.max_steps, FAST.max_steps),
    max_train_samples: least(config.max_train_samples, FAST.max_train_samples),
    max_val_samples: least(config.max_val_samples, FAST.max_val_samples),
  };
}

async function localModel(name: string, send?: SendDisplay): Promise<string> {
  const info = await Deno.stat(name).catch(() => null);
  if (info !== null || !isHubName(name)) return name;
  const display = liveDisplay({ send });
  const environment = await hubEnvironment();
  const { directory } = await interruptible((signal) =>
    downloadModel(name, {
      ...environment,
      signal,
      onEvent: (event) => {
        if (event.type !== "progress") return;
        const { totalReceived, totalSize, file } = event;
        const received = `${formatBytes(totalReceived)} of ${formatBytes(totalSize)}`;
        display.update(() => `Downloading ${name}: ${received}, ${file}`);
      },
    })
  );
  await display.finish(`${name} is in ${directory}`);
  return directory;
}
