/**
 * Questions about the rows of a scope: list, count, sum up.
 * @module
 */
import { amount } from "./condition.ts";
import { chance, pick, say } from "./english.ts";
import {
  ALL,
  columnsOf,
  LIST,
  nounFor,
  nounsFor,
  type ScopeForm,
  shownColumns,
  WHAT,
} from "./form.ts";
import { select } from "./select.ts";

/** Some columns. */
export const listRows: ScopeForm = (rng, scope) => {
  const shown = shownColumns(rng, scope, 3);
  if (shown === null) return null;
  const { from, where, tables } = scope;
  const [{ column }] = shown;
  const distinct = shown.length === 1 && column.kind === "category" && !scope.single &&
    chance(rng, 80);
  const sql = select({
    distinct,
    columns: shown.map(({ column }) => scope.name(column)),
    from,
    where,
  });
  return {
    sql,
    tables,
    question: (rng) => {
      const rows = scope.phrase(rng);
      if (distinct) {
        const w = nounFor(scope, shown[0], true);
        return say(
          rng,
          `(${LIST} (the|all|all the) (different|distinct|unique)|What are the (different|distinct|unique)|Which (different|distinct)) <w> (of|among|of all) <rows>`,
          { w, rows },
        );
      }
      const w = nounsFor(rng, scope, shown);
      if (shown.length === 1 && column.kind === "label" && chance(rng, 30)) {
        return say(
          rng,
          `(${LIST} ${ALL} <rows> by <w>|Which <rows> are there? Give the <w>|(List|Show) the <w> of each of the <rows>)`,
          { w, rows },
        );
      }
      return say(
        rng,
        `(${LIST} the <w> of ${ALL} <rows>|${LIST} the <w> for ${ALL} <rows>|What (is|are) the <w> of ${ALL} <rows>|For ${ALL} <rows>, (show|list|give) the <w>|<w> of ${ALL} <rows>)`,
        { w, rows },
      );
    },
  };
};

/** How many there are. */
export const countRows: ScopeForm = (_, scope) => {
  if (scope.idle !== null || scope.single) return null;
  const { from, where, tables } = scope;
  return {
    sql: select({ columns: ["COUNT(*)"], from, where }),
    tables,
    question: (rng) =>
      say(
        rng,
        "(How many <rows> are there|How many <rows> do we have|What is the (number|total number|count) of <rows>|Count (the|all|) <rows>|(Give|Show|Find|Tell me) the number of <rows>|(Find|Tell me|Show) how many <rows> there are|Number of <rows>)",
        { rows: scope.phrase(rng) },
      ),
  };
};

/** How many different values there are. */
export const countDistinct: ScopeForm = (rng, scope) => {
  const found = columnsOf(scope, ["category"], { joined: false })
    .filter(({ column }) => !scope.used.has(column));
  if (found.length === 0 || scope.idle !== null || scope.single) return null;
  const one = pick(rng, found);
  const { from, where, tables } = scope;
  return {
    sql: select({ columns: [`COUNT(DISTINCT ${scope.name(one.column)})`], from, where }),
    tables,
    question: (rng) =>
      say(
        rng,
        "(How many (different|distinct|unique) <w> are there among <rows>|(What is|Find|Give) the number of (different|distinct) <w> of <rows>|Count the (different|distinct|unique) <w> of <rows>)",
        { w: nounFor(scope, one, true), rows: scope.phrase(rng) },
      ),
  };
};

const AGGREGATES = {
  AVG: "(average|mean)",
  MAX: "(highest|maximum|largest|greatest)",
  MIN: "(lowest|minimum|smallest)",
  SUM: "(total|combined|overall)",
} as const;

/** One or two summary values of a number. */
export const aggregateRows: ScopeForm = (rng, scope) => {
  const found = columnsOf(scope, ["number"], { joined: false })
    .filter(({ column }) => !scope.used.has(column));
  if (found.length === 0 || scope.idle !== null || scope.single) return null;
  const { column } = pick(rng, found);
  if (scope.rows.every((row) => row[column.index] === null)) return null;
  const known = (["AVG", "MAX", "MIN", "SUM"] as const).filter((name) =>
    name !== "SUM" || column.total
  );
  const names = chance(rng, 80)
    ? [pick(rng, known)]
    : pick(rng, [["MIN", "MAX"], ["AVG", "MAX"], ["AVG", "MIN"]] as const);
  const { from, where, tables } = scope;
  return {
    sql: select({ columns: names.map((name) => `${name}(${scope.name(column)})`), from, where }),
    tables,
    question: (rng) => {
      const which = names.map((name) => say(rng, AGGREGATES[name])).join(" and ");
      const what = names.length === 1 ? WHAT : "(What are|Find|Give|Show|Tell me|Return)";
      return say(
        rng,
        `(${what} the <which> <w> of ${ALL} <rows>|${what} the <which> <w> (among|across|for) ${ALL} <rows>|<which> <w> of <rows>)`,
        { which, w: amount(column), rows: scope.phrase(rng) },
      );
    },
  };
};
