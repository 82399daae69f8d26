/**
 * Turns what SQLite says of a statement into a {@linkcode SqlError}.
 * @module
 */
import { SqlError, type SqlErrorKind } from "../errors.ts";
import { levenshteinDistance } from "../std/text.ts";
import type { DatabaseSchema } from "./schema.ts";

/** What SQLite reports when a call fails. */
export interface Fault {
  /** The result code; only its low byte counts. See https://www.sqlite.org/rescode.html. */
  readonly code: number;
  readonly message: string;
  /** Index into the statement, in UTF-16 code units, if SQLite knows it. */
  readonly offset?: number;
}

/** Faults that the message tells apart; the result code is SQLITE_ERROR for all. */
const BY_MESSAGE: readonly (readonly [RegExp, SqlErrorKind])[] = [
  [/^no such table: |^no tables specified/, "unknown_table"],
  [/^no such column: /, "unknown_column"],
  [/^no such (function|window)|^unknown function/, "unknown_function"],
  [/^ambiguous column name/, "ambiguous"],
  [
    /^not authorized|^access to .* is prohibited|^unsafe use of|may not be (modified|altered)/,
    "not_allowed",
  ],
  [/too (many|large|big|complex|deep)|at most \d+ tables|Recursion limit|overflow$/, "too_large"],
  [/syntax error|^incomplete input|^unrecognized token|^malformed .*literal/, "syntax"],
  [/^malformed database schema|^database disk image/, "database"],
];

const BY_CODE: Readonly<Record<number, SqlErrorKind>> = {
  7: "too_large", // SQLITE_NOMEM
  8: "not_allowed", // SQLITE_READONLY
  9: "timeout", // SQLITE_INTERRUPT
  10: "database", // SQLITE_IOERR
  11: "database", // SQLITE_CORRUPT
  13: "too_large", // SQLITE_FULL
  14: "not_allowed", // SQLITE_CANTOPEN: there are no files
  18: "too_large", // SQLITE_TOOBIG
  23: "not_allowed", // SQLITE_AUTH
  24: "database", // SQLITE_FORMAT
  26: "database", // SQLITE_NOTADB
};

const REMEDY: Readonly<Record<SqlErrorKind, string>> = {
  empty: "write one SELECT statement",
  syntax: "write it in SQLite's dialect",
  unknown_table: "use a table of the schema",
  unknown_column: "use a column of the tables in FROM",
  unknown_function: "use a function of SQLite",
  ambiguous: "put the table's name before the column's",
  not_allowed: "write one SELECT statement that only reads tables",
  timeout: "simplify it or raise timeoutMs",
  too_large: "simplify it or raise the limit",
  runtime: "correct the statement",
  database: "restore the database file",
};

/**
 * The error for a fault. `schema` is asked only for unknown names, to find the nearest; it may throw,
 * then no name is suggested.
 */
export function sqlError(fault: Fault, schema: () => DatabaseSchema): SqlError {
  const { message, offset } = fault;
  const kind = BY_CODE[fault.code & 255] ??
    BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? "runtime";
  if (kind === "unknown_table" || kind === "unknown_column") {
    const suggestion = suggest(kind, unknownName(message), schema);
    const remedy = suggestion ? `did you mean ${suggestion}?` : REMEDY[kind];
    return new SqlError(kind, `Cannot run the SQL: ${shorten(message)}; ${remedy}`, {
      offset,
      suggestion,
    });
  }
  return failure(kind, message, offset);
}

/** An error of a kind that needs no look at the schema. */
export function failure(kind: SqlErrorKind, what: string, offset?: number): SqlError {
  return new SqlError(kind, `Cannot run the SQL: ${shorten(what)}; ${REMEDY[kind]}`, { offset });
}

// Messages quote the statement, which can be long.
function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)} …`;
}

// "no such column: T1.nme" or, for one in double quotes, "no such column: "nme" - should this be …".
function unknownName(message: string): string {
  const text = message.slice(message.indexOf(": ") + 2).replace(/ - should this be .*$/, "");
  return text.replace(/^"(.*)"$/, "$1");
}

function suggest(
  kind: "unknown_table" | "unknown_column",
  name: string,
  schema: () => DatabaseSchema,
): string | undefined {
  let tables: DatabaseSchema["tables"];
  try {
    tables = schema().tables;
  } catch {
    return undefined;
  }
  if (kind === "unknown_table") {
    return nearest(name.replace(/^(main|temp)\./, ""), tables.map(({ name }) => name));
  }
  // A column may have a dot in its name, so the name as a whole comes first.
  const columns = tables.flatMap(({ columns }) => columns.map(({ name }) => name));
  const bare = name.slice(name.lastIndexOf(".") + 1);
  const found = columns.find((column) => column === name) ?? nearest(bare, columns);
  if (found?.toLowerCase() !== bare.toLowerCase()) return found;
  // The column exists, only not where it was looked for.
  const table = tables.find(({ columns }) => columns.some(({ name }) => name === found))!;
  return `${table.name}.${found}`;
}

/**
 * Pairs of letters that are compared at most: some ten milliseconds, but enough for thousands of names
 * of usual length.
 */
const MAX_COMPARISONS = 1_000_000;
/** To fold a name takes about as long as so many comparisons. */
const FOLD_COST = 50;

/**
 * The candidate with the fewest edits from `name`, not counting case, blanks and underscores; the
 * first of several; undefined if none has more in common with it than not. Of very many candidates
 * only the first are looked at.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = fold(name);
  let best: string | undefined;
  let fewest = Math.max(1, Math.ceil(wanted.length / 2)) + 1;
  let left = MAX_COMPARISONS;
  const seen = new Set<string>();
  for (const candidate of candidates) {
    if (seen.has(candidate)) continue;
    seen.add(candidate);
    left -= FOLD_COST;
    if (left < 0) break;
    const folded = fold(candidate);
    if (Math.abs(folded.length - wanted.length) >= fewest) continue;
    left -= wanted.length * folded.length;
    if (left < 0) break;
    const distance = levenshteinDistance(wanted, folded);
    if (distance >= fewest || distance >= folded.length) continue;
    fewest = distance;
    best = candidate;
  }
  return best;
}

function fold(name: string): string {
  return name.slice(0, 100).toLowerCase().replace(/[\s_]/g, "");
}
