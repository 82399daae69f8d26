/**
 * The options of `deno task eval`.
 * @module
 */
import { z } from "zod";
import { BENCHMARKS } from "../eval/benchmark.ts";
import {
  commonFields,
  type CrossCheck,
  describeSchema,
  type Option,
  type OptionLayer,
  resolveOptions,
} from "../train/options.ts";
import { generationFields, modelFields } from "./model_options.ts";

const text = (group: string, description: string, value: string) =>
  z.string().min(1).nullable().default(null).meta({ group, description, value });

const WHAT = "What to score", MODEL = "Model", GENERATION = "Generation", REPORT = "Report";

/** Every option of the eval task. */
export const evalSchema = z.object({
  benchmark: z.enum(BENCHMARKS).nullable().default(null).meta({
    group: WHAT,
    description: "By whose rules to score; internal: records of your own; demo: questions beside " +
      "their databases, by default the project's own.",
  }),
  data: text(
    WHAT,
    "The file of questions, such as Spider's dev.json; for demo also a folder with a questions.jsonl, " +
      "or with one in each of its folders.",
    "FILE|DIR",
  ),
  gold: text(WHAT, "Gold queries, one a line with a tab and db_id, instead of --data.", "FILE"),
  tables: text(WHAT, "The file of schemas, where it is not beside the questions.", "FILE"),
  db_dir: text(
    WHAT,
    "The folder of databases, where it is not beside the questions. For internal and demo they can be " +
      "scripts, NAME/NAME.sql.",
    "DIR",
  ),
  db: text(WHAT, "One SQLite database, or .sql script of one, for all questions.", "FILE"),
  max_samples: z.int().min(1).nullable().default(null).meta({
    group: WHAT,
    description: "Only so many questions, from the first.",
  }),
  timeout_ms: z.int().min(1).default(30_000).meta({
    group: WHAT,
    description: "Milliseconds that a query may run.",
  }),
  predictions: text(
    MODEL,
    "Score these answers, without a model: one SQL a line, or JSONL with pred.",
    "FILE",
  ),
  backend: z.enum(["webgpu", "ollama", "openai"]).default("webgpu").meta({
    group: MODEL,
    description: "Where the model runs; openai: any server with this API.",
  }),
  base_model: text(
    MODEL,
    "Model folder, or OWNER/NAME of one on the Hub; by default the one that the adapter names. " +
      "For a server, the model's name there.",
    "DIR|NAME",
  ),
  ...modelFields,
  base_url: text(
    MODEL,
    "The server; ollama: http://localhost:11434. A key is taken from OPENAI_API_KEY.",
    "URL",
  ),
  prompt_style: z.enum(["alpaca", "mistral"]).default("alpaca").meta({
    group: GENERATION,
    description: "alpaca: the prompt of training as raw text. mistral: a chat in its template.",
  }),
  schema_style: z.enum(["full", "compact"]).nullable().default(null).meta({
    group: GENERATION,
    description:
      "How schemas are written, as in the data; by default compact for demo, else full. Records have " +
      "their own.",
  }),
  ...generationFields,
  batch_size: z.int().min(1).default(8).meta({
    group: GENERATION,
    description: "Questions to ask at once.",
  }),
  request_timeout_ms: z.int().min(1).default(120_000).meta({
    group: GENERATION,
    description: "Milliseconds that a server may take for an answer.",
  }),
  compare: text(REPORT, "The output_dir of another run, to compare with as the baseline.", "DIR"),
  ...commonFields,
});

/** The resolved options of the eval task. */
export type EvalConfig = Readonly<z.infer<typeof evalSchema>>;

/** Whether a benchmark can be scored with gold queries of another file. */
function takesGold(benchmark: EvalConfig["benchmark"]): boolean {
  return benchmark !== "wikisql" && benchmark !== "internal" && benchmark !== "demo";
}

const checks: readonly CrossCheck<EvalConfig>[] = [
  {
    fields: ["benchmark"],
    fault: ({ benchmark }) =>
      benchmark === null
        ? `Cannot tell by whose rules to score: give --benchmark ${BENCHMARKS.join("|")}`
        : null,
  },
  {
    fields: ["benchmark", "data", "gold"],
    fault: ({ benchmark, data, gold }) => {
      if (data !== null || benchmark === "demo" || (gold !== null && takesGold(benchmark))) {
        return null;
      }
      return !takesGold(benchmark)
        ? `Cannot score ${benchmark} without its questions: give --data FILE`
        : "Cannot score without gold queries: give --data FILE, or --gold FILE with --predictions";
    },
  },
  {
    fields: ["benchmark", "gold"],
    fault: ({ benchmark, gold }) =>
      gold !== null && !takesGold(benchmark)
        ? `Cannot use --gold with ${benchmark}: its questions have their gold queries with them`
        : null,
  },
  {
    fields: ["predictions", "base_model", "adapter_path"],
    fault: ({ predictions, base_model, adapter_path }) =>
      predictions !== null && (base_model !== null || adapter_path !== null)
        ? "Cannot tell whose answers to score: give --predictions, or a model"
        : null,
  },
  {
    fields: ["predictions", "backend", "base_model", "adapter_path"],
    fault: ({ predictions, backend, base_model, adapter_path }) => {
      if (predictions !== null || base_model !== null) return null;
      if (backend !== "webgpu") {
        return `Cannot ask ${backend}: give the model's name on the server with --base_model`;
      }
      return adapter_path === null
        ? "Cannot get answers: give --predictions FILE, --base_model or --adapter_path"
        : null;
    },
  },
  {
    fields: ["backend", "adapter_path"],
    fault: ({ backend, adapter_path }) =>
      backend !== "webgpu" && adapter_path !== null
        ? `Cannot use --adapter_path with ${backend}: serve the merged model there`
        : null,
  },
  {
    fields: ["predictions", "backend", "top_k"],
    fault: ({ predictions, backend, top_k }) =>
      predictions === null && backend === "openai" && top_k !== 0
        ? "Cannot use --top_k with openai: its API has none; use --top_p"
        : null,
  },
  {
    fields: ["predictions", "backend", "base_url"],
    fault: ({ predictions, backend, base_url }) => {
      if (base_url !== null && !/^https?:\/\/\S+$/.test(base_url)) {
        return `Cannot use --base_url ${base_url}: write http://HOST:PORT`;
      }
      return predictions === null && backend === "openai" && base_url === null
        ? "Cannot ask openai: give the server with --base_url, such as http://localhost:8000/v1"
        : null;
    },
  },
  {
    fields: ["predictions", "data"],
    fault: ({ predictions, data, gold }) =>
      predictions === null && data === null && gold !== null
        ? "Cannot ask a model without questions: give --data FILE beside --gold"
        : null,
  },
];

/** The option table, for `--help`. */
export function describeEvalOptions(): Option[] {
  return describeSchema(evalSchema);
}

/** Merges and checks the options. Throws ConfigError with all faults. */
export function resolveEvalConfig(layers: readonly OptionLayer[]): EvalConfig {
  return resolveOptions(evalSchema, layers, checks);
}
