/**
 * Conditions on the rows of one table, in SQL and in English.
 * @module
 */
import { formatValue } from "../../sql/ddl.ts";
import type { Random } from "../random.ts";
import { chance, isPlural, pick, say } from "./english.ts";
import type { Column, Row } from "./types.ts";

/** A condition on a row. */
export interface Condition {
  readonly column: Column;
  /** It leaves the column only one value. */
  readonly fixes: boolean;
  sql(name: (column: Column) => string): string;
  test(row: Row): boolean;
  /** A word before the noun, where there is one. */
  readonly adjective: string | null;
  /** Words behind the noun, worded anew at each call. */
  suffix(rng: Random): string;
  /** What follows "whose", such as "price is above 5". */
  whose(rng: Random): string;
}

/** What is `number of pages` for "pages", and else the noun itself. */
export function amount({ words }: Column): string {
  return isPlural(words) ? `number of ${words}` : words;
}

/** The condition that `column` is `value`, which is its label or one of its categories. */
export function isValue(column: Column, value: string): Condition {
  const is = column.is;
  return {
    column,
    fixes: true,
    sql: (name) => `${name(column)} = ${formatValue(value)}`,
    test: (row) => row[column.index] === value,
    adjective: column.adjective && column.kind === "category" ? value : null,
    suffix: (rng) =>
      is !== undefined && chance(rng, 75)
        ? say(rng, `(${is}) <v>`, { v: value })
        : say(rng, "((with|with the|having the) <w> <v>|whose <w> is <v>)", {
          w: column.words,
          v: quoted(rng, value),
        }),
    whose: (rng) => say(rng, "<w> is <v>", { w: column.words, v: quoted(rng, value) }),
  };
}

/** A value, sometimes in quotation marks. */
export function quoted(rng: Random, value: string): string {
  return pick(rng, [value, value, `"${value}"`]);
}

/** The condition that `column` has no value. */
export function isMissing(column: Column): Condition {
  return {
    column,
    fixes: true,
    sql: (name) => `${name(column)} IS NULL`,
    test: (row) => row[column.index] === null,
    adjective: null,
    suffix: (rng) => say(rng, "(without|with no|that have no) <w>", { w: column.words }),
    whose: (rng) => say(rng, "<w> is (missing|not known|empty)", { w: column.words }),
  };
}

/** A condition that tests and says no more than these. */
export function simple(
  column: Column,
  { sql, test, whose, suffix, fixes = false }: {
    fixes?: boolean;
    sql: (name: string) => string;
    test: (value: Row[number]) => boolean;
    whose: (rng: Random) => string;
    suffix?: (rng: Random) => string;
  },
): Condition {
  return {
    column,
    fixes,
    sql: (name) => sql(name(column)),
    test: (row) => row[column.index] !== null && test(row[column.index]),
    adjective: null,
    suffix: suffix ?? ((rng) => `whose ${whose(rng)}`),
    whose,
  };
}
