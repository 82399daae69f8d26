/**
 * Converts calls of functions, aggregates and windows included.
 * @module
 */
import type { Call, Expression, OrderTerm } from "../select_tree.ts";
import { AGGREGATES, ARITY, FUNCTIONS, isOrdered, WINDOW_FUNCTIONS } from "./functions.ts";
import type { Scope } from "./scope.ts";
import { Refusal, type Value, value } from "./value.ts";

type Convert = (tree: Expression, scope: Scope) => Value;

/** A call. Throws a {@linkcode Refusal} where PostgreSQL has nothing that gives the same. */
export function convertCall(call: Call, scope: Scope, convert: Convert): Value {
  const { name, operands } = call;
  if (call.over) return windowed(call, scope, convert);
  const count = operands === "*" ? 0 : operands.length;
  if (isAggregate(call)) return aggregated(call, scope, convert);
  if ((name === "iif" || name === "if") && operands !== "*" && count === 3) {
    const [when, then, otherwise] = operands;
    return convert({ kind: "case", branches: [{ when, then }], otherwise }, scope);
  }
  const conversion = FUNCTIONS.get(name);
  const [least, most] = Object.hasOwn(ARITY, name) ? ARITY[name] : [2, Infinity];
  if (!conversion || operands === "*" || call.distinct || count < least || count > most) {
    throw new Refusal("function", `${name}() with ${count} operands has no counterpart`);
  }
  return conversion(operands.map((tree) => convert(tree, scope)), operands);
}

/** Whether a call is an aggregate: of several operands, min() and max() are none. */
export function isAggregate({ name, operands }: Call): boolean {
  return AGGREGATES.has(name) && (operands === "*" || operands.length <= 1);
}

function aggregated({ name, operands, distinct }: Call, scope: Scope, convert: Convert): Value {
  if (scope.aggregates.forbidden) {
    throw new Refusal("unsupported", `${name}() where there are no groups`);
  }
  const start = scope.bare.length;
  const depths = parents(scope).map(({ bare }) => bare.length);
  scope.aggregates.forbidden = true;
  const [tree] = operands === "*" ? [] : operands;
  const inner = tree && convert(tree, scope);
  scope.aggregates.forbidden = false;
  scope.aggregates.count++;
  const ofOuter = parents(scope).some(({ bare }, index) => bare.length > depths[index]);
  if (ofOuter && scope.bare.length === start) {
    throw new Refusal("unsupported", `${name}() of columns of the query around`);
  }
  scope.bare.length = start;
  return AGGREGATES.get(name)!(inner, distinct ? "DISTINCT " : "");
}

function parents(scope: Scope): Scope[] {
  return scope.parent ? [scope.parent, ...parents(scope.parent)] : [];
}

function windowed(call: Call, scope: Scope, convert: Convert): Value {
  const { name, operands, over } = call;
  if (call.distinct) throw new Refusal("unsupported", "DISTINCT in a window");
  const [tree] = operands === "*" ? [] : operands;
  const aggregate = isAggregate(call) ? AGGREGATES.get(name) : undefined;
  const base = aggregate
    ? aggregate(tree && convert(tree, scope), "")
    : operands.length === 0
    ? WINDOW_FUNCTIONS.get(name)
    : undefined;
  if (!base) throw new Refusal("function", `the window function ${name}()`);
  if (name === "total") throw new Refusal("function", "the window function total()");
  const partition = over!.partitionBy.map((one) => convert(one, scope).sql).join(", ");
  const order = over!.orderBy.map((term) => orderSql(convert(term.expression, scope), term)).join(
    ", ",
  );
  const parts = [partition && `PARTITION BY ${partition}`, order && `ORDER BY ${order}`];
  const sql = `${base.sql} OVER (${parts.filter((part) => part !== "").join(" ")})`;
  return value(sql, base);
}

/** A term of ORDER BY: NULL is the least in SQLite, in PostgreSQL the greatest. */
export function orderSql(
  key: Value,
  { descending, nulls = descending ? "last" : "first" }: OrderTerm,
  text = key.sql,
): string {
  if (!isOrdered(key)) throw new Refusal("types", `the order of ${key.sql}, which is ${key.kind}`);
  const direction = descending ? " DESC" : "";
  return `${text}${direction}${key.nullable ? ` NULLS ${nulls.toUpperCase()}` : ""}`;
}
