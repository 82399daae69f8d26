/**
 * Apache Arrow tables of plain rows, and views of them.
 * @module
 */
import type { Table } from "apache-arrow";
import { type Cell, tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** What a column holds; each value may also be null. */
export interface ColumnTypes {
  readonly text: string | null;
  readonly number: number | null;
  readonly bool: boolean | null;
}

/** A row as `types` says it. */
export type RowOf<T extends Readonly<Record<string, keyof ColumnTypes>>> = {
  readonly [name in keyof T]: ColumnTypes[T[name]];
};

/** An Arrow table, for filters of one's own, that shows itself. */
export type ShownTable = { readonly table: Table } & View;

/** `rows` as an Arrow table with the columns of `types`, in their order: Utf8, Float64 or Bool. */
export async function arrowOf<T extends Readonly<Record<string, keyof ColumnTypes>>>(
  types: T,
  rows: readonly RowOf<T>[],
): Promise<Table> {
  // Loaded here, because few need it and it takes its time.
  const arrow = await import("apache-arrow");
  const made = { text: new arrow.Utf8(), number: new arrow.Float64(), bool: new arrow.Bool() };
  const columns = Object.entries(types).map(([name, type]) => [
    name,
    arrow.vectorFromArray(rows.map((row) => row[name]), made[type]),
  ]);
  return new arrow.Table(Object.fromEntries(columns));
}

/** The rows of a table that {@linkcode arrowOf} made. */
export function rowsOf<T extends Readonly<Record<string, keyof ColumnTypes>>>(
  _types: T,
  table: Table,
): RowOf<T>[] {
  return table.toArray().map((row) => row.toJSON() as RowOf<T>);
}

/** `table` with what shows it. */
export function shownAs(table: Table, shown: View): ShownTable {
  return withView({ table }, bundleOf(shown));
}

/** The first rows of an Arrow table. */
export function arrowTable(table: Table, count = 10): View {
  const names = table.schema.fields.map(({ name }) => name);
  const rows = table.slice(0, count).toArray().map((row) =>
    names.map((name): Cell => {
      const value: unknown = row[name];
      if (name === "pred" || name === "gold") return { text: String(value), as: "code" };
      return typeof value === "number" || value === null ? value : String(value);
    })
  );
  return tableView({
    title: `${Math.min(count, table.numRows)} of ${table.numRows} rows`,
    columns: names,
    rows,
  });
}
