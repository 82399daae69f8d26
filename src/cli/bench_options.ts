/**
 * The options of `deno task bench`.
 * @module
 */
import { z } from "zod";
import {
  commonFields,
  describeSchema,
  type Option,
  type OptionLayer,
  resolveOptions,
} from "../train/options.ts";

const SIZES = "Sizes";
const size = (description: string, value: number) =>
  z.int().min(1).default(value).meta({ group: SIZES, description });

/** Every option of the bench task. */
export const benchSchema = z.object({
  rows: size("Rows (tokens) of the matrix products.", 512),
  width: size("Inputs and outputs of the square weight.", 4096),
  step_tokens: size("Tokens of the training step.", 256),
  repeats: z.int().min(1).default(5).meta({
    group: SIZES,
    description: "Runs of each measurement; the fastest counts.",
  }),
  ...commonFields,
  output_dir: z.string().min(1).default("outputs/bench").meta({
    group: "Every task",
    description: "Folder for bench.json.",
    value: "DIR",
  }),
});

/** The resolved options of the bench task. */
export type BenchConfig = Readonly<z.infer<typeof benchSchema>>;

/** The option table, for `--help`. */
export function describeBenchOptions(): Option[] {
  return describeSchema(benchSchema);
}

/** Merges and checks the options. Throws ConfigError with all faults. */
export function resolveBenchConfig(layers: readonly OptionLayer[]): BenchConfig {
  return resolveOptions(benchSchema, layers);
}
