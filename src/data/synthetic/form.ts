/**
 * What the forms of questions have in common: columns to ask for and how one names them.
 * @module
 */
import type { Random } from "../random.ts";
import { chance, listed, pick, plural, sample, say } from "./english.ts";
import type { Reachable, Scope } from "./scope.ts";
import type { ColumnKind, SyntheticDatabase, Table, Value } from "./types.ts";

/** A query, and its question, which is worded anew at each call. */
export interface Draft {
  readonly sql: string;
  /** The tables that the query reads. */
  readonly tables: readonly Table[];
  question(rng: Random): string;
}

/** A form of question. Null where it does not fit. */
export type ScopeForm = (rng: Random, scope: Scope) => Draft | null;

/** A form that looks for its tables itself. */
export type DatabaseForm = (rng: Random, database: SyntheticDatabase) => Draft | null;

/** A verb that asks for a list. */
export const LIST = "(List|Show|Give|Give me|Find|Return|Display|Get|Tell me|Please list|Report)";
/** What asks for one value. */
export const WHAT = "(What is|Find|Give|Show|Calculate|Tell me|Compute|Return|I need)";
/** Behind what asks for a list, before the noun. */
export const ALL = "(all|the|all the|)";

/** The columns of these kinds; those of joined tables only where `joined` is not false. */
export function columnsOf(
  { columns, main }: Scope,
  kinds: readonly ColumnKind[],
  { joined = true }: { readonly joined?: boolean } = {},
): Reachable[] {
  return columns.filter(({ column, table }) =>
    kinds.includes(column.kind) && (joined || table === main)
  );
}

/** The noun for a column; that of a joined table with the table's noun before it. */
export function nounFor({ main }: Scope, { column, table }: Reachable, many = false): string {
  const noun = many ? plural(column.words) : column.words;
  return table === main || column.words.startsWith(table.noun) ? noun : `${table.noun} ${noun}`;
}

/**
 * Columns to show, at least one; one of the idle table among them if there is such. Null where there is
 * none to show.
 */
export function shownColumns(rng: Random, scope: Scope, most: number): Reachable[] | null {
  const own = columnsOf(scope, ["label", "category", "number", "date"], { joined: false })
    .filter(({ column }) => !scope.fixed.has(column));
  const label = own.filter(({ column }) => column.kind === "label" && chance(rng, 75));
  const others = sample(rng, own.filter((one) => !label.includes(one)), most);
  const shown = [...label, ...others].slice(0, pick(rng, [1, 1, 2, 2, 3].filter((n) => n <= most)));
  const foreign = columnsOf(scope, ["label", "category", "number", "date"])
    .filter(({ table, column }) =>
      !scope.fixed.has(column) &&
      (scope.idle === null ? table !== scope.main : table === scope.idle)
    );
  if (scope.idle !== null && foreign.length === 0) return null;
  if (foreign.length > 0 && (scope.idle !== null || chance(rng, 20))) {
    const found = foreign.find(({ column }) => column.kind === "label") ?? foreign[0];
    shown.push(chance(rng, 70) ? found : pick(rng, foreign));
  }
  return shown.length === 0 ? null : shown;
}

/** "name and city", in the singular or the plural. */
export function nounsFor(rng: Random, scope: Scope, shown: readonly Reachable[]): string {
  const many = chance(rng, 40);
  return listed(shown.map((one) => nounFor(scope, one, many)));
}

/** Whether the rows can be cut after `count` of them, in the order of their values, in one way only. */
export function isSharp(values: readonly Value[], count: number, descending: boolean): boolean {
  if (values.length < count || values.includes(null)) return false;
  const sorted = [...values].sort((a, b) =>
    (a! < b! ? -1 : a! > b! ? 1 : 0) * (descending ? -1 : 1)
  );
  return sorted.length === count ? false : sorted[count - 1] !== sorted[count];
}

/** How many rows there are for each value. */
export function countBy(rows: Scope["rows"], { valueOf }: Reachable): Map<Value, number> {
  const counts = new Map<Value, number>();
  for (const row of rows) {
    const value = valueOf(row);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

const NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven"];

/** A small number in digits or in a word. */
export function countWord(rng: Random, count: number): string {
  return chance(rng, 50) ? NUMBERS[count] ?? `${count}` : `${count}`;
}

/** What a column's greatest or least value is called. */
export function extreme(rng: Random, { column }: Reachable, greatest: boolean): string {
  if (column.kind === "date") return greatest ? say(rng, "(latest|most recent)") : "earliest";
  return greatest
    ? say(rng, "(highest|largest|greatest|maximum)")
    : say(rng, "(lowest|smallest|minimum)");
}
