/**
 * Questions to a model about a database: its SQL, what that gives, and whether it is right.
 * @module
 */
import { formatCount } from "../cli/format.ts";
import { schemaQuestion, textToSqlInstruction } from "../data/question.ts";
import { FormatError, SqlError } from "../errors.ts";
import { sameRows } from "../eval/internal/rules.ts";
import type { Database, QueryResult } from "../sql/database.ts";
import { formatDdl } from "../sql/ddl.ts";
import { ASKED_MODEL, openAskedModel } from "./asked_model.ts";
import { interruptible, liveDisplay, type SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";
import { type Cell, tableText, tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** A question, and the query that answers it. */
export interface GoldQuestion {
  readonly question: string;
  /** Runs on the same database; an answer is right if its rows are those of this query. */
  readonly gold: string;
}

/** A question with the model's SQL and what the database says to it. */
export interface AskedQuestion extends GoldQuestion {
  readonly sql: string;
  readonly result: QueryResult | null;
  readonly error: string | null;
  /** What the gold query gives. */
  readonly expected: QueryResult;
  /** Whether the rows are the expected ones; their order counts where the gold query sorts. */
  readonly right: boolean;
  readonly tokens: number;
  readonly ms: number;
}

/** What to ask. */
export interface AskOptions {
  readonly questions: readonly GoldQuestion[];
  /** What the questions are about; the SQL runs on it, with a limit of time and rows. */
  readonly database: Database;
  /** The folder of what was trained; null asks the base model. */
  readonly path: string | null;
  /** Default 96. */
  readonly maxNewTokens?: number;
  readonly send?: SendDisplay;
}

/** Rows of a result that are shown. */
const SHOWN_ROWS = 5;

/** Far above what questions for people to read give. Integers as equal results need them. */
const READING = { timeoutMs: 5000, maxRows: 10_000, integers: "bigint" } as const;

/**
 * Loads what was trained, asks it, and gives its memory back. Each answer is shown as it comes, with
 * what its SQL gives, whether that is right, and, where it is not, what would be. Throws
 * {@linkcode FormatError} where a gold query does not run, before anything is asked.
 */
export async function askModel(
  notebook: Notebook,
  settings: RunSettings,
  { questions, database, path, maxNewTokens = 96, send }: AskOptions,
): Promise<{ readonly answers: readonly AskedQuestion[] } & View> {
  for (const asked of questions) await runGold(database, asked);
  const ddl = formatDdl(await database.schema(), { style: "compact" });
  const instruction = textToSqlInstruction(settings.config.prompt);
  const prompts = questions.map(({ question }, index) => (
    { index, parts: { instruction, input: schemaQuestion(ddl, question) } }
  ));
  const answers: AskedQuestion[] = [];
  const display = liveDisplay({ send, intervalMs: 200 });
  const shown = () => answersTable(questions, answers);
  try {
    await interruptible(async (signal) => {
      await display.update(shown);
      const tell = (text: string) => void display.update(() => text);
      const asking = { maxNewTokens, batchSize: 1, tell };
      const base = await openAskedModel(notebook, settings, asking, signal);
      const { predictor } = path === null ? base : await base.trained(path, signal);
      for await (const { index, sql, tokens, latencyMs } of predictor.answer(prompts, signal)) {
        const said = { sql, tokens: tokens!, ms: latencyMs! };
        answers.push(await checkAnswer(database, { ...questions[index], said }));
        await display.update(shown);
      }
    });
  } finally {
    notebook.drop(ASKED_MODEL);
  }
  await display.finish(shown());
  return withView({ answers }, bundleOf(shown()));
}

/** Runs what a model said to a question, and the gold query, whose rows make it right or wrong. */
export async function checkAnswer(
  database: Database,
  { question, gold, said }: GoldQuestion & {
    readonly said: Pick<AskedQuestion, "sql" | "tokens" | "ms">;
  },
): Promise<AskedQuestion> {
  const expected = await runGold(database, { question, gold });
  const { result, error } = await run(database, said.sql);
  const right = result !== null && sameRows(result, { gold, expected: expected.rows });
  return { question, gold, ...said, result, error, expected, right };
}

async function runGold(database: Database, { question, gold }: GoldQuestion): Promise<QueryResult> {
  const { result, error } = await run(database, gold);
  if (result !== null && !result.truncated) return result;
  throw new FormatError(
    `Cannot compare answers to "${question}": its gold query gives ` +
      `${
        error === null ? `more than ${READING.maxRows} rows` : `no rows (${error})`
      }; give a query ` +
      "that runs on this database",
  );
}

async function run(
  database: Database,
  sql: string,
): Promise<Pick<AskedQuestion, "result" | "error">> {
  try {
    return { result: await database.query(sql, READING), error: null };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { result: null, error: error.message };
  }
}

/** Every question; those that are answered, the first ones, with their answers. */
export function answersTable(
  questions: readonly GoldQuestion[],
  answers: readonly AskedQuestion[],
): View {
  const waiting = questions.slice(answers.length).map(({ question }): Cell[] => [
    { text: "…", as: "soft" },
    question,
    null,
    null,
    null,
  ]);
  return tableView({
    columns: ["", "question", "SQL", "result", "expected"],
    rows: [...answers.map(answerRow), ...waiting],
    note: waiting.length > 0 ? `${answers.length} of ${questions.length} answered` : sum(answers),
  });
}

function answerRow({ question, sql, result, error, expected, right }: AskedQuestion): Cell[] {
  return [
    right ? { text: "✓ right", as: "good" } : { text: "✗ wrong", as: "bad" },
    question,
    { text: sql || "(nothing)", as: "code" },
    result ? resultCell(result) : { text: error!, as: "bad" },
    right ? { text: "the same", as: "soft" } : resultCell(expected),
  ];
}

function sum(answers: readonly AskedQuestion[]): string {
  const ms = answers.reduce((sum, answer) => sum + answer.ms, 0);
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const ran = answers.filter(({ result }) => result !== null).length;
  const right = answers.filter((answer) => answer.right).length;
  return `${right} of ${answers.length} right, ${ran} run; ` +
    `${formatCount(tokens / (ms / 1000))} tokens/s`;
}

function resultCell({ columns, rows, truncated }: QueryResult): Cell {
  if (rows.length === 0) return { text: "no rows", as: "soft" };
  const shown = rows.slice(0, SHOWN_ROWS).map((row) =>
    row.map((value) =>
      value instanceof Uint8Array ? `${value.length} bytes` : String(value ?? "NULL")
    )
  );
  const count = truncated ? `more than ${rows.length} rows` : `${rows.length} rows`;
  const more = rows.length > SHOWN_ROWS ? `… ${count}` : "";
  return { text: [tableText({ columns, rows: shown }), more].join("\n").trim(), as: "code" };
}
