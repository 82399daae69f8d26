/**
 * Questions about the rows of a scope that compare them: order, the first few, beyond the average.
 * @module
 */
import { amount } from "./condition.ts";
import { chance, indefinite, pick, say } from "./english.ts";
import {
  ALL,
  columnsOf,
  countWord,
  extreme,
  isSharp,
  LIST,
  nounsFor,
  type ScopeForm,
  shownColumns,
} from "./form.ts";
import { select } from "./select.ts";

/** All of them in an order. */
export const orderRows: ScopeForm = (rng, scope) => {
  const shown = shownColumns(rng, scope, 2);
  const keys = columnsOf(scope, ["number", "date", "label"], { joined: false })
    .filter(({ column }) => !column.nullable && !scope.fixed.has(column));
  if (shown === null || keys.length === 0 || scope.single) return null;
  const key = pick(rng, keys);
  const descending = chance(rng, 50);
  const { from, where, tables } = scope;
  const columns = shown.map(({ column }) => scope.name(column));
  const order = scope.name(key.column) + (descending ? " DESC" : "");
  const { kind } = key.column;
  const ways = kind === "date"
    ? [
      "(from the earliest to the latest|earliest first|in ascending order)",
      "(from the latest to the earliest|latest first|in descending order|most recent first)",
    ]
    : kind === "label"
    ? [
      "(alphabetically|in alphabetical order|from A to Z)",
      "(in reverse alphabetical order|from Z to A)",
    ]
    : [
      "(in ascending order|from lowest to highest|lowest first|from low to high)",
      "(in descending order|from highest to lowest|highest first|from high to low)",
    ];
  return {
    sql: select({ columns, from, where, order }),
    tables,
    question: (rng) =>
      say(
        rng,
        `(${LIST} the <w> of ${ALL} <rows>|What are the <w> of ${ALL} <rows>|${LIST} the <w> of <rows>)(,|) (sorted|ordered|arranged) by <key> ${
          ways[descending ? 1 : 0]
        }`,
        {
          w: nounsFor(rng, scope, shown),
          rows: scope.phrase(rng),
          key: amount(key.column),
        },
      ),
  };
};

/** The first or the first few in an order. */
export const topRows: ScopeForm = (rng, scope) => {
  const shown = shownColumns(rng, scope, 2);
  const keys = columnsOf(scope, ["number", "date"], { joined: false })
    .filter(({ column }) => !scope.fixed.has(column));
  if (shown === null || keys.length === 0 || scope.single) return null;
  const key = pick(rng, keys);
  const descending = chance(rng, 60);
  const limit = pick(rng, [1, 1, 2, 3, 3, 5]);
  if (!isSharp(scope.rows.map(key.valueOf), limit, descending)) return null;
  const { from, where, tables, main } = scope;
  const { most, least } = key.column;
  const own = descending ? most : least;
  const order = scope.name(key.column) + (descending ? " DESC" : "");
  return {
    sql: select({
      columns: shown.map(({ column }) => scope.name(column)),
      from,
      where,
      order,
      limit,
    }),
    tables,
    question: (rng) => {
      const w = nounsFor(rng, scope, shown);
      const slots = {
        w,
        key: amount(key.column),
        end: extreme(rng, key, descending),
        its: main.person ? "their" : "its",
        n: countWord(rng, limit),
      };
      if (limit > 1) {
        const rows = scope.phrase(rng);
        return own !== undefined && chance(rng, 50)
          ? say(rng, `(${LIST}|What are) the <w> of the (<n>|top <n>|<n>) (${own}) <rows>`, {
            ...slots,
            rows,
          })
          : say(rng, `(${LIST}|What are) the <w> of the (<n>|<n>) <rows> with the <end> <key>`, {
            ...slots,
            rows,
          });
      }
      const plainScope = scope.where.length === 0;
      const rows = scope.phrase(rng, plainScope ? main.noun : main.plural);
      if (own !== undefined && chance(rng, 50)) {
        return plainScope
          ? say(
            rng,
            `((What is|Give|Show|Find|Tell me) the <w> of the (${own}) <rows>|Which <rows> is the (${own})? Give (<its>|the) <w>)`,
            { ...slots, rows },
          )
          : say(rng, `(Of|Among) ${ALL} <rows>, (give|show|what is) the <w> of the (${own}) one`, {
            ...slots,
            rows,
          });
      }
      return plainScope
        ? say(
          rng,
          `((What is|Give|Show|Find) the <w> of the <rows> with the <end> <key>|Which <rows> has the <end> <key>? (Give|Show|Return) the <w>)`,
          { ...slots, rows },
        )
        : say(
          rng,
          `(Which of the <rows> has the <end> <key>? (Give|Show|Return) the <w>|(Among|Of) the <rows>, (what is|show|give) the <w> of the one with the <end> <key>)`,
          { ...slots, rows },
        );
    },
  };
};

/** Those above or below the average of all. */
export const beyondAverage: ScopeForm = (rng, scope) => {
  const { main, from, where, tables, name } = scope;
  const shown = shownColumns(rng, scope, 2);
  const keys = columnsOf(scope, ["number"], { joined: false })
    .filter(({ column }) => !scope.used.has(column));
  if (shown === null || keys.length === 0 || scope.single) return null;
  const { column } = pick(rng, keys);
  const values = main.rows.map((row) => row[column.index]).filter((value) => value !== null);
  const average = values.reduce<number>((sum, value) => sum + Number(value), 0) / values.length;
  const above = chance(rng, 60);
  const isBeyond = (value: unknown) => above ? Number(value) > average : Number(value) < average;
  if (!scope.rows.some((row) => row[column.index] !== null && isBeyond(row[column.index]))) {
    return null;
  }
  const inner = select({ columns: [`AVG(${column.sql})`], from: main.sql });
  const test = `${name(column)} ${above ? ">" : "<"} (${inner})`;
  const count = scope.idle === null && chance(rng, 25);
  const columns = count ? ["COUNT(*)"] : shown.map(({ column }) => name(column));
  const beyond = above
    ? "(above|higher than|greater than|over)"
    : "(below|lower than|less than|under)";
  return {
    sql: select({ columns, from, where: [...where, test] }),
    tables,
    question: (rng) => {
      const slots = {
        w: nounsFor(rng, scope, shown),
        rows: scope.phrase(rng),
        key: indefinite(amount(column)),
        all: main.plural,
      };
      const tail = where.length === 0
        ? `(with <key> ${beyond} (average|the average)|with <key> ${beyond} (average|the average of all <all>))`
        : `with <key> ${beyond} the average of all <all>`;
      return count
        ? say(rng, `(How many <rows> are there|Count the <rows>) ${tail}`, slots)
        : say(rng, `(${LIST} the <w> of ${ALL} <rows>|What are the <w> of <rows>) ${tail}`, slots);
    },
  };
};

/** Those that have the greatest or the least value of all. */
export const atExtreme: ScopeForm = (rng, scope) => {
  const { main, from, tables, where } = scope;
  const shown = shownColumns(rng, scope, 2);
  const keys = columnsOf(scope, ["number", "date"], { joined: false });
  if (shown === null || keys.length === 0 || where.length > 0 || scope.idle !== null) return null;
  const key = pick(rng, keys);
  const greatest = chance(rng, 55);
  const name = scope.name(key.column);
  const inner = select({
    columns: [`${greatest ? "MAX" : "MIN"}(${key.column.sql})`],
    from: main.sql,
  });
  return {
    sql: select({
      columns: shown.map(({ column }) => scope.name(column)),
      from,
      where: [`${name} = (${inner})`],
    }),
    tables,
    question: (rng) =>
      say(
        rng,
        `(${LIST} the <w> of (all|all the|every one of the) <rows> (that have|having|with) the <end> <key> of all|Which <rows> have the <end> <key>? ${LIST} the <w> of all of them)`,
        {
          w: nounsFor(rng, scope, shown),
          rows: main.plural,
          end: extreme(rng, key, greatest),
          key: amount(key.column),
        },
      ),
  };
};
