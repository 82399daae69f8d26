/**
 * Questions to a model about a database: its SQL, and what that gives.
 * @module
 */
import { formatCount } from "../cli/format.ts";
import { schemaQuestion, textToSqlInstruction } from "../data/question.ts";
import { SqlError } from "../errors.ts";
import { webgpuPredictor } from "../eval/backends/webgpu.ts";
import { loadAdapter } from "../model/adapter.ts";
import { loadModel } from "../model/load.ts";
import type { Database, QueryResult } from "../sql/database.ts";
import { formatDdl } from "../sql/ddl.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import { interruptible } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";
import { type Cell, tableText, tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** A question with the model's SQL and what the database says to it. */
export interface AskedQuestion {
  readonly question: string;
  readonly sql: string;
  readonly result: QueryResult | null;
  readonly error: string | null;
  readonly tokens: number;
  readonly ms: number;
}

/** What to ask. */
export interface AskOptions {
  readonly questions: readonly string[];
  /** What the questions are about; the SQL runs on it, with a limit of time and rows. */
  readonly database: Database;
  /** The folder of what was trained; null asks the base model. */
  readonly path: string | null;
  /** Default 96. */
  readonly maxNewTokens?: number;
}

/** Rows of a result that are shown. */
const SHOWN_ROWS = 5;

/** Loads what was trained, asks it, and gives its memory back. The answers show themselves. */
export async function askModel(
  notebook: Notebook,
  { config, modelDirectory }: RunSettings,
  { questions, database, path, maxNewTokens = 96 }: AskOptions,
): Promise<{ readonly answers: readonly AskedQuestion[] } & View> {
  const full = config.method === "full" && path !== null;
  const directory = full ? path : modelDirectory;
  const ddl = formatDdl(await database.schema(), { style: "compact" });
  const instruction = textToSqlInstruction(config.prompt);
  const prompts = questions.map((question, index) => (
    { index, parts: { instruction, input: schemaQuestion(ddl, question) } }
  ));
  const answers: AskedQuestion[] = [];
  try {
    await interruptible(async (signal) => {
      const model = await notebook.keep("model", () =>
        loadModel(notebook.device, directory, {
          quantization: config.method === "qlora" ? "nf4" : "none",
          doubleQuant: config.double_quant,
          signal,
        }));
      if (path !== null && !full) {
        const adapter = await notebook.keep("adapter", () => loadAdapter(model, path));
        adapter.attach(model);
      }
      const predictor = webgpuPredictor(model, await loadTokenizer(directory), {
        name: directory,
        promptStyle: config.prompt,
        maxNewTokens,
        batchSize: 1,
      });
      for await (const { index, sql, tokens, latencyMs } of predictor.answer(prompts, signal)) {
        const question = questions[index];
        answers.push({
          question,
          sql,
          ...await run(database, sql),
          tokens: tokens!,
          ms: latencyMs!,
        });
      }
    });
  } finally {
    notebook.drop("model");
  }
  return withView({ answers }, bundleOf(answersTable(answers)));
}

async function run(
  database: Database,
  sql: string,
): Promise<Pick<AskedQuestion, "result" | "error">> {
  try {
    return { result: await database.query(sql, { timeoutMs: 5000, maxRows: 100 }), error: null };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { result: null, error: error.message };
  }
}

function answersTable(answers: readonly AskedQuestion[]): View {
  const ms = answers.reduce((sum, answer) => sum + answer.ms, 0);
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const ran = answers.filter(({ result }) => result !== null).length;
  return tableView({
    columns: ["question", "SQL", "result"],
    rows: answers.map(({ question, sql, result, error }) => [
      question,
      { text: sql || "(nothing)", as: "code" },
      result ? resultCell(result) : { text: error!, as: "bad" },
    ]),
    note: `${ran} of ${answers.length} run; ${formatCount(tokens / (ms / 1000))} tokens/s`,
  });
}

function resultCell({ columns, rows, truncated }: QueryResult): Cell {
  if (rows.length === 0) return { text: "no rows", as: "soft" };
  const shown = rows.slice(0, SHOWN_ROWS).map((row) =>
    row.map((value) =>
      value instanceof Uint8Array ? `${value.length} bytes` : String(value ?? "NULL")
    )
  );
  const more = rows.length > SHOWN_ROWS || truncated ? `… ${rows.length} rows` : "";
  return { text: [tableText({ columns, rows: shown }), more].join("\n").trim(), as: "code" };
}
