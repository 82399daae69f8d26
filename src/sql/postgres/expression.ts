/**
 * Converts the expressions of a query.
 * @module
 */
import { quoteIdentifier } from "../ddl.ts";
import type { BinaryOperator, Expression, Query } from "../select_tree.ts";
import { convertCall } from "./call.ts";
import { comparable, compare, type Comparison, like } from "./compare.ts";
import { concatenation } from "./functions.ts";
import { asNumber, castTo, integerStored } from "./number.ts";
import { arithmetic, number, string } from "./arithmetic.ts";
import { type BoundColumn, resolve, type Scope } from "./scope.ts";
import {
  isNumber,
  known,
  LEVEL,
  operand,
  plain,
  Refusal,
  unified,
  type Value,
  value,
} from "./value.ts";

type Of<K extends Expression["kind"]> = Extract<Expression, { readonly kind: K }>;

/** SQLite's own limit: https://www.sqlite.org/limits.html#max_expr_depth. */
const MAX_DEPTH = 1000;
/** Parts are converted more than once, and operands written more than once: that can be a lot. */
const MAX_STEPS = 20_000;
const MAX_LENGTH = 100_000;

/** An expression. Throws a {@linkcode Refusal}. */
export function convert(tree: Expression, scope: Scope): Value {
  const { bare, statement: { work } } = scope;
  if (++work.steps > MAX_STEPS || ++work.depth > MAX_DEPTH) {
    throw new Refusal("unsupported", "it nests too deep");
  }
  const start = bare.length;
  const result = convertTree(tree, scope);
  work.depth--;
  if (result.sql.length > MAX_LENGTH) throw new Refusal("unsupported", "it gets too long");
  // What GROUP BY has as a whole may hold any column.
  if (scope.keys.has(result.sql)) bare.length = start;
  return result;
}

/** A condition, such as that of WHERE. */
export function condition(tree: Expression, scope: Scope): Value {
  const result = convert(tree, scope);
  if (result.kind === "boolean") return result;
  if (result.kind === "null") return { ...result, sql: "CAST(NULL AS boolean)" };
  if (!isNumber(result)) throw new Refusal("types", `the text ${result.sql} is a condition`);
  return value(`${operand(result, LEVEL.comparison)} <> 0`, {
    kind: "boolean",
    level: LEVEL.comparison,
    nullable: result.nullable,
  });
}

function convertTree(tree: Expression, scope: Scope): Value {
  switch (tree.kind) {
    case "number":
      return number(tree.text);
    case "string":
      return string(tree.text);
    case "null":
      return value("NULL", { kind: "null" });
    case "column":
      return named(tree, scope);
    case "unary":
      return unary(tree, scope);
    case "binary":
      return binary(tree, scope);
    case "like":
      if (tree.operator !== "like") {
        throw new Refusal("function", `${tree.operator.toUpperCase()} has no counterpart`);
      }
      return like(convert(tree.operand, scope), {
        not: tree.not,
        pattern: convert(tree.pattern, scope),
        escape: tree.escape && convert(tree.escape, scope),
      });
    case "between":
      return between(tree, scope);
    case "in":
      return within(tree, scope);
    case "isNull": {
      const inner = convert(tree.operand, scope);
      return value(`${operand(inner, LEVEL.is)} IS ${tree.not ? "NOT " : ""}NULL`, {
        kind: "boolean",
        level: LEVEL.is,
        nullable: false,
      });
    }
    case "exists": {
      const { sql } = scope.statement.convert(tree.query, scope);
      return value(`EXISTS (${sql})`, { kind: "boolean", nullable: false });
    }
    case "scalar":
      return scalar(tree.query, scope);
    case "case":
      return choice(tree, scope);
    case "cast":
      return castTo(convert(tree.operand, scope), tree.type);
    case "collate":
      if (/^binary$/i.test(tree.collation)) return convert(tree.operand, scope);
      throw new Refusal("unsupported", `COLLATE ${tree.collation}`);
    case "call":
      return convertCall(tree, scope, convert);
  }
}

/** A column as PostgreSQL writes it, qualified if `table` is given. */
export function columnSql({ name }: Pick<BoundColumn, "name">, table?: string): string {
  return (table === undefined ? "" : `${quoteIdentifier(table)}.`) + quoteIdentifier(name);
}

function named(tree: Of<"column">, scope: Scope): Value {
  const meaning = resolve(tree, scope);
  if (meaning.kind === "string") return string(tree.name);
  if (meaning.kind === "boolean") return number(meaning.is ? "1" : "0");
  // The alias stands for its expression, also in a subquery of this one.
  if (meaning.kind === "alias") return convert(meaning.expression, withoutAliases(meaning.scope));
  const { column, scope: { outer, constant, bare } } = meaning;
  const found = columnValue(column, {
    qualified: tree.table !== undefined,
    outer: outer.has(sourceOf(column, meaning.scope)),
  });
  const isHere = meaning.scope.sources === scope.sources;
  if (isHere && constant.has(column) && !scope.aggregates.forbidden) {
    // As good as any other aggregate: there is but one value, or no row and so NULL.
    const { sql } = known(found, "max()");
    return { ...found, sql: `MAX(${sql})`, column: undefined, nullable: true };
  }
  bare.push(column);
  return found;
}

/** SQLite's aliases are not known in the result itself. */
export function withoutAliases(scope: Scope): Scope {
  return { ...scope, aliases: new Map() };
}

function sourceOf(column: BoundColumn, scope: Scope) {
  return scope.sources.find(({ columns }) => columns.includes(column))!;
}

/** A column as a value. */
export function columnValue(
  column: BoundColumn,
  { qualified, outer }: { qualified: boolean; outer: boolean },
): Value {
  const { kind, affinity, digits, dates, storage, label, notNull } = column;
  return value(columnSql(column, qualified ? label : undefined), {
    kind,
    affinity,
    digits,
    dates,
    column,
    nullable: outer || !notNull,
    ...(storage ? { storage } : {}),
  });
}

function unary({ operator, operand: inner }: Of<"unary">, scope: Scope): Value {
  if (operator === "not") {
    const one = condition(inner, scope);
    return { ...one, sql: `NOT ${operand(one, LEVEL.not - 1)}`, level: LEVEL.not };
  }
  const one = convert(inner, scope);
  if (operator === "+") return { ...one, affinity: "none", column: undefined };
  const number = asNumber(one, "a sign");
  if (number.kind === "null") return number;
  const literal = number.literal === undefined ? undefined : `-${number.literal}`;
  if (operator === "~" && number.kind !== "integer") throw new Refusal("types", "~ of a real");
  const exact = operator === "~" ? integerStored(number) : number;
  const { kind, storage, nullable } = exact;
  // PostgreSQL's ~ binds looser than its arithmetic.
  const level = operator === "~" ? LEVEL.other : LEVEL.sign;
  const sql = `${operator}${operand(exact, LEVEL.sign)}`;
  return value(sql, {
    kind,
    storage,
    nullable,
    level,
    literal: operator === "~" ? undefined : literal,
  });
}

function binary({ operator, left, right }: Of<"binary">, scope: Scope): Value {
  if (operator === "and" || operator === "or") return logical(operator, { left, right }, scope);
  const [a, b] = [convert(left, scope), convert(right, scope)];
  if (operator === "||") return concatenation(a, b);
  if (isComparison(operator)) return compare(a, operator, b);
  return arithmetic(operator, asNumber(a, "arithmetic"), asNumber(b, "arithmetic"));
}

function isComparison(operator: BinaryOperator): operator is Comparison {
  return ["=", "<>", "<", "<=", ">", ">=", "is", "is not"].includes(operator);
}

function logical(
  operator: "and" | "or",
  { left, right }: { left: Expression; right: Expression },
  scope: Scope,
): Value {
  const [a, b] = [condition(left, scope), condition(right, scope)];
  const level = LEVEL[operator];
  const sql = `${operand(a, level - 1)} ${operator.toUpperCase()} ${operand(b, level)}`;
  return value(sql, { kind: "boolean", level, nullable: a.nullable || b.nullable });
}

function between({ not, operand: inner, low, high }: Of<"between">, scope: Scope): Value {
  const [x, least, most] = [inner, low, high].map((tree) => convert(tree, scope));
  const [a, from] = comparable(x, ">=", least);
  const [b, to] = comparable(x, "<=", most);
  if (a.sql !== b.sql) throw new Refusal("types", "the bounds of BETWEEN are of two types");
  const at = LEVEL.like;
  const word = not ? "NOT BETWEEN" : "BETWEEN";
  return value(`${operand(a, at)} ${word} ${operand(from, at)} AND ${operand(to, at)}`, {
    kind: "boolean",
    level: LEVEL.like,
    nullable: x.nullable || least.nullable || most.nullable,
  });
}

function within({ not, operand: inner, among }: Of<"in">, scope: Scope): Value {
  const x = convert(inner, scope);
  const operator = not ? "<>" : "=";
  const known = { kind: "boolean", level: LEVEL.like } as const;
  if (!("kind" in among)) {
    if (among.length === 0) {
      return value(not ? "TRUE" : "FALSE", { kind: "boolean", nullable: false });
    }
    // The values of a list have no affinity of their own.
    const pairs = among.map((tree) =>
      comparable(x, operator, { ...convert(tree, scope), affinity: "none" })
    );
    if (pairs.some(([left]) => left.sql !== pairs[0][0].sql)) {
      throw new Refusal("types", "the values of IN are of two types");
    }
    const values = pairs.map(([, one]) => one.sql).join(", ");
    const word = not ? "NOT IN" : "IN";
    return value(`${operand(pairs[0][0], LEVEL.like)} ${word} (${values})`, known);
  }
  let left = x;
  const change = (one: Value): Value => {
    const [a, b] = comparable(x, operator, one);
    left = a;
    return b;
  };
  const { sql, columns } = scope.statement.convert(among, scope, { change });
  if (columns.length !== 1) throw new Refusal("unsupported", "IN with a query of several columns");
  return value(`${operand(left, LEVEL.like)} ${not ? "NOT IN" : "IN"} (${sql})`, known);
}

function scalar(query: Query, scope: Scope): Value {
  const { sql, columns } = scope.statement.convert(query, scope);
  if (columns.length !== 1) throw new Refusal("syntax", "a query of several columns is a value");
  const { kind, affinity, storage, digits, dates } = columns[0].value;
  return plain(value(`(${sql})`, { kind, affinity, storage, digits, dates }));
}

function choice(tree: Of<"case">, scope: Scope): Value {
  const subject = tree.operand && convert(tree.operand, scope);
  const conditions = tree.branches.map(({ when }) => {
    if (!subject) return condition(when, scope).sql;
    return compare(subject, "=", convert(when, scope)).sql;
  });
  const results = tree.branches.map(({ then }) => convert(then, scope));
  const otherwise = tree.otherwise && convert(tree.otherwise, scope);
  const { values, like } = unified([...results, ...(otherwise ? [otherwise] : [])], "CASE");
  const branches = conditions.map((sql, index) => `WHEN ${sql} THEN ${values[index].sql}`);
  if (otherwise) branches.push(`ELSE ${values.at(-1)!.sql}`);
  return value(`CASE ${branches.join(" ")} END`, {
    ...like,
    nullable: like.nullable || !otherwise,
  });
}
