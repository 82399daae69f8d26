/**
 * How hard a query is, by Spider's count of its parts.
 * @module
 */
import { conditionsOf, connectorsOf, nestedQueries, type Query } from "./query.ts";

/** From the easiest to the hardest. */
export const HARDNESS = ["easy", "medium", "hard", "extra"] as const;
export type Hardness = typeof HARDNESS[number];

/**
 * The class of a query that has not been normalised. Source of the rules: `evaluation.py` of
 * https://github.com/taoyds/spider.
 */
export function hardnessOf(query: Query): Hardness {
  const clauses = countClauses(query);
  const nested = nestedQueries(query).length;
  const others = countOthers(query);
  if (nested === 0) {
    if (clauses <= 1 && others === 0) return "easy";
    if ((clauses <= 1 && others <= 2) || (clauses <= 2 && others < 2)) return "medium";
    if ((clauses <= 2 && others > 2) || (clauses === 3 && others <= 2)) return "hard";
    return "extra";
  }
  return clauses <= 1 && others === 0 && nested <= 1 ? "hard" : "extra";
}

/** WHERE, GROUP BY, ORDER BY, LIMIT, and each join, OR and LIKE. */
function countClauses({ where, groupBy, orderBy, limit, from, having }: Query): number {
  const lists = [from.conditions, where, having];
  const connectors = lists.flatMap(connectorsOf).filter((connector) => connector === "or");
  const likes = lists.flatMap(conditionsOf).filter(({ comparison }) => comparison === "like");
  const present = [where.length > 0, groupBy.length > 0, orderBy !== null, limit];
  return present.filter(Boolean).length + Math.max(0, from.tables.length - 1) +
    connectors.length + likes.length;
}

/** One each for: several aggregations, several columns, several conditions, several groups. */
function countOthers({ select, where, groupBy, orderBy, having }: Query): number {
  // Where the evaluator looks for an aggregation in a condition it finds the NOT, and in HAVING it
  // takes each AND and OR for one too.
  const ordered = (orderBy?.values ?? []).flatMap(({ left, right }) =>
    right ? [left, right] : left
  );
  const aggregations = [...select.units, ...groupBy, ...ordered]
    .filter(({ aggregate }) => aggregate !== "none").length +
    conditionsOf(where).filter(({ negated }) => negated).length +
    having.filter((item) => typeof item === "string" || item.negated).length;
  return [aggregations, select.units.length, where.length, groupBy.length]
    .filter((count) => count > 1).length;
}
