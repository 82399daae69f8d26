/**
 * Reads predictions that were made elsewhere.
 * @module
 */
import { FormatError } from "../errors.ts";
import { isJsonObject } from "../formats/json.ts";
import type { Answer } from "./predictor.ts";
import type { Benchmark, Question } from "./benchmark.ts";
import { readText } from "./text_file.ts";

/** A prediction as the file has it. */
interface Entry {
  readonly line: number;
  /** Text of SQL, or a structure that the benchmark renders. */
  readonly pred: unknown;
  readonly id?: string;
  readonly dbId?: string;
  readonly latencyMs?: number;
  readonly tokens?: number;
  /** Why there was no answer. */
  readonly error?: string;
}

/**
 * The answers of a file to the questions of `benchmark`, in their order. The file has
 *
 * - one query a line, perhaps with a tab and its db_id behind it, as Spider's evaluator reads it;
 * - JSON Lines with `pred` (or `text`, as `deno task infer` writes it; or `query`, as WikiSQL's own
 *   predictions have it), and perhaps `id`, `db_id`, `latency_ms` and `tokens`;
 * - or one JSON object with the index of the question as key, as BIRD has it.
 *
 * A structure that is no query of the benchmark is an answer with an error, which is wrong, as in
 * WikiSQL's `evaluate.py`. Throws {@linkcode FormatError} where there is not one prediction for each question, or one is for
 * another question or database. Of a longer file only the first count where `partial` is set.
 */
export async function readPredictions(
  path: string,
  benchmark: Pick<Benchmark, "questions" | "render">,
  { partial }: { partial: boolean },
): Promise<Answer[]> {
  const { questions } = benchmark;
  const given = parse(await readText(path), questions, path);
  const fits = given.length === questions.length || (partial && given.length > questions.length);
  if (!fits) {
    throw new FormatError(
      `Cannot score ${path}: it has ${given.length} predictions for ${questions.length} ` +
        "questions; give one for each, with an empty line where there is none",
      { file: path },
    );
  }
  const entries = inOrder(given, questions, path);
  return questions.map((question, index) => {
    const entry = entries[index];
    if (entry.dbId !== undefined && entry.dbId !== question.dbId) {
      throw new FormatError(
        `Cannot score ${path}: line ${entry.line} is about ${entry.dbId}, but question ${
          index + 1
        } ` +
          `about ${question.dbId}; bring the predictions into the order of the questions`,
        { file: path, line: entry.line },
      );
    }
    return {
      index,
      latencyMs: entry.latencyMs ?? null,
      tokens: entry.tokens ?? null,
      ...sqlOf(entry, index, { benchmark, path }),
    };
  });
}

function parse(text: string, questions: readonly Question[], path: string): Entry[] {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  const first = text.trimStart();
  if (!first.startsWith("{")) return textLines(lines, questions);
  const whole = attempt(() => JSON.parse(text));
  const single = isJsonObject(whole) && !["pred", "text", "query"].some((key) => key in whole);
  if (single) return byIndex(whole, path);
  return lines.flatMap((line, index) => line.trim() === "" ? [] : jsonLine(line, index + 1, path));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/**
 * A tab can also stand inside a query. It parts a db_id off where what follows is the name of a
 * database of the questions, or one word in all lines. More blank lines than questions end the file.
 */
function textLines(lines: readonly string[], questions: readonly Question[]): Entry[] {
  const count = lines.findLastIndex((line) => line.trim() !== "") + 1;
  const rows = lines.slice(0, Math.max(count, questions.length)).map((line) => {
    const text = line.trim();
    const tab = text.lastIndexOf("\t");
    return { text, tab, name: tab < 0 ? "" : text.slice(tab + 1) };
  });
  const known = new Set(questions.map(({ dbId }) => dbId));
  const named = rows.every(({ text, name }) => text === "" || /^\w+$/.test(name));
  return rows.map(({ text, tab, name }, index) => ({
    line: index + 1,
    pred: tab >= 0 && (named || known.has(name)) ? text.slice(0, tab).trim() : text,
    dbId: named && name !== "" ? name : undefined,
  }));
}

/** In BIRD's file the db_id stands behind the query. */
function byIndex(entries: Readonly<Record<string, unknown>>, path: string): Entry[] {
  const count = Object.keys(entries).length;
  return Array.from({ length: count }, (_, index) => {
    const value = entries[index];
    if (value === undefined) {
      throw new FormatError(
        `Cannot score ${path}: it has ${count} predictions, but none with the key "${index}"; ` +
          "number them from 0",
        { file: path },
      );
    }
    const [pred, dbId] = typeof value === "string" ? value.split("\t----- bird -----\t") : [""];
    return { line: index + 1, pred, dbId: dbId?.trim() };
  });
}

function jsonLine(text: string, line: number, path: string): Entry {
  const fail = (what: string, cause?: unknown) =>
    new FormatError(
      `Cannot score ${path}: line ${line} ${what}; write one JSON object with "pred" a line`,
      { file: path, line },
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fail(`is not valid JSON (${(cause as Error).message})`, cause);
  }
  if (!isJsonObject(value)) throw fail("is no object");
  // Null is how a model that gave no answer is written down.
  const pred = ["pred", "text", "query"].map((key) => value[key]).find((item) =>
    item !== undefined
  );
  if (pred === undefined && value.error === undefined) throw fail("has no pred");
  const optional = (key: string, type: "string" | "number") => {
    const field = value[key] ?? undefined;
    if (field === undefined || typeof field === type) return field;
    throw fail(`has a ${key} that is no ${type === "string" ? "text" : "number"}`);
  };
  return {
    line,
    pred: pred ?? "",
    id: typeof value.id === "number" ? String(value.id) : optional("id", "string") as string,
    dbId: optional("db_id", "string") as string | undefined,
    latencyMs: optional("latency_ms", "number") as number | undefined,
    tokens: optional("tokens", "number") as number | undefined,
    error: value.error_kind === "no_answer" ? optional("error", "string") as string : undefined,
  };
}

/** The entries in the order of the questions, where all have the id of one. */
function inOrder(
  entries: readonly Entry[],
  questions: readonly Question[],
  path: string,
): readonly Entry[] {
  const byId = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.id === undefined) return entries;
    if (byId.has(entry.id)) {
      throw new FormatError(
        `Cannot score ${path}: line ${entry.line} has the id ${entry.id} again; give one prediction ` +
          "for each question",
        { file: path, line: entry.line },
      );
    }
    byId.set(entry.id, entry);
  }
  // Ids of another naming, such as line numbers, say nothing: then the order counts.
  if (!questions.some(({ id }) => byId.has(id))) return entries;
  return questions.map(({ id }) => {
    const entry = byId.get(id);
    if (entry) return entry;
    throw new FormatError(
      `Cannot score ${path}: it has no prediction with the id ${id}; give one for each question`,
      { file: path },
    );
  });
}

function sqlOf(
  { pred, line, error }: Entry,
  index: number,
  { benchmark, path }: { benchmark: Pick<Benchmark, "render">; path: string },
): Pick<Answer, "sql" | "error"> {
  if (typeof pred === "string") return error === undefined ? { sql: pred } : { sql: pred, error };
  if (!benchmark.render) {
    throw new FormatError(
      `Cannot score ${path}: line ${line}: its pred is no text; give the SQL`,
      { file: path, line },
    );
  }
  try {
    return { sql: benchmark.render(index, pred) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { sql: JSON.stringify(pred), error: error.message };
  }
}
