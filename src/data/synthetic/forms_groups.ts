/**
 * Questions about groups of the rows of a scope.
 * @module
 */
import type { Random } from "../random.ts";
import { amount } from "./condition.ts";
import { chance, pick, say } from "./english.ts";
import { columnsOf, countBy, isSharp, LIST, nounFor, type ScopeForm } from "./form.ts";
import type { Reachable, Scope } from "./scope.ts";
import { select } from "./select.ts";

/** A column to group by: of the idle table if there is one. */
function groupColumn(rng: Random, scope: Scope): Reachable | null {
  const found = columnsOf(scope, ["category"]).concat(
    columnsOf(scope, ["label"]).filter(({ table }) => table !== scope.main),
  ).filter(({ table, column }) =>
    (scope.idle === null ? true : table === scope.idle) &&
    !scope.used.has(column)
  );
  return found.length === 0 || scope.single ? null : pick(rng, found);
}

/** How many rows each group has, sometimes in an order. */
export const countGroups: ScopeForm = (rng, scope) => {
  const group = groupColumn(rng, scope);
  if (group === null) return null;
  const counts = [...countBy(scope.rows, group).values()];
  const ordered = chance(rng, 22) && new Set(counts).size === counts.length && counts.length > 1;
  const { from, where, tables } = scope;
  const name = scope.name(group.column);
  return {
    sql: select({
      columns: [name, "COUNT(*)"],
      from,
      where,
      group: [name],
      order: ordered ? "COUNT(*) DESC" : undefined,
    }),
    tables,
    question: (rng) => {
      const slots = { g: nounFor(scope, group), rows: scope.phrase(rng) };
      const tail = ordered
        ? "(, most frequent first|, from most to least frequent|, in descending order of the count|, sorted by the count from high to low)"
        : "";
      return say(
        rng,
        `(How many <rows> are there (for each|per|for every) <g>|(Count|Give the number of) <rows> (per|for each|by) <g>|For each <g>, (count|give the number of|show the number of) <rows>|What is the number of <rows> (for each|per) <g>|(Show|List) each <g> (with|and|together with) the number of <rows>)${tail}`,
        slots,
      );
    },
  };
};

const SUMMARIES = {
  AVG: "(average|mean)",
  MAX: "(highest|maximum|largest)",
  MIN: "(lowest|minimum|smallest)",
  SUM: "(total|combined)",
} as const;

type Summary = keyof typeof SUMMARIES;

/** A number of the main table and what to make of it. */
function summary(rng: Random, scope: Scope): { name: Summary; column: Reachable } | null {
  const numbers = columnsOf(scope, ["number"], { joined: false })
    .filter(({ column }) => !column.nullable && !scope.used.has(column));
  if (numbers.length === 0) return null;
  const column = pick(rng, numbers);
  const names: Summary[] = [
    "AVG",
    "AVG",
    "MAX",
    "MIN",
    ...(column.column.total ? ["SUM", "SUM"] as const : []),
  ];
  return { name: pick(rng, names), column };
}

/** The average, greatest, least or total value of a number in each group. */
export const summariseGroups: ScopeForm = (rng, scope) => {
  const group = groupColumn(rng, scope);
  const found = summary(rng, scope);
  if (group === null || found === null) return null;
  const { from, where, tables } = scope;
  const name = scope.name(group.column);
  const value = `${found.name}(${scope.name(found.column.column)})`;
  return {
    sql: select({ columns: [name, value], from, where, group: [name] }),
    tables,
    question: (rng) => {
      const slots = {
        g: nounFor(scope, group),
        rows: scope.phrase(rng),
        which: say(rng, SUMMARIES[found.name]),
        w: amount(found.column.column),
      };
      return say(
        rng,
        "((What is|Find|Give|Show) the <which> <w> of (the|all|) <rows> (for each|per|in each|by) <g>|For each <g>, (what is|show|find|give) the <which> <w> of (the|) <rows>|(Show|List) each <g> (with|and) the <which> <w> of (its|the) <rows>)",
        slots,
      );
    },
  };
};

/** Groups with more, or fewer, than so many rows. */
export const manyInGroup: ScopeForm = (rng, scope) => {
  const group = groupColumn(rng, scope);
  if (group === null) return null;
  const counts = [...countBy(scope.rows, group).values()];
  const value = pick(rng, counts);
  const [sign, words, bound] = pick(
    rng,
    [
      [">", "more than", value - 1],
      [">=", "at least", value],
      [">=", "(at least|no fewer than)", value],
      ["<", "(fewer than|less than)", value + 1],
      ["=", "exactly", value],
    ] as const,
  );
  if (bound < 2) return null;
  const { from, where, tables } = scope;
  const name = scope.name(group.column);
  const withCount = chance(rng, 30);
  return {
    sql: select({
      columns: withCount ? [name, "COUNT(*)"] : [name],
      from,
      where,
      group: [name],
      having: `COUNT(*) ${sign} ${bound}`,
    }),
    tables,
    question: (rng) => {
      const slots = {
        g: nounFor(scope, group, true),
        one: nounFor(scope, group),
        rows: scope.phrase(rng),
        k: `${bound}`,
      };
      return withCount
        ? say(
          rng,
          `(Which <g> have ${words} <k> <rows>? (Show|Give) (the <one> and the number|each <one> with its count)|${LIST} the <g> with ${words} <k> <rows>(,|) together with (the number|their count))`,
          slots,
        )
        : say(
          rng,
          `(Which <g> have ${words} <k> <rows>|${LIST} the <g> (with|that have) ${words} <k> <rows>|For which <g> are there ${words} <k> <rows>|What are the <g> with ${words} <k> <rows>)`,
          slots,
        );
    },
  };
};

/** Groups of which the average or total is above or below a bound. */
export const summaryBound: ScopeForm = (rng, scope) => {
  const group = groupColumn(rng, scope);
  const found = summary(rng, scope);
  if (group === null || found === null || (found.name !== "AVG" && found.name !== "SUM")) {
    return null;
  }
  const sums = new Map<unknown, { sum: number; count: number }>();
  for (const row of scope.rows) {
    const key = group.valueOf(row);
    const { sum, count } = sums.get(key) ?? { sum: 0, count: 0 };
    sums.set(key, { sum: sum + Number(found.column.valueOf(row)), count: count + 1 });
  }
  const values = [...sums.values()].map(({ sum, count }) =>
    found.name === "AVG" ? sum / count : sum
  );
  const value = pick(rng, values);
  const above = chance(rng, 60);
  const grain = value >= 2000 ? 500 : value >= 200 ? 50 : value >= 20 ? 5 : 1;
  const bound = above
    ? Math.ceil(value / grain - 1) * grain
    : Math.floor(value / grain + 1) * grain;
  const { from, where, tables } = scope;
  const name = scope.name(group.column);
  return {
    sql: select({
      columns: [name],
      from,
      where,
      group: [name],
      having: `${found.name}(${scope.name(found.column.column)}) ${above ? ">" : "<"} ${bound}`,
    }),
    tables,
    question: (rng) => {
      const slots = {
        g: nounFor(scope, group, true),
        rows: scope.phrase(rng),
        which: say(rng, SUMMARIES[found.name]),
        w: amount(found.column.column),
        k: `${bound}`,
      };
      const is = above ? "(above|more than|greater than|over)" : "(below|less than|under)";
      return say(
        rng,
        `(For which <g> is the <which> <w> of (the|all|) <rows> ${is} <k>|Which <g> have <rows> with (a|an overall) <which> <w> ${is} <k>|${LIST} the <g> where the <which> <w> of (the|) <rows> is ${is} <k>)`,
        slots,
      )
        .replace(/\ban? (overall )?(?=(average|overall)\b)/, "an ").replace("an overall ", "a ");
    },
  };
};

/** The group with the most or the fewest rows. */
export const topGroup: ScopeForm = (rng, scope) => {
  const group = groupColumn(rng, scope);
  if (group === null) return null;
  const most = chance(rng, 70);
  const counts = [...countBy(scope.rows, group).values()];
  if (!isSharp(counts, 1, most)) return null;
  const { from, where, tables } = scope;
  const name = scope.name(group.column);
  return {
    sql: select({
      columns: [name],
      from,
      where,
      group: [name],
      order: `COUNT(*)${most ? " DESC" : ""}`,
      limit: 1,
    }),
    tables,
    question: (rng) => {
      const slots = { g: nounFor(scope, group), rows: scope.phrase(rng) };
      return most
        ? say(
          rng,
          "(Which <g> has the (most|largest number of|highest number of) <rows>|(What is|Find|Give) the <g> with the (most|highest number of) <rows>|(What is|Find|Show) the most (common|frequent) <g> (of|among) (the|all|) <rows>)",
          slots,
        )
        : say(
          rng,
          "(Which <g> has the (fewest|smallest number of) <rows>|(What is|Find|Give) the <g> with the (fewest|lowest number of) <rows>|(What is|Find|Show) the least (common|frequent) <g> (of|among) (the|all|) <rows>)",
          slots,
        );
    },
  };
};

/** How many there are, or what they sum up to, in each year or month. */
export const perYear: ScopeForm = (rng, scope) => {
  const dates = columnsOf(scope, ["date"], { joined: false }).filter(({ column }) =>
    !column.nullable && !scope.used.has(column)
  );
  if (dates.length === 0 || scope.idle !== null || scope.single) return null;
  const { column } = pick(rng, dates);
  const found = chance(rng, 40) ? summary(rng, scope) : null;
  const unit = chance(rng, 75) ? "year" : "month";
  const name = `strftime('${unit === "year" ? "%Y" : "%Y-%m"}', ${scope.name(column)})`;
  const value = found === null ? "COUNT(*)" : `${found.name}(${scope.name(found.column.column)})`;
  const { from, where, tables } = scope;
  return {
    sql: select({ columns: [name, value], from, where, group: [name] }),
    tables,
    question: (rng) => {
      const slots = {
        d: column.words,
        unit,
        rows: scope.phrase(rng),
        what: found === null
          ? "number"
          : `${say(rng, SUMMARIES[found.name])} ${amount(found.column.column)}`,
      };
      const by = "(by|per|for each) <unit> of (the|their) <d>";
      return found === null && chance(rng, 50)
        ? say(
          rng,
          `((Count|Show how many) <rows> (there are |)${by}|How many <rows> are there ${by})`,
          slots,
        )
          .replace(/^Count (.*?) there are /, "Count $1 ")
        : say(
          rng,
          `((What is|Show|Give|Find) the <what> of <rows> ${by}|For each <unit> of the <d>, (show|give) the <what> of <rows>)`,
          slots,
        );
    },
  };
};
