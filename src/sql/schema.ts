/**
 * The schema of a database as plain data, and how it is read from a `tables.json`.
 * @module
 */
import { FormatError } from "../errors.ts";

/** A column as it was declared. */
export interface Column {
  readonly name: string;
  /** The declared type, such as `VARCHAR(20)`; empty where there is none. */
  readonly type: string;
  readonly notNull: boolean;
}

/** `columns` of this table point at the columns `references` of `table`. */
export interface ForeignKey {
  readonly columns: readonly string[];
  readonly table: string;
  /** As many as `columns`, or none where it is unknown which. */
  readonly references: readonly string[];
}

/** A table or a view; a view has no keys. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns of the primary key in the order of the key; empty where there is none. */
  readonly primaryKey: readonly string[];
  readonly foreignKeys: readonly ForeignKey[];
}

/** The tables of a database in the order of their declaration. */
export interface DatabaseSchema {
  /** Such as Spider's `db_id`. */
  readonly name?: string;
  readonly tables: readonly Table[];
}

/** An entry of the `tables.json` of Spider, CSpider or BIRD, as far as it is read. */
export interface TablesJsonEntry {
  readonly db_id: string;
  readonly table_names_original: readonly string[];
  /** `[table index, column name]`; the first is `[-1, "*"]`. */
  readonly column_names_original: readonly (readonly [number, string])[];
  readonly column_types: readonly string[];
  /** Column indices; a key of several columns is a list (BIRD). */
  readonly primary_keys: readonly (number | readonly number[])[];
  /** Pairs of column indices: from, to. */
  readonly foreign_keys: readonly (readonly [number, number])[];
}

/** The types of Spider's `tables.json` that are no SQL types. Others are only capitalised. */
const SQL_TYPES: Readonly<Record<string, string>> = {
  number: "NUMERIC",
  time: "DATETIME",
  others: "",
};

/**
 * The schema that an entry of a `tables.json` describes (the format of Spider's
 * `tables.json`: https://github.com/taoyds/spider). Indices that name one table form its key
 * together; nothing there says which columns are NOT NULL. SQLite's own tables are left out. Throws a {@linkcode FormatError} that
 * names the database where fields are missing or an index points nowhere.
 */
export function schemaFromTablesJson(entry: TablesJsonEntry): DatabaseSchema {
  const name = checkEntry(entry);
  const { table_names_original, column_names_original, column_types } = entry;
  const fault = (what: string): never => {
    throw new FormatError(
      `Cannot read the schema of ${name}: ${what}; take the entry from the data set's tables.json`,
    );
  };
  const columnAt = (index: unknown, field: string): readonly [number, string] => {
    const column = column_names_original[index as number];
    if (!column || !table_names_original[column[0]]) {
      return fault(`${field} has the index ${index}, which is no column`);
    }
    return column;
  };
  const tables = table_names_original.map((name) => ({
    name,
    columns: [] as Column[],
    primaryKey: [] as string[],
    foreignKeys: [] as ForeignKey[],
  }));
  for (const [index, [table, name]] of column_names_original.entries()) {
    if (table < 0) continue;
    if (!tables[table]) fault(`column ${name} is in table ${table}, of ${tables.length}`);
    const type = String(column_types[index] ?? "");
    tables[table].columns.push({
      name,
      type: SQL_TYPES[type.toLowerCase()] ?? type.toUpperCase(),
      notNull: false,
    });
  }
  for (const index of entry.primary_keys.flat()) {
    const [table, column] = columnAt(index, "primary_keys");
    if (!tables[table].primaryKey.includes(column)) tables[table].primaryKey.push(column);
  }
  for (const pair of entry.foreign_keys) {
    if (!Array.isArray(pair)) fault(`foreign_keys has ${JSON.stringify(pair)}, which is no pair`);
    const [from, to] = [0, 1].map((end) => columnAt(pair[end], "foreign_keys"));
    tables[from[0]].foreignKeys.push({
      columns: [from[1]],
      table: tables[to[0]].name,
      references: [to[1]],
    });
  }
  // Some entries list the table in which SQLite counts AUTOINCREMENT. It cannot be declared.
  return { name, tables: tables.filter(({ name }) => !/^sqlite_/i.test(name)) };
}

// Checks the fields of an entry that came from a file, and returns the name of its database.
function checkEntry(entry: TablesJsonEntry): string {
  const fields = [
    "table_names_original",
    "column_names_original",
    "column_types",
    "primary_keys",
    "foreign_keys",
  ] as const;
  const name = typeof entry?.db_id === "string" ? entry.db_id : "an entry without db_id";
  const missing = fields.filter((field) => !Array.isArray(entry?.[field]));
  if (missing.length > 0 || name !== entry.db_id) {
    throw new FormatError(
      `Cannot read the schema of ${name}: ${missing.join(", ") || "db_id"} is missing; ` +
        "take the entry from the data set's tables.json",
    );
  }
  const misshapen = !entry.table_names_original.every((table) => typeof table === "string") ||
    !entry.column_names_original.every((column) =>
      Array.isArray(column) && Number.isInteger(column[0]) && typeof column[1] === "string"
    );
  if (misshapen) {
    throw new FormatError(
      `Cannot read the schema of ${name}: table_names_original has to hold texts and ` +
        "column_names_original pairs of a table index and a text",
    );
  }
  return name;
}
