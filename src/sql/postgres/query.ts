/**
 * Converts whole queries: WITH, compounds, ORDER BY and LIMIT.
 * @module
 */
import { quoteIdentifier } from "../ddl.ts";
import type { Expression, OrderTerm, Query, Select } from "../select_tree.ts";
import { orderSql } from "./call.ts";
import { lower, type PostgresSchema } from "./schema.ts";
import type { Converted, Scope, Statement, SubqueryOptions } from "./scope.ts";
import { convertSelect, innerScope } from "./select.ts";
import { cast, known, Refusal, unified, type Value } from "./value.ts";

/** A query over a schema. Throws a {@linkcode Refusal} where it cannot be converted. */
export function convertWhole(query: Query, schema: PostgresSchema): string {
  const statement: Statement = {
    schema,
    work: { steps: 0, depth: 0 },
    convert: (inner, parent, options) => convertQuery(inner, statement, parent, options),
  };
  const { sql, columns } = convertQuery(query, statement);
  for (const { value } of columns) if (value.kind === "mixed") known(value, "the result");
  return sql;
}

function convertQuery(
  query: Query,
  statement: Statement,
  parent?: Scope,
  { change }: SubqueryOptions = {},
): Converted {
  const commonTables = new Map<string, Converted>(parent?.commonTables);
  const names = query.with.map(({ name, columns, query: inner }) => {
    const around: Scope = innerScope(inner.first, { statement, commonTables });
    const converted = statement.convert(inner, { ...around, aliases: new Map() });
    if (columns.length > 0 && columns.length !== converted.columns.length) {
      throw new Refusal("syntax", `${name} has ${converted.columns.length} columns`);
    }
    const named = converted.columns.map((column, index) => ({
      ...column,
      name: columns[index] ?? column.name,
    }));
    commonTables.set(lower(name), { ...converted, columns: named });
    const list = columns.length > 0 ? ` (${columns.map(quoteIdentifier).join(", ")})` : "";
    return `${quoteIdentifier(name)}${list} AS (${converted.sql})`;
  });
  const context = { statement, parent, commonTables };
  const body = query.rest.length === 0
    ? convertSelect(query.first, innerScope(query.first, context), {
      orderBy: query.orderBy,
      change,
    })
    : convertCompound(query, context, change);
  const start = names.length > 0 ? `WITH ${names.join(", ")} ` : "";
  return { ...body, sql: start + body.sql + limits(query) };
}

function convertCompound(
  { first, rest, orderBy }: Query,
  context: Pick<Scope, "statement" | "parent" | "commonTables">,
  change: SubqueryOptions["change"],
): Converted {
  const selects = [first, ...rest.map(({ select }) => select)];
  const one = (select: Select, options: SubqueryOptions) =>
    convertSelect(select, innerScope(select, context), { orderBy: [], ...options });
  const before = selects.map((select) => one(select, {}));
  const width = before[0].columns.length;
  if (before.some(({ columns }) => columns.length !== width)) {
    throw new Refusal("syntax", "the parts of a compound have different numbers of columns");
  }
  const merged = before[0].columns.map((_, index) =>
    unified(before.map(({ columns }) => columns[index].value), "a compound")
  );
  const after = selects.map((select, part) =>
    one(select, {
      change: (_, index) => {
        const value = typedNull(merged[index].values[part], merged[index].like.kind);
        return change ? change(value, index) : value;
      },
    })
  );
  const columns = after[0].columns.map(({ name, value }, index) => ({
    name,
    value: {
      ...value,
      ...(change ? {} : merged[index].like),
      ...commonForms(before.map((part) => part.columns[index].value)),
      literal: undefined,
      column: undefined,
    },
  }));
  const order = orderBy.map((term) => compoundOrder(term, { first, columns }));
  const sql = joined(after, rest.map(({ operator }) => operator));
  return { columns, sql: order.length > 0 ? `${sql} ORDER BY ${order.join(", ")}` : sql };
}

// What is known of texts and comparisons holds for a compound only if it does for all its parts.
function commonForms(values: readonly Value[]): Pick<Value, "affinity" | "digits" | "dates"> {
  const [{ affinity, digits, dates }] = values;
  return {
    affinity: values.every((one) => one.affinity === affinity) ? affinity : "none",
    digits: values.every((one) => one.digits === digits) ? digits : undefined,
    dates: values.every((one) => one.dates === dates) ? dates : undefined,
  };
}

// PostgreSQL takes a NULL without a type for a text as soon as there is DISTINCT.
function typedNull(value: Value, kind: Value["kind"]): Value {
  if (value.kind !== "null" || kind === "null" || kind === "text") return value;
  return cast(value, kind === "date" || kind === "timestamp" ? kind : "numeric", {});
}

// SQLite joins them from left to right, PostgreSQL those with INTERSECT first.
function joined(parts: readonly Converted[], operators: readonly string[]): string {
  let loose = false;
  return parts.slice(1).reduce((left, { sql }, index) => {
    const operator = operators[index];
    const grouped = operator === "intersect" && loose ? `(${left})` : left;
    loose = operator !== "intersect";
    return `${grouped} ${operator.toUpperCase()} ${sql}`;
  }, parts[0].sql);
}

// Only the columns of the result can be ordered by, by name or position.
function compoundOrder(
  term: OrderTerm,
  { first, columns }: { first: Select; columns: Converted["columns"] },
): string {
  const tree = term.expression;
  const named = tree.kind === "column" && tree.table === undefined
    ? columns.findIndex(({ name }) => name !== undefined && lower(name) === lower(tree.name))
    : -1;
  const index = tree.kind === "number"
    ? Number(tree.text) - 1
    : named >= 0
    ? named
    : first.items.findIndex((item) => item.kind === "expression" && isSame(item.expression, tree));
  const stars = first.items.some(({ kind }) => kind === "star");
  if (!columns[index] || (stars && named < 0)) {
    throw new Refusal("unsupported", "a compound is ordered by what is no column of its result");
  }
  const { name, value } = columns[index];
  const unique = name !== undefined &&
    columns.filter((column) => column.name !== undefined && lower(column.name) === lower(name))
        .length === 1;
  return orderSql(value, term, unique ? quoteIdentifier(name) : String(index + 1));
}

function isSame(a: Expression, b: Expression): boolean {
  return JSON.stringify(a).toLowerCase() === JSON.stringify(b).toLowerCase();
}

function limits({ limit, offset }: Query): string {
  const constant = (tree: Expression | undefined, what: string): number | undefined => {
    if (!tree) return undefined;
    const negative = tree.kind === "unary" && tree.operator === "-";
    const number = negative ? tree.operand : tree;
    if (number.kind !== "number" || !/^\d{1,15}$/.test(number.text)) {
      throw new Refusal("unsupported", `${what} that is no constant integer`);
    }
    return negative ? -Number(number.text) : Number(number.text);
  };
  const rows = constant(limit, "LIMIT");
  const skipped = constant(offset, "OFFSET");
  // SQLite takes a negative limit for none, and a negative offset for 0.
  return (rows === undefined || rows < 0 ? "" : ` LIMIT ${rows}`) +
    (skipped === undefined || skipped <= 0 ? "" : ` OFFSET ${skipped}`);
}
