/**
 * The options of `deno task data`.
 * @module
 */
import { z } from "zod";
import { DATASETS } from "../data/registry.ts";
import {
  commonFields,
  type CrossCheck,
  describeSchema,
  type Option,
  type OptionLayer,
  resolveOptions,
} from "../train/options.ts";

const INPUT = "What to read", OUTPUT = "What to write", PROMPTS = "Prompts", CHECKS = "Checks";

const path = (group: string, description: string, value = "DIR") =>
  z.string().min(1).nullable().default(null).meta({ group, description, value });

const count = (group: string, description: string) =>
  z.int().min(1).nullable().default(null).meta({ group, description });

const share = (value: number, description: string) =>
  z.number().min(0).max(1).default(value).meta({ group: OUTPUT, description });

/** Every option of the data task. */
export const dataSchema = z.object({
  dataset: z.enum(DATASETS.map(({ name }) => name)).default("demo").meta({
    group: INPUT,
    description: "The data set, which says how its files are laid out.",
    value: "NAME",
    also: ["dataset_name", "name"],
  }),
  source: path(INPUT, "Its file or folder, or its repository on the Hub.", "PATH|hub:OWNER/NAME"),
  tables: path(INPUT, "The file with its schemas, where that is not beside the questions.", "FILE"),
  db_dir: path(INPUT, "The folder with its databases, where that is not beside the questions."),
  max_rows: count(INPUT, "Rows to read of each file at most."),
  inspect: z.boolean().default(false).meta({
    group: INPUT,
    description: "Only print splits, sizes and one example; write nothing.",
    also: ["smoke", "dry_run"],
  }),

  out_dir: path(
    OUTPUT,
    "Folder for train.jsonl, val.jsonl, test.jsonl and data_report.json [data/processed].",
  ),
  val_ratio: share(0.1, "Share of the rows for validation, where no file of the data set is."),
  test_ratio: share(0, "Share of the rows for testing, where no file of the data set is."),
  split_by: z.enum(["schema", "row"]).default("schema").meta({
    group: OUTPUT,
    description: "schema: no database or table on two sides; row: row by row.",
  }),
  resplit: z.boolean().default(false).meta({
    group: OUTPUT,
    description: "Divide all rows anew, whatever files they are from.",
  }),

  prompt: z.enum(["alpaca", "mistral"]).default("alpaca").meta({
    group: PROMPTS,
    description: "The template that the records will be used with: its wording, its lengths.",
  }),
  dialect: z.enum(["sqlite", "postgres"]).default("sqlite").meta({
    group: PROMPTS,
    description: "The SQL to learn.",
  }),
  schema_style: z.enum(["full", "compact"]).default("full").meta({
    group: PROMPTS,
    description: "A line for each column, or one for each table. DDL given as text stays.",
  }),
  sample_values: z.int().min(0).max(20).default(0).meta({
    group: PROMPTS,
    description: "Values from the database to show behind each column.",
  }),
  max_schema_tokens: count(
    PROMPTS,
    "Leave out tables the question needs least until a schema has at most N. Needs --tokenizer.",
  ),
  tokenizer: z.string().min(1).nullable().default(null).meta({
    group: PROMPTS,
    description: "Model folder whose tokenizer counts the lengths in the report.",
    value: "DIR",
    also: ["base_model"],
  }),

  on_invalid: z.enum(["drop", "keep", "fail"]).default("drop").meta({
    group: CHECKS,
    description: "What becomes of rows whose SQL does not prepare or run.",
  }),
  timeout_ms: z.int().min(1).default(5000).meta({
    group: CHECKS,
    description: "Milliseconds for a query on a database.",
  }),
  ...commonFields,
  output_dir: path("Every task", "Another name of --out_dir."),
});

/** The resolved options of the data task. */
export type DataConfig = Readonly<z.infer<typeof dataSchema>>;

const CHECK_LIST: readonly CrossCheck<DataConfig>[] = [
  {
    fields: ["dataset", "source"],
    fault: ({ dataset, source }) => {
      const { hasFiles } = DATASETS.find(({ name }) => name === dataset)!;
      if (hasFiles && source === null) {
        return `Cannot build ${dataset} without its files; give --source PATH`;
      }
      return hasFiles || source === null
        ? null
        : `Cannot use --source ${source}: ${dataset} has no files; name its data set with --dataset`;
    },
  },
  {
    fields: ["out_dir", "output_dir"],
    fault: ({ out_dir, output_dir }) =>
      out_dir !== null && output_dir !== null && out_dir !== output_dir
        ? "Cannot use both --out_dir and --output_dir: they mean the same; give one"
        : null,
  },
  {
    fields: ["val_ratio", "test_ratio"],
    fault: ({ val_ratio, test_ratio }) =>
      val_ratio + test_ratio > 1
        ? `Cannot hold back ${val_ratio} and ${test_ratio} of the rows: that is more than all; ` +
          "lower --val_ratio or --test_ratio"
        : null,
  },
  {
    fields: ["max_schema_tokens", "tokenizer"],
    fault: ({ max_schema_tokens, tokenizer }) =>
      max_schema_tokens !== null && tokenizer === null
        ? "Cannot use --max_schema_tokens without a tokenizer; give --tokenizer DIR"
        : null,
  },
];

/** The option table of the data task, in the order of `--help`. */
export function describeDataOptions(): Option[] {
  return describeSchema(dataSchema);
}

/** The folder to write to. */
export function outputFolder({ out_dir, output_dir }: DataConfig): string {
  return out_dir ?? output_dir ?? "data/processed";
}

/** Merges defaults and layers. Throws ConfigError with all faults at once. */
export function resolveDataConfig(layers: readonly OptionLayer[]): DataConfig {
  return resolveOptions(dataSchema, layers, CHECK_LIST);
}
