/**
 * Compares the results of two queries as Python compares rows of its `sqlite3` module, in which all
 * official evaluators are written: 1 and 1.0 are equal, 1 and "1" are not.
 * @module
 */
import { createHash } from "node:crypto";
import type { SqlValue } from "../sql/database.ts";

/** A row of a result that was asked for with `integers: "bigint"`, so that a number is a REAL. */
export type Row = readonly SqlValue[];

/** Of longer values the key has a digest: predictions can return megabytes in every cell. */
const LONG = 1024;

/** A text that two values share exactly where Python finds them equal. */
export function valueKey(value: SqlValue): string {
  if (value === null) return "null";
  if (typeof value === "string") {
    return value.length > LONG ? `long text ${digest(value)}` : `text ${value}`;
  }
  if (value instanceof Uint8Array) {
    return value.length > LONG ? `long bytes ${digest(value)}` : `bytes ${value.toHex()}`;
  }
  return Number.isInteger(value) ? `number ${BigInt(value)}` : `number ${value}`;
}

function digest(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("hex");
}

/** A text that two rows share exactly where they have equal values in the same order. */
export function rowKey(row: Row): string {
  return joined(row.map(valueKey));
}

/** Whether two results have the same rows in the same order. */
export function equalLists(a: readonly Row[], b: readonly Row[]): boolean {
  return a.length === b.length && a.every((row, index) => rowKey(row) === rowKey(b[index]));
}

/** Whether two results have the same rows, however often and in whatever order. */
export function equalSets(a: readonly Row[], b: readonly Row[]): boolean {
  const wanted = new Set(a.map(rowKey));
  const found = new Set<string>();
  for (const row of b) {
    const key = rowKey(row);
    if (!wanted.has(key)) return false;
    found.add(key);
  }
  return found.size === wanted.size;
}

/**
 * Whether some order of columns makes two results equal: row by row with `ordered`, and as multisets
 * of rows without. Two results without rows are equal whatever their columns.
 *
 * Source of the rules: `exec_eval.py` of https://github.com/taoyds/test-suite-sql-eval. There a row's
 * values are first sorted by their text and type, and rows that then differ are unequal. For the same
 * number as INTEGER and as REAL these texts differ, which in rare rows changes the order.
 */
export function equalResults(
  a: readonly Row[],
  b: readonly Row[],
  { ordered }: { ordered: boolean },
): boolean {
  if (a.length === 0 && b.length === 0) return true;
  if (a.length !== b.length || a[0].length !== b[0].length) return false;
  const [bagsA, bagsB] = [a, b].map((rows) => rows.map((row) => rowKey(sortedRow(row))));
  if (!(ordered ? sameList(bagsA, bagsB) : sameSet(bagsA, bagsB))) return false;
  const [columnsA, columnsB] = [a, b].map(columnKeys);
  return ordered
    ? sameList(columnsA.map(joined).sort(), columnsB.map(joined).sort())
    : findColumnOrder(columnsA, columnsB);
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const [setA, setB] = [new Set(a), new Set(b)];
  return setA.size === setB.size && setA.isSubsetOf(setB);
}

function columnKeys(rows: readonly Row[]): string[][] {
  return rows[0].map((_, column) => rows.map((row) => valueKey(row[column])));
}

/** One text for several, which no others share. JSON would write six characters for some. */
function joined(keys: readonly string[]): string {
  return keys.map((key) => `${key.length} ${key}`).join("");
}

/**
 * Whether the columns of `b` can be put in an order in which its rows are those of `a`. Columns are
 * placed one after the other; where the rows so far, as a multiset, are not those of `a`, no further
 * column can make them so.
 */
function findColumnOrder(a: readonly string[][], b: readonly string[][]): boolean {
  const place = (column: number, rowsA: readonly number[], rowsB: readonly number[]): boolean => {
    if (column === a.length) return true;
    const tried = new Set<string>();
    for (const [index, candidate] of b.entries()) {
      if (used.has(index) || tried.has(joined(candidate))) continue;
      tried.add(joined(candidate));
      const next = extend(rowsA, a[column], { rowsB, candidate });
      if (next === null) continue;
      used.add(index);
      if (place(column + 1, ...next)) return true;
      used.delete(index);
    }
    return false;
  };
  const used = new Set<number>();
  const start = a[0].map(() => 0);
  return place(0, start, start);
}

/**
 * Numbers the rows of both results by what they hold in the columns placed so far and one more. Null
 * where the numbers are not the same equally often.
 */
function extend(
  rowsA: readonly number[],
  columnA: readonly string[],
  { rowsB, candidate }: { rowsB: readonly number[]; candidate: readonly string[] },
): [number[], number[]] | null {
  const numbers = new Map<string, number>();
  const counts: number[] = [];
  const nextA = rowsA.map((row, index) => {
    const key = `${row} ${columnA[index]}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    counts[number] = (counts[number] ?? 0) + 1;
    return number;
  });
  const nextB: number[] = [];
  for (const [index, row] of rowsB.entries()) {
    const number = numbers.get(`${row} ${candidate[index]}`);
    if (number === undefined || --counts[number] < 0) return null;
    nextB.push(number);
  }
  return [nextA, nextB];
}

/** The values of a row in the order of Python's `str(value) + str(type(value))`. */
function sortedRow(row: Row): Row {
  if (row.length < 2) return row;
  return row.map((value) => ({ value, text: pythonText(value) }))
    .sort((a, b) => compareCodePoints(a.text, b.text))
    .map(({ value }) => value);
}

function pythonText(value: SqlValue): string {
  if (value === null) return "None<class 'NoneType'>";
  if (typeof value === "string") return `${value}<class 'str'>`;
  if (typeof value === "bigint") return `${value}<class 'int'>`;
  if (typeof value === "number") return `${pythonFloat(value)}<class 'float'>`;
  return `${pythonBytes(value)}<class 'bytes'>`;
}

/** A float as Python writes it: the same digits as JavaScript, but an exponent from 1e16 on. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e");
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
}

function pythonBytes(bytes: Uint8Array): string {
  const escapes: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'";
  const body = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    if (character === "\\" || character === quote) return `\\${character}`;
    if (byte >= 0x20 && byte < 0x7f) return character;
    return escapes[character] ?? `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `b${quote}${body.join("")}${quote}`;
}

/** Orders by code point, as Python does. By UTF-16 unit, surrogates would come before U+E000. */
function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  const rank = (text: string) => {
    const unit = text.charCodeAt(i);
    return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
  };
  if (i >= a.length || i >= b.length) return a.length - b.length;
  return rank(a) - rank(b);
}
