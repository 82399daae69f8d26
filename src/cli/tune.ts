/**
 * `deno task tune`: finds the fastest variants of the product kernels on this adapter, for the other
 * tasks to use.
 * @module
 */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { openDevice } from "../device/open.ts";
import { commonFields, describeSchema, resolveOptions } from "../train/options.ts";
import { readLayers } from "./args.ts";
import { helpText } from "./help.ts";
import { ensureAdapter } from "./setup.ts";
import { runTask } from "./task.ts";
import { tuneChoice, type TuneRow } from "./tune_choice.ts";
import { allTrials } from "./tune_trials.ts";
import { tuningPath, writeTuning } from "./tuning_file.ts";

const TUNING = "Tuning";
const { output_dir: _, ...taskFields } = commonFields;
const tuneSchema = z.object({
  width: z.int().min(64).multipleOf(64).max(4096).default(4096).meta({
    group: TUNING,
    description: "Inputs and outputs of the square weight, a multiple of 64.",
  }),
  repeats: z.int().min(1).default(5).meta({
    group: TUNING,
    description: "Runs of each variant; the fastest counts.",
  }),
  file: z.string().min(1).nullable().default(null).meta({
    group: TUNING,
    description: "File to write; default: the one that the tasks read.",
    value: "FILE",
  }),
  ...taskFields,
});

const HELP = {
  usage: "deno task tune [options]",
  summary:
    "Measures the variants of the matrix products on this adapter, each checked for correctness " +
    "first, and keeps the fastest for the other tasks, in sqlora/tuning.json of the user's cache " +
    "folder. Nothing else should run meanwhile. Results differ by the rounding of sums at most. The " +
    "variable SQLORA_TUNING names another file, or with off none.",
  examples: ["deno task tune", "SQLORA_TUNING=off deno task train --config run.yaml"],
};

await runTask(async (signal) => {
  const options = describeSchema(tuneSchema);
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config = resolveOptions(tuneSchema, layers);
  const path = config.file ?? tuningPath();
  if (path === null) {
    throw new ConfigError([
      "Cannot keep the tuning: SQLORA_TUNING is off, or there is no home folder; give --file",
    ]);
  }
  await ensureAdapter();
  using device = await openDevice();
  const say = (text: string) => config.quiet || config.json || console.log(text);
  say(`GPU ${device.info.name}\n`);
  const tuning: Record<string, string> = {};
  for (const trials of allTrials(config.seed)) {
    const { name } = trials.choice;
    const rows = tuneChoice(device, trials, config);
    let next = await rows.next();
    for (; !next.done; next = await rows.next()) {
      signal.throwIfAborted();
      if (config.json) console.log(JSON.stringify({ type: "variant", ...next.value }));
      say(line(next.value));
    }
    tuning[name] = next.value;
    if (config.json) {
      console.log(JSON.stringify({ type: "choice", choice: name, variant: next.value }));
    }
    say(`${name.padEnd(16)} takes ${next.value}\n`);
  }
  await writeTuning(path, device.info, tuning);
  say(`Written to ${path}`);
});

function line(row: TuneRow): string {
  const { choice, shape, variant, isDefault } = row;
  const name = `${choice.padEnd(16)} ${shape.padEnd(16)} ${variant.padEnd(20)}`;
  if ("reason" in row) return `${name} is not taken: ${row.reason}`;
  return `${name}${(row.seconds * 1000).toFixed(3).padStart(12)} ms${
    isDefault ? "   default" : ""
  }`;
}
