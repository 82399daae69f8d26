/**
 * PEFT's `adapter_config.json` for LoRA: which layers it is about, with what rank and scale.
 * @module
 */
import { join } from "node:path";
import { ConfigError, FormatError } from "../errors.ts";
import { openFile } from "../formats/byte_source.ts";
import { isHubName } from "../formats/hub_repo.ts";
import { isJsonObject, parseJson } from "../formats/json.ts";

/** Name of the file that the settings are in. */
export const LORA_CONFIG_FILE = "adapter_config.json";

/** The settings of a LoRA adapter, under PEFT's meanings. */
export interface LoraConfig {
  readonly r: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  /** Endings of layer paths, or a regular expression for whole paths, or "all-linear". */
  readonly targetModules: readonly string[] | string;
  readonly useRslora: boolean;
  /** Ranks for layers whose path ends in the key (a regular expression). */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Layers to leave out, as in `targetModules`. */
  readonly excludeModules: readonly string[] | string | null;
  /** Indices of the decoder layers that are adapted; null for all. */
  readonly layersToTransform: readonly number[] | null;
  /** Folder of the base model, or its name on the Hub: OWNER/NAME or OWNER/NAME@REVISION. */
  readonly baseModel: string | null;
}

/** A layer that an adapter changes. */
export interface LoraTarget {
  readonly path: string;
  readonly rank: number;
  readonly alpha: number;
  /** alpha / rank, or alpha / √rank with rank-stabilised LoRA (arXiv:2312.03732). */
  readonly scaling: number;
}

/** Settings that change what an adapter computes and that are not supported: name to "off" values. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  use_dora: [false],
  use_qalora: [false],
  use_bdlora: [null, false],
  fan_in_fan_out: [false],
  lora_bias: [false],
  bias: ["none"],
  modules_to_save: [null],
  layer_replication: [null],
  trainable_token_indices: [null],
  target_parameters: [null],
  alora_invocation_tokens: [null],
  arrow_config: [null],
  kasa_config: [null],
  velora_config: [null],
  monteclora_config: [null],
};

/** Ways to start an adapter that also change the base model, which is then another than ours. */
const BASE_CHANGING_INITS = /^(pissa|olora|corda|loftq|lora_ga)/i;

/** Reads the adapter_config.json of an adapter folder. Throws {@linkcode FormatError}. */
export async function readLoraConfig(directory: string): Promise<LoraConfig> {
  const file = join(directory, LORA_CONFIG_FILE);
  using source = await openFile(file);
  return parseLoraConfig(parseJson(new Uint8Array(await source.slice(0)), { file }), file);
}

/** Reads a parsed adapter_config.json. Throws {@linkcode FormatError} naming what is not supported. */
export function parseLoraConfig(json: unknown, file: string): LoraConfig {
  const fail = (what: string, remedy: string) =>
    new FormatError(`Cannot use ${file}: ${what}; ${remedy}`, { file });
  if (!isJsonObject(json)) throw fail("it is no JSON object", "save the adapter again");
  if (json.peft_type !== "LORA") {
    throw fail(
      `peft_type is ${JSON.stringify(json.peft_type)}`,
      "only LORA adapters are supported",
    );
  }
  for (const [name, off] of Object.entries(UNSUPPORTED)) {
    const value = json[name];
    const empty = Array.isArray(value) && value.length === 0;
    if (value === undefined || empty || off.includes(value)) continue;
    throw fail(`${name} is ${JSON.stringify(value)}`, "this is not supported, only plain LoRA is");
  }
  const init = json.init_lora_weights;
  if (typeof init === "string" && BASE_CHANGING_INITS.test(init)) {
    throw fail(
      `init_lora_weights "${init}" changed the base model`,
      "convert it to a plain LoRA with PEFT's save_pretrained(path_initial_model_for_weight_conversion=…)",
    );
  }
  const field = <T>(name: string, fallback: T | null, isValid: Check, expected: string): T => {
    const value = json[name] ?? fallback;
    if (isValid(value)) return value as T;
    throw fail(`${name} is ${JSON.stringify(value)}`, `it should be ${expected}`);
  };
  const names = (name: string) =>
    field<string[] | string | null>(name, null, isNames, "a list of names or a regex");
  const targetModules = names("target_modules");
  if (targetModules === null) {
    throw fail("target_modules is missing", "name the layers that the adapter changes");
  }
  const layers = field<number | number[] | null>(
    "layers_to_transform",
    null,
    isLayers,
    "a list of layer numbers",
  );
  return {
    r: field("r", 8, isRank, "an integer from 1 on"),
    loraAlpha: field("lora_alpha", 8, isNumber, "a number from 0 on"),
    loraDropout: field(
      "lora_dropout",
      0,
      (value) => isNumber(value) && value < 1,
      "a number from 0 to below 1",
    ),
    targetModules,
    useRslora: json.use_rslora === true,
    rankPattern: field("rank_pattern", {}, isMapTo(isRank), "a map of names to integers from 1 on"),
    alphaPattern: field("alpha_pattern", {}, isMapTo(isNumber), "a map of names to numbers"),
    excludeModules: names("exclude_modules"),
    layersToTransform: typeof layers === "number" ? [layers] : layers,
    baseModel: baseModelOf(json),
  };
}

/** PEFT keeps the name and the revision apart; here they are one text, as `--base_model` takes it. */
function baseModelOf(json: Readonly<Record<string, unknown>>): string | null {
  const { base_model_name_or_path: name, revision } = json;
  if (typeof name !== "string") return null;
  const whole = `${name}@${revision}`;
  return typeof revision === "string" && revision !== "main" && isHubName(whole) ? whole : name;
}

type Check = (value: unknown) => boolean;

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isRank(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function isNames(value: unknown): boolean {
  return value === null || typeof value === "string" ||
    Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isLayers(value: unknown): boolean {
  const list = Array.isArray(value) ? value : [value];
  return value === null || list.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isMapTo(isValid: Check): Check {
  return (value) => isJsonObject(value) && Object.values(value).every(isValid);
}

/** The adapter_config.json of an adapter, with the keys that PEFT writes. */
export function formatLoraConfig(config: LoraConfig): string {
  const { baseModel } = config;
  const at = baseModel !== null && isHubName(baseModel) ? baseModel.indexOf("@") : -1;
  return JSON.stringify(
    {
      alpha_pattern: config.alphaPattern,
      auto_mapping: null,
      base_model_name_or_path: at < 0 ? baseModel : baseModel!.slice(0, at),
      bias: "none",
      exclude_modules: config.excludeModules,
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      layer_replication: null,
      layers_pattern: null,
      layers_to_transform: config.layersToTransform,
      lora_alpha: config.loraAlpha,
      lora_dropout: config.loraDropout,
      modules_to_save: null,
      peft_type: "LORA",
      r: config.r,
      rank_pattern: config.rankPattern,
      revision: at < 0 ? null : baseModel!.slice(at + 1),
      target_modules: config.targetModules,
      task_type: "CAUSAL_LM",
      use_dora: false,
      use_rslora: config.useRslora,
    },
    null,
    2,
  ) + "\n";
}

/**
 * The layers among `paths` that the settings choose, by PEFT's rules. `outputPath` is the layer that
 * "all-linear" leaves out. Throws {@linkcode ConfigError} where none is chosen, or a name of the list
 * chooses none.
 */
export function loraTargets(
  config: LoraConfig,
  paths: Iterable<string>,
  outputPath: string,
): LoraTarget[] {
  const all = [...paths];
  const included = matcher("target_modules", config.targetModules, (path) => path !== outputPath);
  const excluded = config.excludeModules === null
    ? () => false
    : matcher("exclude_modules", config.excludeModules, () => true);
  const chosen = all.filter((path) =>
    included(path) && !excluded(path) && isInLayers(path, config.layersToTransform)
  );
  const idle = Array.isArray(config.targetModules)
    ? config.targetModules.filter((name) => !all.some((path) => endsWith(path, name)))
    : [];
  if (chosen.length === 0 || idle.length > 0) {
    const kinds = [...new Set(all.map((path) => path.split(".").at(-1)))].join(", ");
    const what = idle.length > 0 ? `"${idle.join('", "')}"` : JSON.stringify(config.targetModules);
    throw new ConfigError([
      `Cannot place LoRA: target_modules ${what} matches no layer; the layers are ${kinds}`,
    ]);
  }
  return chosen.map((path) => {
    const rank = patternValue("rank_pattern", config.rankPattern, path) ?? config.r;
    const alpha = patternValue("alpha_pattern", config.alphaPattern, path) ?? config.loraAlpha;
    return { path, rank, alpha, scaling: alpha / (config.useRslora ? Math.sqrt(rank) : rank) };
  });
}

function matcher(
  field: string,
  modules: readonly string[] | string,
  isLinear: (path: string) => boolean,
): (path: string) => boolean {
  if (typeof modules !== "string") return (path) => modules.some((name) => endsWith(path, name));
  if (modules === "all-linear") return isLinear;
  const regex = compile(field, modules, `^(?:${modules})$`);
  return (path) => regex.test(path);
}

/** `source` is the whole expression that `pattern` of that field becomes. */
function compile(field: string, pattern: string, source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new ConfigError(
      [`Cannot use ${field} ${JSON.stringify(pattern)}: ${(error as Error).message}`],
      { cause: error },
    );
  }
}

function endsWith(path: string, name: string): boolean {
  return path === name || path.endsWith(`.${name}`);
}

function isInLayers(path: string, layers: readonly number[] | null): boolean {
  if (layers === null) return true;
  const index = /\.layers\.(\d+)\./.exec(path);
  return index !== null && layers.includes(Number(index[1]));
}

/** The value of the first key that the path ends in. */
function patternValue(
  field: string,
  pattern: Readonly<Record<string, number>>,
  path: string,
): number | undefined {
  const key = Object.keys(pattern).find((key) =>
    compile(field, key, `^(?:.*\\.)?(?:${key})$`).test(path)
  );
  return key === undefined ? undefined : pattern[key];
}
