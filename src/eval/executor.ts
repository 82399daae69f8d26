/**
 * Running queries for their results, and what it means when one does not end well.
 * @module
 */
import { FormatError, SqlError, type SqlErrorKind } from "../errors.ts";
import type { Database, QueryOptions } from "../sql/database.ts";
import type { Row } from "./results.ts";

/** The part of a database that scoring needs. */
export type Executor = Pick<Database, "query">;

/** The rows of a query, or why there are none. */
export type Outcome =
  | { readonly rows: readonly Row[]; readonly truncated: boolean; readonly fault: null }
  | { readonly rows: null; readonly fault: Fault };

/** Why a prediction is not right. */
export interface Fault {
  /**
   * `wrong_result`: it ran, but its rows are others than those of the gold query. `gold_failed`: there
   * are no rows to compare with, which some rules count as wrong. `no_answer`: there is no SQL to run.
   */
  readonly kind: SqlErrorKind | "wrong_result" | "gold_failed" | "no_answer";
  readonly message: string;
}

/** The fault of a prediction that ran to its end. */
export const WRONG_RESULT: Fault = {
  kind: "wrong_result",
  message: "its rows are not those of the gold query",
};

/** The fault of an answer without text, which would be right where the gold query has no rows. */
export const NO_ANSWER: Fault = { kind: "empty", message: "There is no answer" };

/**
 * What every evaluator reads: integers told apart from reals, and bytes that are not UTF-8 left out,
 * as Spider's does. The caps stand far above any gold result.
 */
const READING = {
  integers: "bigint",
  invalidText: "ignore",
  maxRows: 1_000_000,
  maxCells: 10_000_000,
  maxBytes: 128 * 2 ** 20,
} as const satisfies QueryOptions;

/** How a query is run. */
export interface RunOptions extends Pick<QueryOptions, "invalidText" | "maxRows"> {
  readonly timeoutMs: number;
}

/**
 * Runs `sql` within `timeoutMs`. A statement that is wrong, refused, too slow or too large is an
 * outcome with an error; only a damaged database throws. Blanks and comments alone give no rows, as in
 * Python's `sqlite3`.
 */
export async function run(
  database: Executor,
  sql: string,
  options: RunOptions,
): Promise<Outcome> {
  try {
    const { rows, truncated } = await database.query(sql, { ...READING, ...options });
    return { rows, truncated, fault: null };
  } catch (error) {
    if (!(error instanceof SqlError) || error.kind === "database") throw error;
    if (error.kind === "empty") return { rows: [], truncated: false, fault: null };
    return { rows: null, fault: { kind: error.kind, message: error.message } };
  }
}

/** The fault of a prediction whose gold query has none to compare with. */
export function goldFailed(error: FormatError): Fault {
  return { kind: "gold_failed", message: error.message };
}

/** {@linkcode run} for a gold query: throws {@linkcode FormatError} where there is no whole result. */
export async function runGold(
  database: Executor,
  sql: string,
  options: RunOptions,
): Promise<readonly Row[]> {
  const outcome = await run(database, sql, options);
  if (outcome.rows !== null && !outcome.truncated) return outcome.rows;
  throw new FormatError(
    `Cannot run the gold query (${outcome.fault?.message ?? "its result is too large"}); ` +
      "check that the database belongs to the question",
  );
}
