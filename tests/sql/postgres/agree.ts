/**
 * Whether a query and its conversion give the same rows.
 * @module
 */
import type { Database, SqlValue } from "../../../src/sql/database.ts";
import type { PostgresSchema } from "../../../src/sql/postgres/schema.ts";
import { convertWhole } from "../../../src/sql/postgres/query.ts";
import { parseSelect } from "../../../src/sql/select_parse.ts";
import type { Query } from "../../../src/sql/select_tree.ts";
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
  const ordered = query.orderBy.length > 0;
  if (isSameList(ordered ? a : a.toSorted(), ordered ? b : b.toSorted())) {
    return { agreement: "same", detail: "" };
  }
  const show = (rows: readonly string[]) => rows.slice(0, 3).join(" ");
  const detail = `${a.length}: ${show(a)} | ${b.length}: ${show(b)}`;
  if (!ordered) return { agreement: "differs", detail };
  const { rows: all } = await postgres.query(convertWhole(withKeys(query), schema));
  const width = sqlite[0]?.length ?? other[0]?.length ?? 0;
  const tied = all !== undefined && a.length === b.length && isOrderOf(a, { all, width, query });
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

// Without LIMIT, and with the keys of ORDER BY as further columns of the result.
function withKeys(query: Query): Query {
  const { first, rest, orderBy } = query;
  const whole = { ...query, limit: undefined, offset: undefined };
  if (first.distinct || rest.length > 0) return whole;
  const aliases = new Map(
    first.items.flatMap((item) =>
      item.kind === "expression" && item.alias ? [[item.alias.toLowerCase(), item.expression]] : []
    ),
  );
  const items = orderBy.map(({ expression }) => {
    const named = expression.kind === "column" && !expression.table;
    const meant = named ? aliases.get(expression.name.toLowerCase()) : undefined;
    const at = expression.kind === "number" ? first.items[Number(expression.text) - 1] : undefined;
    const chosen = at?.kind === "expression" ? at.expression : undefined;
    return { kind: "expression" as const, expression: chosen ?? meant ?? expression };
  });
  return { ...whole, first: { ...first, items: [...first.items, ...items] } };
}

/** Whether rows are those of an ordered result, which may be cut off, up to rows with equal keys. */
function isOrderOf(
  rows: readonly string[],
  { all, width, query }: { all: readonly Row[]; width: number; query: Query },
): boolean {
  const offset = query.offset?.kind === "number" ? Number(query.offset.text) : 0;
  if (all.length > 0 && all[0].length === width) return false; // the keys are not known
  const ties = [...Map.groupBy(all, (row) => rowText(row.slice(width))).values()]
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
