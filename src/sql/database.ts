/**
 * What a database looks like to the rest of the code, whichever way it is run.
 * @module
 */
import type { SqlError } from "../errors.ts";
import type { DatabaseSchema } from "./schema.ts";

/**
 * A value of a result: NULL is null, INTEGER a number or, beyond ±2⁵³, a bigint, REAL a number, TEXT
 * a string, BLOB bytes.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** What stops a query. */
export interface QueryOptions {
  /** Milliseconds for the whole query, its preparation included. Default 5000. */
  readonly timeoutMs?: number;
  /** Rows returned at most; more set `truncated`. Default 100 000. */
  readonly maxRows?: number;
  /** Bytes of one text or blob returned at most; longer ones are cut and set `truncated`. Default 4 MiB. */
  readonly maxCellBytes?: number;
  /** Values returned at most. Default 1 000 000. */
  readonly maxCells?: number;
  /** Bytes of text, blobs and numbers (8 each) returned at most. Default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * `"number"`: an INTEGER is a bigint only where a number cannot hold it. `"bigint"`: always, so that
   * a number is always a REAL. Default `"number"`.
   */
  readonly integers?: "number" | "bigint";
  /**
   * What becomes of bytes in TEXT that are not UTF-8: U+FFFD, nothing (Python's `errors="ignore"`,
   * as in Spider's evaluator), or an error of kind `runtime`. Default `"replace"`.
   */
  readonly invalidText?: "replace" | "ignore" | "error";
}

/** The rows of a query. */
export interface QueryResult {
  /** The names of the columns in order, repeated ones included. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** There is more, but `maxRows`, `maxCells`, `maxCellBytes` or `maxBytes` was reached. */
  readonly truncated: boolean;
  /** Milliseconds that preparing and running took. */
  readonly ms: number;
}

/**
 * A database that answers one SELECT at a time and cannot be changed. Statements are untrusted: they
 * reach no file, nothing but the database, and end at their deadline.
 */
export interface Database extends Disposable {
  /**
   * Runs one SELECT, WITH, VALUES or EXPLAIN statement. Rejects with a {@linkcode SqlError} that says
   * of which kind the fault is.
   */
  query(sql: string, options?: QueryOptions): Promise<QueryResult>;
  /** What {@linkcode query} would reject before the first row, without running it; null if nothing. */
  check(sql: string): Promise<SqlError | null>;
  /** The tables and views. */
  schema(): Promise<DatabaseSchema>;
}
