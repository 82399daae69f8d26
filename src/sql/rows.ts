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

/** Copying this much takes long enough to look at the clock. */
const LONG_BYTES = 1 << 16;

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
  const maxRows = Math.min(options.maxRows, Math.floor(options.maxCells / width));
  let bytesLeft = options.maxBytes;
  let unchecked = 0;
  const check = () => runtime.checkDeadline();
  let cut = false;
  const result = (truncated: boolean) => ({ columns, rows, truncated: truncated || cut });
  while (true) {
    const status = c.sqlite3_step(statement);
    if (status === STEP.done) return result(false);
    if (status !== STEP.row) checkStatus(runtime, db, status);
    if (rows.length >= maxRows) return result(true);
    runtime.checkDeadline();
    const row: SqlValue[] = [];
    for (let column = 0; column < width; column++) {
      const type = c.sqlite3_column_type(statement, column);
      if (type === TEXT || type === BLOB) {
        const whole = readBytes(engine, statement, { column, type });
        const value = whole.length > options.maxCellBytes
          ? whole.subarray(0, cutAt(whole, { length: options.maxCellBytes, type }))
          : whole;
        cut ||= value !== whole;
        bytesLeft -= value.length;
        unchecked += value.length;
        if (unchecked > LONG_BYTES) {
          unchecked = 0;
          runtime.checkDeadline();
        }
        if (bytesLeft < 0) return result(true);
        row.push(type === BLOB ? value.slice() : decodeText(value, options.invalidText, check));
      } else {
        bytesLeft -= 8;
        if (bytesLeft < 0) return result(true);
        row.push(readNumber(engine, statement, { column, type, integers: options.integers }));
      }
    }
    rows.push(row);
  }
}

function readNumber(
  { c }: Engine,
  statement: number,
  { column, type, integers }: {
    column: number;
    type: number;
    integers: Required<QueryOptions>["integers"];
  },
): SqlValue {
  if (type === FLOAT) return c.sqlite3_column_double(statement, column);
  if (type !== INTEGER) return null;
  const value = c.sqlite3_column_int64(statement, column);
  if (integers === "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

// A view of SQLite's memory, good until SQLite is called again.
function readBytes(
  { c, bytes }: Engine,
  statement: number,
  { column, type }: { column: number; type: number },
): Uint8Array {
  // The pointer first: asking for it may convert the value and move the memory.
  const start = type === TEXT
    ? c.sqlite3_column_text(statement, column)
    : c.sqlite3_column_blob(statement, column);
  const length = c.sqlite3_column_bytes(statement, column);
  if (start === 0 && (type === TEXT || length > 0)) {
    throw failure("too_large", "there is no memory for a value");
  }
  return bytes().subarray(start, start + length);
}

// Text is cut before a character of UTF-8, not inside of it.
function cutAt(value: Uint8Array, { length, type }: { length: number; type: number }): number {
  let at = length;
  while (type === TEXT && at > Math.max(0, length - 3) && (value[at] & 0xc0) === 0x80) at--;
  return at;
}

const UTF8 = { ignoreBOM: true };
const lenient = new TextDecoder("utf-8", UTF8);
const strict = new TextDecoder("utf-8", { ...UTF8, fatal: true });
const REPLACEMENT = "\ufffd";

/**
 * Text that may not be UTF-8, read as {@linkcode QueryOptions.invalidText} says. `check` is called
 * while it goes on, since what is not UTF-8 takes long, and may throw.
 */
export function decodeText(
  bytes: Uint8Array,
  invalid: NonNullable<QueryOptions["invalidText"]>,
  check: () => void = () => {},
): string {
  const text = decodeLenient(bytes, check);
  if (invalid === "replace" || !text.includes(REPLACEMENT)) return text;
  if (invalid === "ignore") return decodeIgnoring(bytes, check);
  try {
    return strict.decode(bytes);
  } catch {
    throw failure("runtime", "a text in the database is not UTF-8");
  }
}

function decodeLenient(bytes: Uint8Array, check: () => void): string {
  if (bytes.length <= LONG_BYTES) return lenient.decode(bytes);
  const decoder = new TextDecoder("utf-8", UTF8); // holds what a part ends with
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += LONG_BYTES) {
    check();
    parts.push(decoder.decode(bytes.subarray(at, at + LONG_BYTES), { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

// Drops what the decoder replaces, but keeps a U+FFFD that the text has itself (EF BF BD). 0xEF only
// begins a character, so cutting there splits none.
function decodeIgnoring(bytes: Uint8Array, check: () => void): string {
  const parts: string[] = [];
  let start = 0;
  let checked = 0;
  const add = (end: number) => {
    if (start === end) return;
    parts.push(decodeLenient(bytes.subarray(start, end), check).replaceAll(REPLACEMENT, ""));
  };
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (at - checked > LONG_BYTES) {
      checked = at;
      check();
    }
    if (bytes[at + 1] !== 0xbf || bytes[at + 2] !== 0xbd) continue;
    add(at);
    parts.push(REPLACEMENT);
    start = at + 3;
  }
  add(bytes.length);
  return parts.join("");
}
