/**
 * Reads the schema of an open database.
 * @module
 */
import type { QueryResult } from "./database.ts";
import { SQLITE_ERROR, SqliteFault } from "./runtime.ts";
import type { Column, DatabaseSchema, ForeignKey, Table } from "./schema.ts";

/** Runs a statement of this project's own. */
export type Run = (sql: string) => QueryResult["rows"];

// SQLite's own tables and the shadow tables of full-text and spatial indexes are no data.
const TABLES = `
  SELECT name, type FROM pragma_table_list
  WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`;

/**
 * The tables and views in the order of their creation. A view or virtual table whose columns SQLite
 * cannot tell is left out.
 */
export function readSchema(run: Run): DatabaseSchema {
  const order = new Map(
    run("SELECT name FROM sqlite_schema ORDER BY rowid").map(([name], index) => [name, index]),
  );
  const tables = [...run(TABLES)]
    .sort(([a], [b]) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
    .flatMap(([name]) => readTable(run, String(name)) ?? []);
  return { tables: completeForeignKeys(tables) };
}

function readTable(run: Run, name: string): Table | null {
  const quoted = `'${name.replaceAll("'", "''")}'`;
  let infos: QueryResult["rows"];
  try {
    infos = run(`SELECT name, type, "notnull", pk FROM pragma_table_xinfo(${quoted})
      WHERE hidden <> 1 ORDER BY cid`);
  } catch (error) {
    if (error instanceof SqliteFault && error.fault.code === SQLITE_ERROR) return null;
    throw error;
  }
  const columns = infos.map(([name, type, notNull]): Column => ({
    name: String(name),
    type: String(type),
    notNull: notNull === 1,
  }));
  const keys = infos.filter(([, , , position]) => Number(position) > 0)
    .sort((a, b) => Number(a[3]) - Number(b[3]));
  const links = run(`SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(${quoted})
    ORDER BY id DESC, seq`); // the last declared has id 0
  const foreignKeys = [...Map.groupBy(links, ([id]) => id).values()].map((parts): ForeignKey => ({
    columns: parts.map((part) => String(part[2])),
    table: String(parts[0][1]),
    references: parts.flatMap((part) => part[3] === null ? [] : [String(part[3])]),
  }));
  return { name, columns, primaryKey: keys.map(([name]) => String(name)), foreignKeys };
}

// "REFERENCES t" without columns means the primary key of t.
function completeForeignKeys(tables: readonly Table[]): Table[] {
  const byName = new Map(tables.map((table) => [table.name.toLowerCase(), table]));
  return tables.map((table) => ({
    ...table,
    foreignKeys: table.foreignKeys.map((key) => {
      if (key.references.length > 0) return key;
      const primaryKey = byName.get(key.table.toLowerCase())?.primaryKey ?? [];
      return { ...key, references: primaryKey.slice(0, key.columns.length) };
    }),
  }));
}
