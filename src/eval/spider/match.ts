/**
 * Exact set match: two queries compared clause by clause, without regard to order, as Spider's
 * evaluator does it.
 * @module
 */
import { conditionsOf, connectorsOf, type Query, SET_OPERATIONS } from "./query.ts";

/** The parts that are scored, under the evaluator's names. */
export const COMPONENTS = [
  "select",
  "select(no AGG)",
  "where",
  "where(no OP)",
  "group(no Having)",
  "group",
  "order",
  "and/or",
  "IUEN",
  "keywords",
] as const;
export type Component = typeof COMPONENTS[number];

/** Entries in the prediction, entries in the gold query; then precision, recall and F1: 0 or 1. */
export type ComponentScore = readonly [
  predTotal: number,
  labelTotal: number,
  acc: number,
  rec: number,
  f1: number,
];

export type PartialScores = Readonly<Record<Component, ComponentScore>>;

/** The verdict on a pair of queries. */
export interface Match {
  readonly exact: boolean;
  readonly partial: PartialScores;
}

/**
 * Compares two normalised queries. They match where every component does and the same tables are in
 * FROM. Source of the rules: `evaluation.py` of https://github.com/taoyds/test-suite-sql-eval.
 */
export function matchQueries(pred: Query, gold: Query): Match {
  const partial: PartialScores = {
    "select": compareLists(pred.select.units.map(key), gold.select.units.map(key)),
    "select(no AGG)": compareLists(
      pred.select.units.map(({ value }) => key(value)),
      gold.select.units.map(({ value }) => key(value)),
    ),
    "where": compareLists(conditionsOf(pred.where).map(key), conditionsOf(gold.where).map(key)),
    "where(no OP)": compareLists(
      conditionsOf(pred.where).map(({ value }) => key(value)),
      conditionsOf(gold.where).map(({ value }) => key(value)),
    ),
    "group(no Having)": compareLists(groupNames(pred), groupNames(gold)),
    "group": comparePresence(
      pred.groupBy.length > 0,
      gold.groupBy.length > 0,
      key(groupColumns(pred)) === key(groupColumns(gold)) && key(pred.having) === key(gold.having),
    ),
    "order": comparePresence(
      pred.orderBy !== null,
      gold.orderBy !== null,
      key(pred.orderBy) === key(gold.orderBy) && pred.limit === gold.limit,
    ),
    "and/or": compareConnectors(pred, gold),
    "IUEN": compareJoined(pred, gold),
    "keywords": compareLists([...keywordsOf(pred)], [...keywordsOf(gold)]),
  };
  const exact = COMPONENTS.every((component) => partial[component][4] === 1) &&
    (gold.from.tables.length === 0 || key(sortedTables(pred)) === key(sortedTables(gold)));
  return { exact, partial };
}

/** Equal values have equal keys, because all objects of a kind are made with the same order. */
function key(value: unknown): string {
  return JSON.stringify(value);
}

function score(predTotal: number, goldTotal: number, common: number): ComponentScore {
  const right = predTotal === goldTotal && common === predTotal ? 1 : 0;
  return [predTotal, goldTotal, right, right, right];
}

/** Right where both have the same entries, each as often. */
function compareLists(pred: readonly string[], gold: readonly string[]): ComponentScore {
  const left = [...gold];
  for (const entry of pred) {
    const index = left.indexOf(entry);
    if (index >= 0) left.splice(index, 1);
  }
  return score(pred.length, gold.length, gold.length - left.length);
}

/** Right where neither has the clause, or both have it and it is the same. */
function comparePresence(pred: boolean, gold: boolean, same: boolean): ComponentScore {
  return score(Number(pred), Number(gold), Number(pred && gold && same));
}

function groupColumns({ groupBy }: Query): readonly string[] {
  return groupBy.map(({ column }) => column);
}

/** The columns of GROUP BY without their tables. */
function groupNames(query: Query): readonly string[] {
  return groupColumns(query).map((column) => column.split(".")[1] ?? column);
}

/** The evaluator counts 1 for both where the connectors are the same, and swaps the counts if not. */
function compareConnectors(pred: Query, gold: Query): ComponentScore {
  const [inPred, inGold] = [pred, gold].map(({ where }) => new Set(connectorsOf(where).map(key)));
  const same = inPred.size === inGold.size && inPred.isSubsetOf(inGold);
  return same ? [1, 1, 1, 1, 1] : [inGold.size, inPred.size, 0, 0, 0];
}

/** The queries behind INTERSECT, UNION and EXCEPT. */
function compareJoined(pred: Query, gold: Query): ComponentScore {
  const count = (query: Query) => SET_OPERATIONS.filter((operation) => query[operation]).length;
  const common = SET_OPERATIONS.filter((operation) => {
    const [inPred, inGold] = [pred[operation], gold[operation]];
    return inPred !== null && inGold !== null && matchQueries(inPred, inGold).exact;
  });
  return score(count(pred), count(gold), common.length);
}

function keywordsOf(query: Query): ReadonlySet<string> {
  const { where, groupBy, having, orderBy, limit, from } = query;
  const words = new Set<string>();
  if (where.length > 0) words.add("where");
  if (groupBy.length > 0) words.add("group");
  if (having.length > 0) words.add("having");
  if (orderBy !== null) words.add(orderBy.direction).add("order");
  if (limit) words.add("limit");
  for (const operation of SET_OPERATIONS) {
    if (query[operation] !== null) words.add(operation);
  }
  const lists = [from.conditions, where, having];
  if (lists.flatMap(connectorsOf).includes("or")) words.add("or");
  const conditions = lists.flatMap(conditionsOf);
  if (conditions.some(({ negated }) => negated)) words.add("not");
  for (const comparison of ["in", "like"] as const) {
    if (conditions.some((condition) => condition.comparison === comparison)) words.add(comparison);
  }
  return words;
}

function sortedTables({ from }: Query): readonly string[] {
  return from.tables.map(key).sort();
}
