/**
 * Makes a schema fit a budget of tokens by leaving out tables.
 * @module
 */
import { type DdlOptions, formatDdl } from "./ddl.ts";
import type { DatabaseSchema, Table } from "./schema.ts";

/** What a schema has to fit. */
export interface FitOptions extends DdlOptions {
  readonly question: string;
  /** Tokens that the DDL may have. */
  readonly budget: number;
  readonly countTokens: (text: string) => number;
  /** Tables that stay in any case, such as those of the gold query. */
  readonly required?: readonly string[];
}

/**
 * The schema without the tables that the question is least likely to need, so that its DDL (see
 * {@linkcode formatDdl}) has at most `budget` tokens. Tables are left out in this order: those that
 * share no word with the question and are on no shortest path of foreign keys between two that do;
 * those that are only on such a path; those that share words, the fewest and most common first;
 * among equals the last first. One that still fits in the end comes back. Required tables and the
 * last one left stay, so that the result may exceed the budget. Foreign keys to tables left out are
 * left out. The same input gives the same result.
 */
export function fitSchema(schema: DatabaseSchema, options: FitOptions): DatabaseSchema {
  const fits = (candidate: DatabaseSchema) =>
    options.countTokens(formatDdl(candidate, options)) <= options.budget;
  if (schema.tables.length <= 1 || fits(schema)) return schema;
  const required = new Set(options.required?.map((name) => name.toLowerCase()));
  const ranks = rankTables(schema.tables, options.question);
  const byNeed = schema.tables.toReversed()
    .filter((table) => !required.has(table.name.toLowerCase()))
    .sort((a, b) => ranks.get(a)! - ranks.get(b)!);
  const dropped = new Set<Table>();
  const kept = () => {
    const tables = schema.tables.filter((table) => !dropped.has(table));
    return { ...schema, tables: withoutDangling(tables) };
  };
  for (const table of byNeed) {
    if (dropped.size === schema.tables.length - 1) break;
    dropped.add(table);
    if (fits(kept())) break;
  }
  // A large table that went last may have made room for smaller ones that went before.
  for (const table of [...dropped].reverse().slice(1)) {
    dropped.delete(table);
    if (!fits(kept())) dropped.add(table);
  }
  return kept();
}

function withoutDangling(tables: readonly Table[]): Table[] {
  const names = new Set(tables.map(({ name }) => name.toLowerCase()));
  return tables.map((table) => ({
    ...table,
    foreignKeys: table.foreignKeys.filter((key) => names.has(key.table.toLowerCase())),
  }));
}

/** Less than any table has that shares a word. */
const ON_PATH = 1e-6;
const NAME_WEIGHT = 2;

// 0 for tables without a word of the question, little for those that join others. Else words count
// the more the fewer tables have them, and names of tables the more of them is in the question.
function rankTables(tables: readonly Table[], question: string): Map<Table, number> {
  const asked = new Set(words(question));
  const vocabulary = tables.map(({ name, columns }) => ({
    name: new Set(words(name)),
    columns: new Set(columns.flatMap(({ name }) => words(name))),
  }));
  const frequency = new Map<string, number>();
  for (const { name, columns } of vocabulary) {
    for (const word of name.union(columns)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  const ranks = new Map(tables.map((table, index) => {
    const { name, columns } = vocabulary[index];
    const named = name.intersection(asked).size / Math.max(1, name.size);
    const weights = [...columns.intersection(asked)].map((word) => 1 / frequency.get(word)!);
    return [table, NAME_WEIGHT * named + weights.reduce((sum, weight) => sum + weight, 0)];
  }));
  const matched = tables.filter((table) => ranks.get(table)! > 0);
  for (const table of joinTables(tables, matched)) {
    if (ranks.get(table) === 0) ranks.set(table, ON_PATH);
  }
  return ranks;
}

/** All tables on a shortest path of foreign keys, followed either way, between two of `ends`. */
function joinTables(tables: readonly Table[], ends: readonly Table[]): Set<Table> {
  const byName = new Map(tables.map((table) => [table.name.toLowerCase(), table]));
  const neighbours = new Map(tables.map((table) => [table, new Set<Table>()]));
  for (const table of tables) {
    for (const key of table.foreignKeys) {
      const other = byName.get(key.table.toLowerCase());
      if (!other) continue;
      neighbours.get(table)!.add(other);
      neighbours.get(other)!.add(table);
    }
  }
  const distances = new Map(ends.map((end) => [end, distancesFrom(end, neighbours)]));
  const found = new Set<Table>();
  for (const [from, near] of distances) {
    for (const [to, far] of distances) {
      const shortest = near.get(to);
      if (from === to || shortest === undefined) continue;
      for (const table of tables) {
        if ((near.get(table) ?? Infinity) + (far.get(table) ?? Infinity) === shortest) {
          found.add(table);
        }
      }
    }
  }
  return found;
}

function distancesFrom(
  start: Table,
  neighbours: ReadonlyMap<Table, ReadonlySet<Table>>,
): Map<Table, number> {
  const distances = new Map([[start, 0]]);
  for (const [table, distance] of distances) {
    for (const next of neighbours.get(table)!) {
      if (!distances.has(next)) distances.set(next, distance + 1);
    }
  }
  return distances;
}

/** Words that say nothing of a table. */
const STOP_WORDS = new Set(
  `a all an and any are as at be by did do does each every find for from give had has have how i id in
  is it its list many me more most much of on or our return show tell than that the their there they
  this to was were what when where which who whose why with you`.split(/\s+/),
);

/** The words of a question or a name (`airportCode`, `airport_code`), without endings of the plural. */
function words(text: string): string[] {
  const parts = text.normalize("NFKC").replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2").toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];
  return parts.filter((word) => !STOP_WORDS.has(word)).map((word) =>
    word.length > 3 ? word.replace(/ies$/, "y").replace(/(?<=[^s])s$/, "") : word
  );
}
