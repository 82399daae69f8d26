/**
 * What a question is about: rows of a table, perhaps with the rows that they refer to, that meet some
 * conditions. What is asked about them comes from elsewhere, and goes with any scope.
 * @module
 */
import type { Random } from "../random.ts";
import { type Condition, isValue } from "./condition.ts";
import { drawCondition } from "./condition_draw.ts";
import { chance, pick, sample, say } from "./english.ts";
import type { Column, Row, SyntheticDatabase, Table, Value } from "./types.ts";

/** A column within reach of a scope. */
export interface Reachable {
  readonly column: Column;
  readonly table: Table;
  /** Its value for a row of the scope's main table. */
  valueOf(row: Row): Value;
}

/** Rows to ask about. */
export interface Scope {
  readonly main: Table;
  /** What stands behind FROM. */
  readonly from: string;
  readonly where: readonly string[];
  readonly rows: readonly Row[];
  /** The columns of the main table, then those of joined ones. */
  readonly columns: readonly Reachable[];
  /** A joined table that no condition uses, so that a question has to; null where there is none. */
  readonly idle: Table | null;
  /** The columns that conditions are about. */
  readonly used: ReadonlySet<Column>;
  /** Those that are left only one value. */
  readonly fixed: ReadonlySet<Column>;
  /** The label of the main table is given: there is one row. */
  readonly single: boolean;
  /** Tables that the conditions use or that are joined. */
  readonly tables: readonly Table[];
  /** The name of a column as the statement has to write it. */
  name(column: Column): string;
  /** The rows in words, such as "pending orders placed by customers in Oslo". */
  phrase(rng: Random, noun?: string): string;
}

const plain = (column: Column) => column.sql;
const qualified = (column: Column) => column.qualified;

/** A noun phrase of the conditions: adjectives, the noun, what stands behind it. */
export function nounPhrase(
  rng: Random,
  conditions: readonly Condition[],
  { noun, last = [] }: { noun: string; last?: readonly string[] },
): string {
  const before: string[] = [];
  const behind: string[] = [];
  for (const condition of conditions) {
    if (condition.adjective !== null && before.length < 2 && chance(rng, 75)) {
      before.push(condition.adjective);
    } else behind.push(condition.suffix(rng));
  }
  let text = [...before, noun].join(" ");
  let open = true; // nothing but a place stands behind the noun
  for (const suffix of [...behind, ...last]) {
    text += open ? ` ${suffix}` : ` and ${suffix}`;
    open = /^(in|from|at|on) /.test(suffix);
  }
  return text;
}

/** Columns that a condition can be about. */
function conditional(table: Table): Column[] {
  return table.columns.filter(({ kind }) => kind !== "key" && kind !== "reference");
}

function drawConditions(
  rng: Random,
  { table, row, count, naming }: { table: Table; row: Row; count: number; naming?: boolean },
): Condition[] {
  const columns = sample(rng, conditional(table), count);
  const drawn = columns.map((column) =>
    drawCondition(rng, { table, row, columns: [column], naming })
  );
  return drawn.filter((condition) => condition !== null);
}

function columnsUsed(
  main: Table,
  conditions: readonly Condition[],
): Pick<Scope, "used" | "fixed" | "single"> {
  const fixing = conditions.filter(({ fixes }) => fixes);
  return {
    used: new Set(conditions.map(({ column }) => column)),
    fixed: new Set(fixing.map(({ column }) => column)),
    single: fixing.some(({ column }) => column === main.label),
  };
}

function reach(table: Table, rowOf: (row: Row) => Row): Reachable[] {
  return table.columns.map((column) => ({
    column,
    table,
    valueOf: (row) => rowOf(row)[column.index],
  }));
}

const itself = (row: Row) => row;

/** Rows of one table. `count` conditions; with two, they are sometimes alternatives. */
export function plainScope(rng: Random, main: Table, count: number): Scope {
  const conditions = drawConditions(rng, {
    table: main,
    row: pick(rng, main.rows),
    count,
    naming: count === 1,
  });
  const either = conditions.length === 2 && chance(rng, 20);
  const texts = conditions.map((condition) => condition.sql(plain));
  return {
    main,
    from: main.sql,
    where: either ? [texts.join(" OR ")] : texts,
    rows: main.rows.filter((row) =>
      either
        ? conditions.some((condition) => condition.test(row))
        : conditions.every((condition) => condition.test(row))
    ),
    columns: reach(main, itself),
    idle: null,
    ...(either
      ? { ...columnsUsed(main, conditions), fixed: new Set<Column>() }
      : columnsUsed(main, conditions)),
    tables: [main],
    name: plain,
    phrase: (rng, noun = main.plural) =>
      either
        ? `${noun} whose ${conditions.map((one) => one.whose(rng)).join(" or whose ")}`
        : nounPhrase(rng, conditions, { noun }),
  };
}

/**
 * Rows of a table with those that they refer to, and sometimes what these refer to in turn. Null where
 * the table refers to none.
 */
export function joinedScope(
  rng: Random,
  { tables }: SyntheticDatabase,
  main: Table,
): Scope | null {
  const path: { link: Column; from: Table; table: Table }[] = [];
  for (let from = main; path.length < (chance(rng, 35) ? 2 : 1);) {
    const links = from.columns.filter(({ kind }) => kind === "reference");
    if (links.length === 0) break;
    const link = pick(rng, links);
    const table = tables[link.target];
    path.push({ link, from, table });
    from = table;
  }
  if (path.length === 0) return null;
  const rowAt = (row: Row, depth: number): Row => {
    for (const { link, table } of path.slice(0, depth)) row = table.byKey.get(row[link.index])!;
    return row;
  };
  const row = pick(rng, main.rows);
  const own = drawConditions(rng, { table: main, row, count: chance(rng, 30) ? 1 : 0 });
  const end = path[path.length - 1].table;
  const endRow = rowAt(row, path.length);
  const named = end.label !== null && chance(rng, 35);
  const far = named
    ? [isValue(end.label!, String(endRow[end.label!.index]))]
    : drawConditions(rng, { table: end, row: endRow, count: pick(rng, [0, 1, 1, 1, 2]) });
  const conditions = [...own, ...far];
  const joins = path.map(({ link, table }) =>
    ` JOIN ${table.sql} ON ${link.qualified} = ${table.key.qualified}`
  );
  return {
    main,
    from: main.sql + joins.join(""),
    where: conditions.map((condition) => condition.sql(qualified)),
    rows: main.rows.filter((row) =>
      own.every((one) => one.test(row)) && far.every((one) => one.test(rowAt(row, path.length)))
    ),
    columns: [
      ...reach(main, itself),
      ...path.flatMap(({ table }, i) => reach(table, (row) => rowAt(row, i + 1))),
    ],
    idle: far.length === 0 ? end : null,
    ...columnsUsed(main, conditions),
    tables: [main, ...path.map(({ table }) => table)],
    name: qualified,
    phrase: (rng, noun = main.plural) => {
      if (far.length === 0) return nounPhrase(rng, own, { noun });
      let target = named
        ? say(rng, "(<value>|<value>|the <noun> <value>)", {
          value: String(endRow[end.label!.index]),
          noun: end.noun,
        })
        : nounPhrase(rng, far, { noun: end.plural });
      for (const { link, from } of path.toReversed()) {
        const said = say(rng, `(${link.by ?? "of"})`);
        const by = said === "of" && from === main && own.length > 0 ? "belonging to" : said;
        if (from === main) return nounPhrase(rng, own, { noun, last: [`${by} ${target}`] });
        target = `${from.plural} ${by} ${target}`;
      }
      return target;
    },
  };
}

/**
 * Rows to which some rows, or none, of another table refer. Null where no table refers to `main` or no
 * row is left.
 */
export function referredScope(
  rng: Random,
  { tables }: SyntheticDatabase,
  main: Table,
): Scope | null {
  const index = tables.indexOf(main);
  const links = tables.flatMap((table) =>
    table.columns.filter(({ target }) => target === index).map((link) => ({ table, link }))
  );
  if (links.length === 0) return null;
  const { table, link } = pick(rng, links);
  const row = pick(rng, table.rows);
  const not = chance(rng, 40);
  const conditions = drawConditions(rng, { table, row, count: pick(rng, [0, 1, 1]) });
  const found = new Set(
    table.rows.filter((row) => conditions.every((one) => one.test(row))).map((row) =>
      row[link.index]
    ),
  );
  const has = main.rows.filter((row) => found.has(row[main.key.index]) !== not);
  const own = has.length > 0 && chance(rng, 25)
    ? drawConditions(rng, { table: main, row: pick(rng, has), count: 1 })
    : [];
  const rows = has.filter((row) => own.every((one) => one.test(row)));
  if (rows.length === 0) return null;
  const where = conditions.map((one) => one.sql(plain)).join(" AND ");
  const inner = `SELECT ${link.sql} FROM ${table.sql}${where === "" ? "" : ` WHERE ${where}`}`;
  const who = main.person ? "who" : "that";
  const done = link.done ?? (/ed$|^(made|had)$/.test(link.did ?? "") ? link.did : undefined);
  return {
    main,
    from: main.sql,
    where: [
      ...own.map((one) => one.sql(plain)),
      `${main.key.sql} ${not ? "NOT IN" : "IN"} (${inner})`,
    ],
    rows,
    columns: reach(main, itself),
    idle: null,
    ...columnsUsed(main, own),
    tables: [main, table],
    name: plain,
    phrase: (rng, noun = main.plural) => {
      const things = nounPhrase(rng, conditions, { noun: table.plural });
      const have = `(${who} have|with)`;
      const last = not
        ? done !== undefined && chance(rng, 50)
          ? say(rng, `${who} (have never ${done}|have not ${done} any) <things>`, { things })
          : say(rng, `(${have} no|without any|${who} do not have any) <things>`, { things })
        : link.did !== undefined && chance(rng, 60)
        ? say(rng, `${who} ${link.did} <things>`, { things })
        : say(rng, `(${have}|${have} at least one of the|${who} have any) <things>`, { things });
      return nounPhrase(rng, own, { noun, last: [last] });
    },
  };
}

/** A scope of any kind, the simpler ones more often. It always has rows. */
export function drawScope(rng: Random, database: SyntheticDatabase): Scope {
  const main = pick(rng, database.tables);
  const way = rng.below(100);
  const other = way < 30
    ? joinedScope(rng, database, main)
    : way < 44
    ? referredScope(rng, database, main)
    : null;
  return other ?? plainScope(rng, main, pick(rng, [0, 0, 1, 1, 1, 2, 2]));
}
