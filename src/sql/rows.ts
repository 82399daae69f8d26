/**
 * Reads the rows of a statement into JavaScript values.
 * @module
 */
import type { QueryOptions, QueryResult, SqlValue } from "./database.ts";
import { failure } from "./faults.ts";
import type { Engine } from "./engine.ts";
import type { Runtime } from "./runtime.ts";
import { checkStatus, STEP } from "./statement.ts";

const INTEGER = 1;
const FLOAT = 2;
const TEXT = 3;
const BLOB = 4;

/** Runs a statement, and reads its rows up to the limits. */
export function readRows(
  runtime: Runtime,
  db: number,
  { statement, options }: { statement: number; options: Required<QueryOptions> },
): Omit<QueryResult, "ms"> {
  const { engine } = runtime;
  const { c } = engine;
  const width = c.sqlite3_column_count(statement);
  const columns = Array.from(
    { length: width },
    (_, column) => engine.text(c.sqlite3_column_name(statement, column)) ?? "",
  );
  const rows: SqlValue[][] = [];
  let bytesLeft = options.maxBytes;
  const maxRows = Math.min(options.maxRows, Math.floor(options.maxCells / width));
  const result = (truncated: boolean) => ({ columns, rows, truncated });
  while (true) {
    const status = c.sqlite3_step(statement);
    if (status === STEP.done) return result(false);
    if (status !== STEP.row) checkStatus(runtime, db, status);
    if (rows.length >= maxRows) return result(true);
    runtime.checkDeadline();
    const row: SqlValue[] = [];
    for (let column = 0; column < width; column++) {
      const type = c.sqlite3_column_type(statement, column);
      const long = type === TEXT || type === BLOB;
      bytesLeft -= long ? c.sqlite3_column_bytes(statement, column) : 8;
      if (bytesLeft < 0) return result(true);
      row.push(readValue(engine, statement, { column, type, options }));
    }
    rows.push(row);
  }
}

function readValue(
  { c, bytes }: Engine,
  statement: number,
  { column, type, options }: {
    column: number;
    type: number;
    options: Pick<QueryOptions, "integers" | "invalidText">;
  },
): SqlValue {
  if (type === INTEGER) {
    const value = c.sqlite3_column_int64(statement, column);
    if (options.integers === "bigint") return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (type === FLOAT) return c.sqlite3_column_double(statement, column);
  if (type !== TEXT && type !== BLOB) return null;
  // The pointer first: asking for it may convert the value and move the memory.
  const start = type === TEXT
    ? c.sqlite3_column_text(statement, column)
    : c.sqlite3_column_blob(statement, column);
  const length = c.sqlite3_column_bytes(statement, column);
  if (length === 0) return type === TEXT ? "" : new Uint8Array(0);
  if (start === 0) throw failure("too_large", "there is no memory for a value");
  const value = bytes().subarray(start, start + length);
  return type === TEXT ? decodeText(value, options.invalidText ?? "replace") : value.slice();
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const REPLACEMENT = "\ufffd";

/** Text that may not be UTF-8, read as {@linkcode QueryOptions.invalidText} says. */
export function decodeText(
  bytes: Uint8Array,
  invalid: NonNullable<QueryOptions["invalidText"]>,
): string {
  const text = lenient.decode(bytes);
  if (invalid === "replace" || !text.includes(REPLACEMENT)) return text;
  if (invalid === "ignore") return decodeIgnoring(bytes);
  try {
    return strict.decode(bytes);
  } catch {
    throw failure("runtime", "a text in the database is not UTF-8");
  }
}

// Drops what the decoder replaces, but keeps a U+FFFD that the text has itself (EF BF BD). 0xEF only
// begins a character, so cutting there splits none.
function decodeIgnoring(bytes: Uint8Array): string {
  const parts: string[] = [];
  let start = 0;
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] !== 0xbf || bytes[at + 2] !== 0xbd) continue;
    parts.push(lenient.decode(bytes.subarray(start, at)).replaceAll(REPLACEMENT, ""), REPLACEMENT);
    start = at + 3;
  }
  parts.push(lenient.decode(bytes.subarray(start)).replaceAll(REPLACEMENT, ""));
  return parts.join("");
}
