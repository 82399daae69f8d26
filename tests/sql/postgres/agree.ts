/**
 * Whether a query and its conversion give the same rows.
 * @module
 */
import type { Database, SqlValue } from "../../../src/sql/database.ts";
import type { PostgresSchema } from "../../../src/sql/postgres/schema.ts";
import { convertWhole } from "../../../src/sql/postgres/query.ts";
import { parseSelect } from "../../../src/sql/select_parse.ts";
import type { Expression, Item, Query, Select } from "../../../src/sql/select_tree.ts";
import type { Postgres, Row } from "./pglite.ts";

/**
 * - `same`: the same rows, in the same order where there is ORDER BY;
 * - `tie`: SQLite's rows are others of those that PostgreSQL's ORDER BY puts level;
 * - `differs`, `error`: they are not the same, or PostgreSQL has none.
 */
export type Agreement = "same" | "tie" | "differs" | "error";

/** Runs both. `detail` says what differs. */
export async function agree(
  sql: string,
  converted: string,
  { schema, database, postgres }: {
    schema: PostgresSchema;
    database: Database;
    postgres: Postgres;
  },
): Promise<{ agreement: Agreement; detail: string }> {
  const { rows: sqlite } = await database.query(sql, { timeoutMs: 30_000 });
  const { rows: other, error } = await postgres.query(converted);
  if (!other) return { agreement: "error", detail: error };
  const query = parseSelect(sql);
  const [a, b] = [sqlite.map(rowText), other.map(rowText)];
  const ordered = query.orderBy.some(({ expression }) => !isConstant(expression));
  if (isSameList(ordered ? a : a.toSorted(), ordered ? b : b.toSorted())) {
    return { agreement: "same", detail: "" };
  }
  const show = (rows: readonly string[]) => rows.slice(0, 3).join(" ");
  const detail = `${a.length}: ${show(a)} | ${b.length}: ${show(b)}`;
  if (!ordered && !query.limit) return { agreement: "differs", detail };
  const { tree, keys } = withKeys(query);
  const { rows: all } = await postgres.query(convertWhole(tree, schema));
  const tied = all !== undefined && a.length === b.length &&
    keys.every((key) => key !== undefined) &&
    isOrderOf(a, { all, width: sqlite[0]?.length ?? 0, keys: keys as number[], query });
  return { agreement: tied ? "tie" : "differs", detail };
}

/** A row as text. Numbers are the same if they agree in twelve digits: averages are rounded otherwise. */
function rowText(row: readonly SqlValue[] | Row): string {
  return JSON.stringify(row.map((value) => {
    if (typeof value === "number" || typeof value === "bigint") {
      return Number(Number(value).toPrecision(12)) + 0;
    }
    return value instanceof Uint8Array ? `\\x${value.toHex()}` : value;
  }));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

// SQLite takes a whole number for the position of a column; any other constant orders nothing.
function isConstant(tree: Expression): boolean {
  if (tree.kind === "unary") return tree.operand.kind === "number" || isConstant(tree.operand);
  return tree.kind === "string" || tree.kind === "null" ||
    (tree.kind === "number" && !/^\d+$/.test(tree.text));
}

// Without LIMIT, and with the keys of ORDER BY as further columns of the result, where there may be
// some. `keys`: at which places of a row they are, counted from its end if negative.
function withKeys(query: Query): { tree: Query; keys: readonly (number | undefined)[] } {
  const { first, rest } = query;
  const tree = { ...query, limit: undefined, offset: undefined };
  const terms = query.orderBy.map(({ expression }) => expression).filter((one) => !isConstant(one));
  const places = terms.map((expression) => placeOf(expression, first));
  if (first.distinct || rest.length > 0) return { tree, keys: places };
  const further = terms.filter((_, index) => places[index] === undefined);
  const items = further.map((expression) => ({ kind: "expression" as const, expression }));
  let next = -items.length;
  return {
    tree: { ...tree, first: { ...first, items: [...first.items, ...items] } },
    keys: places.map((place) => place ?? next++),
  };
}

function placeOf(expression: Expression, { items }: Select): number | undefined {
  if (expression.kind === "number") return Number(expression.text) - 1;
  if (items.some(({ kind }) => kind === "star")) return undefined;
  const text = (tree: Expression) => JSON.stringify(tree).toLowerCase();
  const named = (item: Item) =>
    item.kind === "expression" && expression.kind === "column" && expression.table === undefined &&
    item.alias?.toLowerCase() === expression.name.toLowerCase();
  const place = items.some(named)
    ? items.findIndex(named)
    : items.findIndex((item) =>
      item.kind === "expression" && text(item.expression) === text(expression)
    );
  return place < 0 ? undefined : place;
}

/** Whether rows are those of an ordered result, which may be cut off, up to rows with equal keys. */
function isOrderOf(
  rows: readonly string[],
  { all, width, keys, query }: {
    all: readonly Row[];
    width: number;
    keys: readonly number[];
    query: Query;
  },
): boolean {
  const offset = query.offset?.kind === "number" ? Number(query.offset.text) : 0;
  const ties = [...Map.groupBy(all, (row) => rowText(keys.map((key) => row.at(key)!))).values()]
    .map((tie) => tie.map((row) => rowText(row.slice(0, width))));
  let at = 0;
  for (const tie of ties) {
    const [from, to] = [at, at + tie.length].map((place) => Math.max(place - offset, 0));
    at += tie.length;
    const left = [...tie];
    for (const row of rows.slice(from, Math.min(to, rows.length))) {
      const index = left.indexOf(row);
      if (index < 0) return false;
      left.splice(index, 1);
    }
  }
  return rows.length <= Math.max(at - offset, 0);
}
