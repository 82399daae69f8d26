/**
 * Converts one SELECT.
 * @module
 */
import { quoteIdentifier } from "../ddl.ts";
import type { Expression, Item, OrderTerm, Select } from "../select_tree.ts";
import { orderSql } from "./call.ts";
import { columnSql, columnValue, condition, convert, withoutAliases } from "./expression.ts";
import { convertFrom } from "./from.ts";
import { constants, furtherKeys } from "./group.ts";
import { lower } from "./schema.ts";
import {
  type BoundColumn,
  type Converted,
  type Scope,
  sourceNamed,
  type SubqueryOptions,
} from "./scope.ts";
import { known, plain, Refusal, type Value } from "./value.ts";

/** A column of the result. */
interface Output {
  readonly sql: string;
  readonly name?: string;
  readonly alias?: string;
  readonly value: Value;
}

/** An empty scope inside of another. */
export function innerScope(
  select: Select,
  { statement, parent, commonTables }: Pick<Scope, "statement" | "parent" | "commonTables">,
): Scope {
  const aliases = new Map<string, Expression>();
  for (const item of select.items) {
    if (item.kind !== "expression" || item.alias === undefined) continue;
    if (!aliases.has(lower(item.alias))) aliases.set(lower(item.alias), item.expression);
  }
  return {
    statement,
    parent,
    commonTables,
    aliases,
    sources: [],
    merged: new Set(),
    outer: new Set(),
    bare: [],
    keys: new Set(),
    constant: new Set(),
    aggregates: { count: 0, forbidden: false },
  };
}

/** A SELECT with its ORDER BY, if it is no part of a compound. Throws a {@linkcode Refusal}. */
export function convertSelect(
  select: Select,
  scope: Scope,
  { orderBy, change }: SubqueryOptions & { readonly orderBy: readonly OrderTerm[] },
): Converted {
  scope.aggregates.forbidden = true;
  const from = select.sources.length > 0 ? convertFrom(select, scope) : "";
  const where = select.where ? condition(select.where, scope).sql : "";
  const group = select.groupBy.map((tree) => groupKey(tree, select, scope));
  scope.aggregates.forbidden = false;
  scope.bare.length = 0;
  for (const { sql } of group) scope.keys.add(sql);

  let { items, having } = body(select, scope);
  const isOneRow = group.length === 0 &&
    (scope.aggregates.count > 0 || select.having !== undefined);
  if (isOneRow && scope.bare.length > 0) {
    for (const column of constants(select, scope)) scope.constant.add(column);
    scope.bare.length = 0;
    ({ items, having } = body(select, scope));
  }
  const columns = items.flat();
  const order = isOneRow
    ? []
    : orderBy.flatMap((term) => orderTerm(term, { select, outputs: columns, scope }));

  const groups = group.map(({ sql }) => sql);
  if (group.length > 0 || scope.aggregates.count > 0 || isOneRow) {
    const keys = group.flatMap(({ column }) => column ? [column] : []);
    for (const column of furtherKeys(select, scope, keys)) groups.push(uniqueSql(column, scope));
  }
  const results = columns.map(({ value }, index) => change ? change(value, index) : value);
  if (select.distinct) results.forEach((one) => known(one, "DISTINCT"));
  const changed = results.some((one, index) => one.sql !== columns[index].value.sql);
  if (changed && order.length > 0) {
    throw new Refusal("types", "a part of a comparison is ordered and of another type");
  }
  const list = changed
    ? results.map(({ sql }, index) => sql + suffix(columns[index]))
    : select.items.map((item, index) => itemSql(item, items[index]));
  const parts = [
    `SELECT ${select.distinct ? "DISTINCT " : ""}${list.join(", ")}`,
    from && `FROM ${from}`,
    where && `WHERE ${where}`,
    groups.length > 0 ? `GROUP BY ${groups.join(", ")}` : "",
    having && `HAVING ${having}`,
    order.length > 0 ? `ORDER BY ${order.join(", ")}` : "",
  ];
  return {
    sql: parts.filter((part) => part !== "").join(" "),
    columns: columns.map(({ name }, index) => ({ name, value: results[index] })),
  };
}

// The result and HAVING, which see the groups.
function body({ items, having }: Select, scope: Scope) {
  return {
    items: items.map((item) => outputs(item, scope)),
    having: having ? condition(having, scope).sql : "",
  };
}

function suffix({ alias }: Output): string {
  return alias === undefined ? "" : ` AS ${quoteIdentifier(alias)}`;
}

function itemSql(item: Item, [first]: readonly Output[]): string {
  if (item.kind === "expression") return first.sql + suffix(first);
  return item.table === undefined ? "*" : `${quoteIdentifier(item.table)}.*`;
}

// A plain column, or an expression that the result may have, too.
function groupKey(tree: Expression, { items }: Select, scope: Scope): Value {
  const position = tree.kind === "number" ? Number(tree.text) : undefined;
  if (position === undefined) return checkKey(plain(convert(tree, scope)));
  const item = items[position - 1];
  if (item?.kind !== "expression") throw new Refusal("unsupported", `GROUP BY ${position}`);
  return checkKey(plain(convert(item.expression, withoutAliases(scope))));
}

function checkKey(key: Value): Value {
  if (key.literal === undefined && key.kind !== "null") return known(key, "GROUP BY");
  throw new Refusal("unsupported", `GROUP BY of the constant ${key.sql}`);
}

function outputs(item: Item, scope: Scope): Output[] {
  if (item.kind === "expression") {
    const { expression, alias } = item;
    const value = plain(convert(expression, withoutAliases(scope)));
    const name = alias ?? (expression.kind === "column" ? value.column?.name : undefined);
    return [{ sql: value.sql, value, alias, name }];
  }
  if (scope.merged.size > 0) throw new Refusal("unsupported", "* of a NATURAL or USING join");
  const sources = item.table === undefined ? scope.sources : [sourceNamed(item.table, scope)];
  if (sources.length === 0) throw new Refusal("syntax", "there is no FROM for *");
  return sources.flatMap((source) =>
    source.columns.map((column) => {
      scope.bare.push(column);
      const known = { qualified: scope.sources.length > 1, outer: scope.outer.has(source) };
      const value = columnValue(column, known);
      return { sql: value.sql, value, name: column.name };
    })
  );
}

// A column with as much before its name as it needs to be found.
function uniqueSql(column: BoundColumn, { sources }: Scope): string {
  const same = sources.flatMap(({ columns }) =>
    columns.filter(({ name }) => lower(name) === lower(column.name))
  );
  return columnSql(column, same.length > 1 || sources.length > 1 ? column.label : undefined);
}

function orderTerm(
  term: OrderTerm,
  { select, outputs, scope }: { select: Select; outputs: readonly Output[]; scope: Scope },
): string[] {
  const tree = term.expression;
  if (tree.kind === "number" && /^\d+$/.test(tree.text)) {
    const output = outputs[Number(tree.text) - 1];
    if (!output) throw new Refusal("syntax", `the result has no column ${tree.text} to order by`);
    return [orderSql(output.value, term, tree.text)];
  }
  if (tree.kind === "column" && tree.table === undefined) {
    const output = outputs.find(({ alias }) =>
      alias !== undefined && lower(alias) === lower(tree.name)
    );
    if (output) {
      const same = outputs.filter((one) => nameOf(one) === lower(tree.name)).length;
      const text = same === 1
        ? quoteIdentifier(output.alias!)
        : String(outputs.indexOf(output) + 1);
      return [orderSql(output.value, term, text)];
    }
  }
  const key = plain(convert(tree, scope));
  if (key.literal !== undefined || key.kind === "null") return []; // orders nothing
  const same = (output: Output) =>
    key.column ? output.value.column === key.column : output.sql === key.sql;
  const chosen = outputs.find(same);
  if (select.distinct && !chosen) {
    throw new Refusal("unordered", `DISTINCT has removed ${key.sql}, by which it is ordered`);
  }
  return [orderSql(key, term, chosen && select.distinct ? chosen.sql : safeOrder(key, outputs))];
}

// PostgreSQL takes a plain name for that of a column of the result first.
function safeOrder(key: Value, outputs: readonly Output[]): string {
  const { column } = key;
  if (!column || key.sql !== columnSql(column)) return key.sql;
  const clash = outputs.some((output) =>
    nameOf(output) === lower(column.name) && output.value.column !== column
  );
  return clash ? columnSql(column, column.label) : key.sql;
}

// The name that PostgreSQL gives to a column of the result, in lower case.
function nameOf({ name, sql }: Output): string | undefined {
  const given = name ?? /^CAST\((?:\w+\.)?(\w+) AS /.exec(sql)?.[1] ?? /^(\w+)\(/.exec(sql)?.[1];
  return given && lower(given);
}
