/**
 * The options of `deno task infer`.
 * @module
 */
import { z } from "zod";
import {
  commonFields,
  type CrossCheck,
  describeSchema,
  type Option,
  type OptionLayer,
  resolveOptions,
} from "../train/options.ts";
import { generationFields, modelFields } from "./model_options.ts";

const text = (group: string, description: string, value = "TEXT") =>
  z.string().min(1).nullable().default(null).meta({ group, description, value });

const MODEL = "Model", INPUT = "What to answer", GENERATION = "Generation";

/** Every option of the infer task. */
export const inferSchema = z.object({
  base_model: text(
    MODEL,
    "Model folder, or OWNER/NAME of one on the Hub; by default the one that the adapter names.",
    "DIR|NAME",
  ),
  ...modelFields,
  question: text(INPUT, "A question in words. Needs --schema."),
  schema: text(INPUT, "The database's CREATE TABLE statements, or a file with them.", "FILE|TEXT"),
  prompt: text(INPUT, "A raw prompt, without any template; BOS is added."),
  input: text(INPUT, "JSONL of records (instruction, input). Needs --output.", "FILE"),
  output: text(INPUT, "JSONL to write, one answer for each record of --input.", "FILE"),
  prompt_style: z.enum(["alpaca", "mistral"]).default("alpaca").meta({
    group: INPUT,
    description: "Prompt template and wording, as in the data and in training.",
  }),
  dialect: z.enum(["sqlite", "postgres"]).default("sqlite").meta({
    group: INPUT,
    description: "The SQL that is asked for, as in the data.",
  }),
  ...generationFields,
  batch_size: z.int().min(1).default(8).meta({
    group: GENERATION,
    description: "Records of --input to answer at once.",
  }),
  ...commonFields,
});

/** The resolved options of the infer task. */
export type InferConfig = Readonly<z.infer<typeof inferSchema>>;

const checks: readonly CrossCheck<InferConfig>[] = [
  {
    fields: ["question", "prompt", "input"],
    fault: ({ question, prompt, input }) =>
      [question, prompt, input].filter((value) => value !== null).length === 1
        ? null
        : "Cannot tell what to answer: give one of --question, --prompt and --input",
  },
  {
    fields: ["question", "schema"],
    fault: ({ question, schema }) =>
      (question === null) === (schema === null)
        ? null
        : "Cannot answer a question without its schema: give --question and --schema together",
  },
  {
    fields: ["input", "output"],
    fault: ({ input, output }) =>
      (input === null) === (output === null)
        ? null
        : "Cannot answer a file: give --input and --output together",
  },
  {
    fields: ["base_model", "adapter_path"],
    fault: ({ base_model, adapter_path }) =>
      base_model !== null || adapter_path !== null
        ? null
        : "Cannot load a model: give --base_model, or --adapter_path of an adapter that names it",
  },
];

/** The option table, for `--help`. */
export function describeInferOptions(): Option[] {
  return describeSchema(inferSchema);
}

/** Merges and checks the options. Throws ConfigError with all faults. */
export function resolveInferConfig(layers: readonly OptionLayer[]): InferConfig {
  return resolveOptions(inferSchema, layers, checks);
}
