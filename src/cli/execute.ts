/**
 * `--execute`: the SQL of an answer is run, and its rows or its fault are shown.
 * @module
 */
import { SqlError, type SqlErrorKind } from "../errors.ts";
import { extractSql } from "../eval/predictor.ts";
import type { Database, QueryResult, SqlValue } from "../sql/database.ts";
import { formatTable, printable } from "./table.ts";

/** What the SQL of an answer gave. */
export interface Execution {
  /** The statement in the answer, without its semicolon. */
  readonly sql: string;
  readonly result: QueryResult | null;
  readonly error: SqlError | null;
}

/** What stops a query. */
export interface ExecutionLimits {
  readonly timeoutMs: number;
  readonly maxRows: number;
}

/** Runs the statement in `text`. A statement that is wrong, not allowed or too slow is no throw. */
export async function execute(
  text: string,
  database: Database,
  limits: ExecutionLimits,
): Promise<Execution> {
  const sql = extractSql(text);
  try {
    return { sql, result: await database.query(sql, limits), error: null };
  } catch (error) {
    if (!(error instanceof SqlError) || error.kind === "database") throw error;
    return { sql, result: null, error };
  }
}

/** The fields that `--json` adds to an answer for its execution. */
export interface ExecutionFields {
  readonly sql: string;
  readonly columns: readonly string[] | null;
  /** Integers beyond 2⁵³ and numbers that JSON has not as text, blobs in hexadecimal. */
  readonly rows: readonly (readonly (string | number | null)[])[] | null;
  readonly truncated: boolean | null;
  readonly error: {
    readonly kind: SqlErrorKind;
    readonly message: string;
    readonly suggestion: string | null;
  } | null;
}

/** An execution as plain data. */
export function executionFields({ sql, result, error }: Execution): ExecutionFields {
  return {
    sql,
    columns: result?.columns ?? null,
    rows: result?.rows.map((row) => row.map(plainValue)) ?? null,
    truncated: result?.truncated ?? null,
    error: error &&
      { kind: error.kind, message: error.message, suggestion: error.suggestion ?? null },
  };
}

function plainValue(value: SqlValue): string | number | null {
  if (value instanceof Uint8Array) return value.toHex();
  if (typeof value === "bigint") return String(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** The rows as a table with their number, or the fault. */
export function describeExecution({ result, error }: Execution, width: number): string {
  if (result === null) return printable(error!.message);
  const { columns, rows, truncated, ms } = result;
  const count = rows.length === 1 ? "1 row" : `${rows.length} rows`;
  const said = truncated ? `the first ${count}; there is more` : count;
  const table = rows.length > 0 ? formatTable({ columns, rows }, width) + "\n" : "";
  return `${table}(${said}, ${formatMs(ms)})`;
}

const formatMs = (ms: number) => ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
