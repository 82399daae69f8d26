/**
 * The options of `deno task bench`.
 * @module
 */
import { z } from "zod";
import { trainSchema } from "../train/config.ts";
import {
  commonFields,
  type CrossCheck,
  describeSchema,
  type Option,
  type OptionLayer,
  resolveOptions,
} from "../train/options.ts";

const MEASUREMENTS = "Measurements", REHEARSAL = "Rehearsal", CHECKPOINT = "Writing a checkpoint";
const modelSizes = z.enum(["mistral-7b", "tiny"]);
const size = (description: string, value: number) =>
  z.int().min(1).default(value).meta({ group: MEASUREMENTS, description });

/** The kinds of measurement, in the order they are made. */
export const BENCH_KINDS = ["kernels", "step", "peers", "decode", "scaling"] as const;

/** Every option of the bench task. */
export const benchSchema = z.object({
  only: z.array(z.string()).min(1).refine(
    (names) => names.every((name) => (BENCH_KINDS as readonly string[]).includes(name)),
    `one or more of ${BENCH_KINDS.join(", ")}`,
  ).default([...BENCH_KINDS]).meta({
    group: MEASUREMENTS,
    description: "What to measure, in this order.",
    value: "A,B,…",
  }),
  rows: size("Rows (tokens) of the matrix products.", 512),
  width: z.int().min(64).multipleOf(64).default(4096).meta({
    group: MEASUREMENTS,
    description:
      "Width of the weights and of the steps' layers, a multiple of 64; 4096 is Mistral-7B's.",
  }),
  step_tokens: size("Tokens of the training step.", 256),
  peer_size: size("Rows and columns of the matrices that other libraries multiply.", 1024),
  model_width: z.int().min(64).multipleOf(64).default(1024).meta({
    group: MEASUREMENTS,
    description: "Width of the small models, a multiple of 64.",
  }),
  repeats: z.int().min(1).default(5).meta({
    group: MEASUREMENTS,
    description: "Runs of each measurement; the fastest counts.",
  }),
  rehearsal: modelSizes.nullable().default(null).meta({
    group: REHEARSAL,
    description: "Instead, do once all that fine-tuning a model of this size does.",
  }),
  base_model: z.string().min(1).nullable().default(null).meta({
    group: REHEARSAL,
    description: "Model folder of these sizes to rehearse with; default: made-up weights.",
    value: "DIR",
  }),
  tokenizer: z.string().min(1).nullable().default(null).meta({
    group: REHEARSAL,
    description: "Folder of the tokenizer; default: that of base_model, or the one built in.",
    value: "DIR",
  }),
  layers: z.int().min(1).nullable().default(null).meta({
    group: REHEARSAL,
    description: "Layers of the made-up model; default: as many as the real one has.",
  }),
  train_path: z.string().min(1).nullable().default(null).meta({
    group: REHEARSAL,
    description: "Records to rehearse with; default: rows that are generated.",
    value: "FILE",
  }),
  precision: trainSchema.shape.precision.meta({ group: REHEARSAL, description: "As in training." }),
  optim: trainSchema.shape.optim.meta({ group: REHEARSAL, description: "As in training." }),
  write_checkpoint: z.string().min(1).nullable().default(null).meta({
    group: CHECKPOINT,
    description: "Instead, write a model folder with made-up bf16 weights; it must not exist yet.",
    value: "DIR",
  }),
  sizes: modelSizes.default("mistral-7b").meta({
    group: CHECKPOINT,
    description: "Of which model (mistral-7b: 14.5 GB).",
  }),
  max_shard_gb: z.number().gt(0).default(5).meta({
    group: CHECKPOINT,
    description: "Gigabytes of a weights file at most.",
  }),
  ...commonFields,
  output_dir: z.string().min(1).default("outputs/bench").meta({
    group: "Every task",
    description: "Folder for bench.json.",
    value: "DIR",
  }),
});

/** A model whose sizes the bench task knows. */
export type Sizes = z.infer<typeof modelSizes>;

/** The resolved options of the bench task. */
export type BenchConfig = Readonly<z.infer<typeof benchSchema>>;

const checks: readonly CrossCheck<BenchConfig>[] = [
  {
    fields: ["write_checkpoint", "rehearsal"],
    fault: ({ write_checkpoint, rehearsal }) =>
      write_checkpoint !== null && rehearsal !== null
        ? "Cannot write a checkpoint and rehearse at once: give --write_checkpoint first, then " +
          "--rehearsal with --base_model"
        : null,
  },
  {
    fields: ["base_model", "rehearsal", "layers"],
    fault: ({ base_model, rehearsal, layers }) => {
      if (base_model === null) return null;
      if (rehearsal === null) return "Cannot use base_model without rehearsal: give --rehearsal";
      return layers === null
        ? null
        : "Cannot use layers with base_model: it has its own; leave it out";
    },
  },
];

/** The option table, for `--help`. */
export function describeBenchOptions(): Option[] {
  return describeSchema(benchSchema);
}

/** Merges and checks the options. Throws ConfigError with all faults. */
export function resolveBenchConfig(layers: readonly OptionLayer[]): BenchConfig {
  return resolveOptions(benchSchema, layers, checks);
}
