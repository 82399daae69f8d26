/**
 * Questions that bring tables together: how much refers to each row, comparisons with one row, and set
 * operations.
 * @module
 */
import { formatValue } from "../../sql/ddl.ts";
import type { Random } from "../random.ts";
import { amount, type Condition } from "./condition.ts";
import { drawCondition } from "./condition_draw.ts";
import { chance, pick, plural, say } from "./english.ts";
import { type DatabaseForm, isSharp, LIST } from "./form.ts";
import { nounPhrase } from "./scope.ts";
import { select } from "./select.ts";
import type { Column, SyntheticDatabase, Table, Value } from "./types.ts";

/** A table that refers to another, which has a label to show. */
function drawLink(
  rng: Random,
  { tables }: SyntheticDatabase,
): { child: Table; parent: Table; link: Column; label: Column } | null {
  const links = tables.flatMap((child) =>
    child.columns.filter(({ kind, target }) =>
      kind === "reference" && tables[target].label !== null
    )
      .map((link) => ({
        child,
        link,
        parent: tables[link.target],
        label: tables[link.target].label!,
      }))
  );
  return links.length === 0 ? null : pick(rng, links);
}

/** Rows by how many others refer to them: each count, those above a bound, the first. */
export const countReferring: DatabaseForm = (rng, database) => {
  const found = drawLink(rng, database);
  if (found === null) return null;
  const { child, parent, link, label } = found;
  const counts = new Map<Value, number>();
  for (const row of child.rows) counts.set(row[link.index], (counts.get(row[link.index]) ?? 0) + 1);
  const from = `${parent.sql} JOIN ${child.sql} ON ${link.qualified} = ${parent.key.qualified}`;
  const shared = { from, group: [parent.key.qualified] };
  const tables = [parent, child];
  const slots = {
    w: label.words,
    ws: plural(label.words),
    p: parent.noun,
    ps: parent.plural,
    c: child.plural,
  };
  const who = parent.person ? "who" : "that";
  const did = link.did === undefined ? "have" : `(have|${link.did})`;
  const way = pick(rng, ["each", "all", "many", "many", "top", "top"] as const);
  if (way === "each") {
    return {
      sql: select({ columns: [label.qualified, "COUNT(*)"], ...shared }),
      tables,
      question: (rng) =>
        say(
          rng,
          `(For each <p> ${who} has (any|at least one of the) <c>, (show|give|list) the <w> and the number of <c>|(List|Show) the <w> and the number of <c> of each <p> ${who} has any|How many <c> does each <p> have, leaving out <ps> without any? Give the <w> and the (number|count))`,
          slots,
        ),
    };
  }
  if (way === "all") {
    return {
      sql: select({
        columns: [label.qualified, `COUNT(${child.key.qualified})`],
        from: from.replace(" JOIN ", " LEFT JOIN "),
        group: shared.group,
      }),
      tables,
      question: (rng) =>
        say(
          rng,
          "(For (each|every) <p>, (show|give) the <w> and the number of <c>, (including <ps> without any|even if it is zero|with 0 for those without any)|(List|Show) every <p> by <w> with the number of (its |)<c>, also those (without any|that have none))",
          slots,
        ),
    };
  }
  if (way === "many") {
    const value = pick(rng, [...counts.values()]);
    const more = chance(rng, 50);
    const bound = more ? value - 1 : value;
    if (bound < (more ? 1 : 2)) return null;
    const words = more ? "more than" : "at least";
    return {
      sql: select({
        columns: [label.qualified],
        ...shared,
        having: `COUNT(*) ${more ? ">" : ">="} ${bound}`,
      }),
      tables,
      question: (rng) =>
        say(
          rng,
          `(Which <ps> ${did} ${words} <k> <c>? (Give|Show|List) the <w>|${LIST} the <ws> of (all |)<ps> ${who} ${did} ${words} <k> <c>|(Find|List) the <w> of every <p> with ${words} <k> <c>)`,
          { ...slots, k: `${bound}` },
        ),
    };
  }
  const most = chance(rng, 75);
  const limit = pick(rng, [1, 1, 3]);
  if (!isSharp([...counts.values()], limit, most)) return null;
  const columns = chance(rng, 25) ? [label.qualified, "COUNT(*)"] : [label.qualified];
  const end = most ? "(most|highest number of)" : "(fewest|lowest number of)";
  const also = columns.length > 1 ? " and (the number of <c>|how many there are)" : "";
  const some = most ? "" : "(, among those with at least one|, leaving out those without any)";
  return {
    sql: select({ columns, ...shared, order: `COUNT(*)${most ? " DESC" : ""}`, limit }),
    tables,
    question: (rng) =>
      limit === 1
        ? say(
          rng,
          `((What is|Give|Show|Find) the <w>${also} of the <p> with the ${end} <c>${some})`,
          slots,
        )
        : say(
          rng,
          `(${LIST} the <ws>${also} of the (three|3) <ps> with the ${end} <c>${some})`,
          slots,
        ),
  };
};

/** Rows with a number above or below that of one row, which is named. */
export const beyondRow: DatabaseForm = (rng, { tables }) => {
  const table = pick(rng, tables);
  const { label, rows, sql, plural: ps, noun } = table;
  const numbers = table.columns.filter(({ kind, nullable }) => kind === "number" && !nullable);
  if (label === null || numbers.length === 0) return null;
  const column = pick(rng, numbers);
  const row = pick(rng, rows);
  const above = chance(rng, 60);
  const value = Number(row[column.index]);
  if (
    !rows.some((one) =>
      above ? Number(one[column.index]) > value : Number(one[column.index]) < value
    )
  ) {
    return null;
  }
  const name = String(row[label.index]);
  const inner = select({
    columns: [column.sql],
    from: sql,
    where: [`${label.sql} = ${formatValue(name)}`],
  });
  const count = chance(rng, 25);
  return {
    sql: select({
      columns: [count ? "COUNT(*)" : label.sql],
      from: sql,
      where: [`${column.sql} ${above ? ">" : "<"} (${inner})`],
    }),
    tables: [table],
    question: (rng) => {
      const slots = { w: plural(label.words), ps, noun, name, key: amount(column) };
      const than = above ? "(a higher|a greater|a larger)" : "(a lower|a smaller)";
      const tail = `with ${than} <key> than (<name>|that of <name>|the <noun> <name>)`;
      return count ? say(rng, `(How many <ps> are there|Count the <ps>) ${tail}`, slots) : say(
        rng,
        `(${LIST} the <w> of (all|the|) <ps>|What are the <w> of the <ps>) ${tail}`,
        slots,
      );
    },
  };
};

/** Values of a category under two conditions: both, one but not the other, or either. */
export const combineConditions: DatabaseForm = (rng, { tables }) => {
  const table = pick(rng, tables);
  const categories = table.columns.filter(({ kind }) => kind === "category");
  if (categories.length === 0) return null;
  const category = pick(rng, categories);
  const columns = table.columns.filter((column) =>
    column !== category && ["category", "number", "date", "flag"].includes(column.kind)
  );
  if (columns.length === 0) return null;
  const conditions = [0, 1].map(() =>
    drawCondition(rng, { table, row: pick(rng, table.rows), columns })
  );
  const [a, b] = conditions;
  if (a === null || b === null) return null;
  if (a.column === b.column && !(a.fixes && b.fixes)) return null;
  const plainName = (column: Column) => column.sql;
  if (a.sql(plainName) === b.sql(plainName)) return null;
  const valuesFor = (condition: Condition) =>
    new Set(table.rows.filter((row) => condition.test(row)).map((row) => row[category.index]));
  const operator = drawOperator(rng, valuesFor(a), valuesFor(b));
  const part = (condition: Condition) =>
    select({ columns: [category.sql], from: table.sql, where: [condition.sql(plainName)] });
  return {
    sql: `${part(a)} ${operator} ${part(b)}`,
    tables: [table],
    question: (rng) => {
      const words = (condition: Condition) => nounPhrase(rng, [condition], { noun: table.plural });
      const slots = { ws: plural(category.words), a: words(a), b: words(b) };
      if (operator === "INTERSECT") {
        return say(
          rng,
          "(Which <ws> have both <a> and <b>|(List|Find|Show) the <ws> that have <a> and also <b>|(What|Which) <ws> do <a> and <b> have in common)",
          slots,
        );
      }
      return operator === "EXCEPT"
        ? say(
          rng,
          "(Which <ws> have <a> but (no|do not have any) <b>|(List|Find|Show) the <ws> of <a> that are not (among|) the <ws> of <b>|(Find|List) the <ws> with <a> but without <b>)",
          slots,
        ).replace("not  the", "not the")
        : say(
          rng,
          "((List|Show|Give) the (different |)<ws> of <a> (or|and) those of <b>, without (repetition|duplicates)|Which (different |)<ws> are there among <a> together with <b>)",
          slots,
        );
    },
  };
};

/** Values that columns of two tables share, or do not. */
export const combineTables: DatabaseForm = (rng, { tables }) => {
  const pairs = tables.flatMap((one, i) =>
    tables.slice(i + 1).flatMap((other) =>
      one.columns.flatMap((a) =>
        other.columns.filter((b) =>
          a.kind === "category" && b.kind === "category" && a.words === b.words
        )
          .map((b) => ({ one, other, a, b }))
      )
    )
  );
  if (pairs.length === 0) return null;
  const { one, other, a, b } = pick(rng, pairs);
  const operator = drawOperator(rng, new Set(a.sorted), new Set(b.sorted));
  const slots = { w: a.words, ws: plural(a.words), a: one.plural, b: other.plural };
  return {
    sql: `${select({ columns: [a.sql], from: one.sql })} ${operator} ${
      select({ columns: [b.sql], from: other.sql })
    }`,
    tables: [one, other],
    question: (rng) =>
      operator === "INTERSECT"
        ? say(
          rng,
          "(Which <ws> have both <a> and <b>|(List|Find|Show) the <ws> that (occur|appear) for <a> as well as for <b>|Which <ws> do <a> and <b> have in common)",
          slots,
        )
        : operator === "EXCEPT"
        ? say(
          rng,
          "(Which <ws> have <a> but no <b>|(List|Find|Show) the <ws> of <a> (where there are no|that have no) <b>)",
          slots,
        )
        : say(
          rng,
          "((List|Show|Give) the (different |)<ws> of <a> and of <b>, each once|(List|Find|Show) every <w> that has <a> or <b>|Which <ws> have <a> or <b> or both)",
          slots,
        ),
  };
};

/** A set operation that leaves something of the two sets; UNION where no other does. */
function drawOperator(
  rng: Random,
  a: ReadonlySet<unknown>,
  b: ReadonlySet<unknown>,
): "INTERSECT" | "EXCEPT" | "UNION" {
  const useful = [
    ...(a.isDisjointFrom(b) ? [] : ["INTERSECT", "INTERSECT"] as const),
    ...(a.isSubsetOf(b) ? [] : ["EXCEPT", "EXCEPT"] as const),
  ];
  return pick(rng, [...useful, "UNION"]);
}
