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

const flag = (group: string, description: string) =>
  z.boolean().default(false).meta({ group, description });

const MODEL = "Model", INPUT = "What to answer", PROMPT = "Prompt", RUN = "Running the answer";
const GENERATION = "Generation";

/** Why answers in PostgreSQL's dialect are not run. */
export const NOT_POSTGRES =
  "Cannot execute PostgreSQL's SQL: databases are SQLite's here; leave out --dialect or --execute";

/** Every option of the infer task. */
export const inferSchema = z.object({
  base_model: text(
    MODEL,
    "Model folder, or OWNER/NAME of one on the Hub; by default the one that the adapter names.",
    "DIR|NAME",
  ),
  ...modelFields,
  question: text(INPUT, "A question in words. Needs --schema."),
  schema: text(
    INPUT,
    "What the questions are about: a SQLite database, a file of CREATE TABLE statements, or these.",
    "DB|FILE|TEXT",
  ),
  prompt: text(INPUT, "A raw prompt, without any template; BOS is added."),
  input: text(
    INPUT,
    "JSONL of records (instruction, input); with --schema, of questions (question), or any other " +
      "file with one question a line. Needs --output.",
    "FILE",
  ),
  output: text(INPUT, "JSONL to write, one answer for each line of --input.", "FILE"),
  examples: flag(INPUT, "Built-in questions about a built-in database."),
  interactive: flag(INPUT, "A session: one question a line; :help lists what else it knows."),
  prompt_style: z.enum(["alpaca", "mistral"]).default("alpaca").meta({
    group: PROMPT,
    description: "Prompt template and wording, as in the data and in training.",
  }),
  dialect: z.enum(["sqlite", "postgres"]).default("sqlite").meta({
    group: PROMPT,
    description: "The SQL that is asked for, as in the data.",
  }),
  schema_style: z.enum(["full", "compact"]).default("full").meta({
    group: PROMPT,
    description: "How the schema of a database is written, as in the data.",
  }),
  sample_values: z.int().min(0).default(0).meta({
    group: PROMPT,
    description: "Values of the database to show behind each column, this many.",
  }),
  max_seq_length: z.int().min(1).nullable().default(null).meta({
    group: PROMPT,
    description:
      "Tokens of prompt and answer together; from a longer schema the tables are left out " +
      "that the question needs least. By default as many as the model was made for.",
  }),
  execute: flag(
    RUN,
    "Run the SQL, safely and without a way to change anything, and show its rows.",
  ),
  timeout_ms: z.int().min(1).default(5000).meta({
    group: RUN,
    description: "Milliseconds that a query may run.",
  }),
  max_rows: z.int().min(1).default(50).meta({
    group: RUN,
    description: "Rows to show at most.",
  }),
  ...generationFields,
  batch_size: z.int().min(1).default(8).meta({
    group: GENERATION,
    description: "Lines of --input to answer at once.",
  }),
  ...commonFields,
});

/** The resolved options of the infer task. */
export type InferConfig = Readonly<z.infer<typeof inferSchema>>;

const checks: readonly CrossCheck<InferConfig>[] = [
  {
    fields: ["question", "prompt", "input", "examples", "interactive"],
    fault: ({ question, prompt, input, examples, interactive }) =>
      [question, prompt, input].filter((value) => value !== null).length + Number(examples) +
            Number(interactive) === 1
        ? null
        : "Cannot tell what to answer: give one of --question, --prompt, --input, --examples and " +
          "--interactive",
  },
  {
    fields: ["question", "schema", "prompt", "examples"],
    fault: ({ question, schema, prompt, examples }) => {
      if (question !== null && schema === null) {
        return "Cannot answer a question without its schema: give --question and --schema together";
      }
      return schema !== null && (prompt !== null || examples)
        ? "Cannot use --schema here: --prompt is asked as it is, and --examples have their own"
        : null;
    },
  },
  {
    fields: ["execute", "dialect", "prompt", "input", "schema"],
    fault: ({ execute, dialect, prompt, input, schema }) => {
      if (execute && dialect === "postgres") return NOT_POSTGRES;
      if (!execute || (prompt === null && (input === null || schema !== null))) return null;
      return prompt !== null
        ? "Cannot execute the answer to a raw prompt: ask with --question and --schema"
        : "Cannot execute the answers to records: give --schema, and questions as --input";
    },
  },
  {
    fields: ["max_seq_length", "max_new_tokens"],
    fault: ({ max_seq_length, max_new_tokens }) =>
      max_seq_length !== null && max_seq_length <= max_new_tokens
        ? `Cannot fit a prompt: --max_seq_length is ${max_seq_length}, and --max_new_tokens ` +
          `${max_new_tokens} of it are the answer's; raise the one or lower the other`
        : null,
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
