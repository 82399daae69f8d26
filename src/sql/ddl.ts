/**
 * Writes a schema as CREATE TABLE statements.
 * @module
 */
import type { SqlValue } from "./database.ts";
import type { DatabaseSchema, Table } from "./schema.ts";

/** Values by table and column name, as both are written in the schema. */
export type SampleValues = Readonly<
  Record<string, Readonly<Record<string, readonly SqlValue[]>>>
>;

/** How a schema is written. */
export interface DdlOptions {
  /**
   * `"full"`: a line for each column and key. `"compact"`: a line for each table, without NOT NULL.
   * Default `"full"`.
   */
  readonly style?: "full" | "compact";
  /** Written as comments behind the columns. */
  readonly sampleValues?: SampleValues;
}

const SAMPLE_LENGTH = 40;

/**
 * The schema as CREATE TABLE statements, each ended by `;`, with types, keys and foreign keys. SQLite
 * reads it back to the same schema (except for NOT NULL in the compact style). Names are in double
 * quotes only where they have to be. Views are written as tables.
 */
export function formatDdl(
  { tables }: DatabaseSchema,
  { style = "full", sampleValues = {} }: DdlOptions = {},
): string {
  const full = style === "full";
  return tables.map((table) => {
    const samples = Object.hasOwn(sampleValues, table.name) ? sampleValues[table.name] : {};
    const columns = table.columns.map((column) => {
      const key = table.primaryKey.length === 1 && table.primaryKey[0] === column.name;
      const words = [
        quoteIdentifier(column.name),
        formatType(column.type),
        key ? "PRIMARY KEY" : "",
        full && column.notNull ? "NOT NULL" : "",
      ];
      const values = Object.hasOwn(samples, column.name) ? samples[column.name] : [];
      return { text: words.filter((word) => word !== "").join(" "), comment: comment(values) };
    });
    const parts = [...columns, ...keys(table).map((text) => ({ text, comment: "" }))];
    const lines = parts.map(({ text, comment }, index) => {
      const comma = index === parts.length - 1 ? "" : ",";
      if (full) return `  ${text}${comma}${comment && ` -- ${comment}`}`;
      return `${text}${comment && ` /* ${comment.replaceAll("*/", "* /")} */`}${comma}`;
    });
    const [open, join, close] = full ? ["(\n", "\n", "\n);"] : ["(", " ", ");"];
    return `CREATE TABLE ${quoteIdentifier(table.name)} ${open}${lines.join(join)}${close}`;
  }).join(full ? "\n\n" : "\n");
}

function keys({ primaryKey, foreignKeys }: Table): string[] {
  const list = (names: readonly string[]) => `(${names.map(quoteIdentifier).join(", ")})`;
  const primary = primaryKey.length > 1 ? [`PRIMARY KEY ${list(primaryKey)}`] : [];
  return primary.concat(
    foreignKeys.map(({ columns, table, references }) =>
      `FOREIGN KEY ${list(columns)} REFERENCES ${quoteIdentifier(table)}` +
      (references.length > 0 ? ` ${list(references)}` : "")
    ),
  );
}

function comment(values: readonly SqlValue[]): string {
  return values.map((value) => {
    const short = typeof value === "string" && value.length > SAMPLE_LENGTH
      ? `${value.slice(0, SAMPLE_LENGTH).replace(/[\ud800-\udbff]$/, "")}…`
      : value;
    // A comment to the end of the line must stay on it, and no statement may hold a NUL.
    return formatValue(short).replace(/[\0- ]+/g, " ");
  }).join(", ");
}

/** A value as SQL writes it, such as `'it''s'`, `1.5` or `x'00ff'`. */
export function formatValue(value: SqlValue): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  if (value instanceof Uint8Array) return `x'${value.slice(0, SAMPLE_LENGTH).toHex()}'`;
  return String(value);
}

/** What SQLite or PostgreSQL do not take for a name. A test asks SQLite about each of its keywords. */
const RESERVED = new Set(
  `
  add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between
  binary both case cast check collate collation column commit concurrently constraint create cross current_catalog
  current_date current_role current_schema current_time current_timestamp current_user default deferrable delete desc
  distinct do drop else end escape except exists explain false fetch filter for foreign freeze from full
  glob grant group having if ilike in index indexed initially inner insert intersect into is isnull join
  lateral leading left like limit localtime localtimestamp match natural not nothing notnull null offset
  on only or order outer over overlaps placing pragma primary raise references regexp returning right rollback
  select session_user set similar some symmetric system_user table tablesample then to trailing transaction true
  union unique update user using values variadic verbose view when where window with
`.trim().split(/\s+/),
);

/** A name as SQL writes it: in double quotes where it is not a plain word or is a reserved one. */
export function quoteIdentifier(name: string): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED.has(name.toLowerCase());
  return plain ? name : `"${name.replaceAll('"', '""')}"`;
}

// Types are words with an optional length. What else a schema may hold is quoted, which SQLite takes.
function formatType(type: string): string {
  if (type === "") return "";
  const words = type.replace(/\([^)]*\)/, " ").trim().split(/\s+/);
  const plain = /^[A-Za-z_][\w ]*(\( *[-+\w.]+ *(, *[-+\w.]+ *)?\))?$/.test(type);
  return plain && words.every((word) => quoteIdentifier(word) === word)
    ? type
    : quoteIdentifier(type);
}
