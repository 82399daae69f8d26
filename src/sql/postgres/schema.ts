/**
 * A SQLite schema as PostgreSQL has it.
 * @module
 */
import { FormatError } from "../../errors.ts";
import { quoteIdentifier } from "../ddl.ts";
import type { Column, DatabaseSchema, ForeignKey, Table } from "../schema.ts";
import type { ColumnContents, Contents } from "./contents.ts";

/**
 * What the values of a column are. `numeric`: integers and reals; `caseless`: texts with a collation
 * that PostgreSQL lacks; `mixed`: numbers and texts, or blobs and others.
 */
export type Kind =
  | "integer"
  | "real"
  | "numeric"
  | "text"
  | "date"
  | "timestamp"
  | "blob"
  | "caseless"
  | "mixed";

/** How SQLite turns values before it compares them: https://www.sqlite.org/datatype3.html. */
export type Affinity = "numeric" | "text" | "none";

/** A column with its PostgreSQL type. */
export interface PostgresColumn extends Column {
  readonly kind: Kind;
  readonly affinity: Affinity;
  /** Its texts are all integers, or all numbers, as far as the contents were read. */
  readonly digits?: "integer" | "number";
  /** Some of its texts have characters beyond ASCII, as far as the contents were read. */
  readonly nonAscii?: boolean;
  /** Its texts are all dates, or all times, of the one form that PostgreSQL writes. */
  readonly dates?: "date" | "timestamp";
}

/** A table whose columns have PostgreSQL types. */
export interface PostgresTable extends Table {
  readonly columns: readonly PostgresColumn[];
}

/** A schema that PostgreSQL takes, and what a query over it is converted by. */
export interface PostgresSchema extends DatabaseSchema {
  readonly tables: readonly PostgresTable[];
}

/** PostgreSQL cuts longer names off: https://www.postgresql.org/docs/current/limits.html. */
const MAX_NAME_BYTES = 63;
/** Columns that every table of PostgreSQL has already. */
const SYSTEM_COLUMNS = new Set(["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"]);

/**
 * The schema with PostgreSQL types. Where the contents are given, they decide; otherwise the declared
 * type does, and a database that follows it is presumed. Lengths are left out, for SQLite keeps to
 * none. A primary key that holds NULL is dropped, and so is a foreign key that does not point at a
 * primary key of the same types. Throws a {@linkcode FormatError} where a name cannot be one in
 * PostgreSQL.
 */
export function postgresSchema(schema: DatabaseSchema, contents?: Contents): PostgresSchema {
  checkNames(schema);
  const tables = schema.tables.map((table): PostgresTable => {
    const counts = contents?.get(table.name);
    const hasNull = table.primaryKey.some((name) => (counts?.get(name)?.nulls ?? 0) > 0);
    return {
      ...table,
      columns: table.columns.map((column) => postgresColumn(column, counts?.get(column.name))),
      primaryKey: hasNull ? [] : table.primaryKey,
    };
  });
  const byName = new Map(tables.map((table) => [lower(table.name), table]));
  return {
    ...schema,
    tables: tables.map((table) => ({
      ...table,
      foreignKeys: table.foreignKeys.filter((key) => isPossible(key, table, byName)),
    })),
  };
}

/**
 * Statements that create the tables of a converted schema: foreign keys last, so that they may point
 * at any table, and texts in the order of their bytes, as SQLite has it.
 */
export function postgresDdl({ tables }: PostgresSchema): string {
  const list = (names: readonly string[]) => `(${names.map(quoteIdentifier).join(", ")})`;
  const creations = tables.map(({ name, columns, primaryKey }) => {
    const parts = columns.map((column) => {
      const collation = column.type === "text" ? ' COLLATE "C"' : "";
      const notNull = column.notNull ? " NOT NULL" : "";
      return `${quoteIdentifier(column.name)} ${column.type}${collation}${notNull}`;
    });
    if (primaryKey.length > 0) parts.push(`PRIMARY KEY ${list(primaryKey)}`);
    return `CREATE TABLE ${quoteIdentifier(name)} (\n  ${parts.join(",\n  ")}\n);\n`;
  });
  const links = tables.flatMap(({ name, foreignKeys }) =>
    foreignKeys.map((key) => `${linkStatement(name, key)}\n`)
  );
  return creations.join("\n") + links.map((link) => `\n${link}`).join("");
}

/**
 * The schema with its tables in an order in which they can be created one after another, and the
 * foreign keys that cannot be there yet, since tables point at each other, as statements to follow.
 */
export function inCreationOrder(
  schema: PostgresSchema,
): { readonly schema: PostgresSchema; readonly later: readonly string[] } {
  const waiting = [...schema.tables];
  const created = new Set<string>();
  const tables: PostgresTable[] = [];
  const later: string[] = [];
  while (waiting.length > 0) {
    const isThere = (name: string, table: Table) =>
      created.has(lower(name)) || lower(name) === lower(table.name);
    const ready = waiting.findIndex((table) =>
      table.foreignKeys.every((key) => isThere(key.table, table))
    );
    const [table] = waiting.splice(Math.max(0, ready), 1);
    const [now, then] = [true, false].map((wanted) =>
      table.foreignKeys.filter((key) => isThere(key.table, table) === wanted)
    );
    tables.push({ ...table, foreignKeys: now });
    later.push(...then.map((key) => linkStatement(table.name, key)));
    created.add(lower(table.name));
  }
  return { schema: { ...schema, tables }, later };
}

function linkStatement(name: string, { columns, table, references }: ForeignKey): string {
  const list = (names: readonly string[]) => `(${names.map(quoteIdentifier).join(", ")})`;
  return `ALTER TABLE ${quoteIdentifier(name)} ADD FOREIGN KEY ${list(columns)} ` +
    `REFERENCES ${quoteIdentifier(table)} ${list(references)};`;
}

/** SQLite compares names without regard to the case of ASCII letters. */
export function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function postgresColumn(column: Column, counts: ColumnContents | undefined): PostgresColumn {
  const affinity = declaredAffinity(column.type);
  const declared = declaredKind(column.type);
  const kind = counts ? observedKind(counts, declared) : declared;
  const comparing = affinity === "integer" || affinity === "real" ? "numeric" : affinity;
  return {
    name: column.name,
    type: postgresType(kind, affinity),
    notNull: column.notNull && !counts?.nulls,
    kind,
    affinity: comparing === "blob" ? "none" : comparing,
    ...(counts?.nonAscii ? { nonAscii: true } : {}),
    ...(kind === "text" && counts ? observedForms(counts) : {}),
  };
}

/** SQLite's five rules: https://www.sqlite.org/datatype3.html#determination_of_column_affinity. */
export function declaredAffinity(type: string): "integer" | "text" | "blob" | "real" | "numeric" {
  if (/INT/i.test(type)) return "integer";
  if (/CHAR|CLOB|TEXT/i.test(type)) return "text";
  if (/BLOB|^\s*$/i.test(type)) return "blob";
  return /REAL|FLOA|DOUB/i.test(type) ? "real" : "numeric";
}

function declaredKind(type: string): Kind {
  const affinity = declaredAffinity(type);
  if (affinity === "blob") return /BLOB/i.test(type) ? "blob" : "text";
  if (affinity !== "numeric") return affinity;
  if (/^date$/i.test(type)) return "date";
  if (/^(datetime|timestamp)$/i.test(type)) return "timestamp";
  if (/^time/i.test(type)) return "text";
  return /^(bool|year|bit)/i.test(type) ? "integer" : "numeric";
}

function observedKind(counts: ColumnContents, declared: Kind): Kind {
  const { integers, reals, texts, blobs, dates, timestamps } = counts;
  const numbers = integers + reals;
  if ([numbers, texts, blobs].filter((count) => count > 0).length > 1) return "mixed";
  if (blobs > 0) return "blob";
  if (counts.collated > 0) return "caseless";
  if (texts > 0) {
    if (declared !== "date" && declared !== "timestamp") return "text";
    return dates === texts ? "date" : timestamps === texts ? "timestamp" : "text";
  }
  if (numbers === 0) return declared;
  return reals === 0 ? "integer" : integers === 0 ? "real" : "numeric";
}

function observedForms(counts: ColumnContents): Pick<PostgresColumn, "digits" | "dates"> {
  const { texts, integerTexts, numberTexts, dates, timestamps } = counts;
  if (texts === 0) return {};
  if (numberTexts === texts) return { digits: integerTexts === texts ? "integer" : "number" };
  return dates === texts ? { dates: "date" } : timestamps === texts ? { dates: "timestamp" } : {};
}

function postgresType(kind: Kind, affinity: string): string {
  if (kind === "integer") return "bigint";
  if (kind === "real") return affinity === "numeric" ? "numeric" : "double precision";
  if (kind === "blob") return "bytea";
  return kind === "mixed" || kind === "caseless" ? "text" : kind;
}

function checkNames({ tables, name: database }: DatabaseSchema): void {
  const check = (names: readonly string[], where: string) => {
    const seen = new Map<string, string>();
    for (const name of names) {
      const short = lower(cut(name));
      const fault = name === "" || name.includes("\0")
        ? `${JSON.stringify(name)} in ${where} is no name there`
        : seen.has(short)
        ? `"${seen.get(short)}" and "${name}" in ${where} are the same name there`
        : "";
      if (fault) {
        throw new FormatError(
          `Cannot convert the schema${
            database ? ` of ${database}` : ""
          } to PostgreSQL: ${fault}; ` +
            "rename it in the database",
        );
      }
      seen.set(short, name);
    }
  };
  check(tables.map((table) => table.name), "the schema");
  for (const { name, columns } of tables) {
    check([...SYSTEM_COLUMNS, ...columns.map((column) => column.name)], name);
  }
}

function cut(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return bytes.length <= MAX_NAME_BYTES
    ? name
    : new TextDecoder().decode(bytes.subarray(0, MAX_NAME_BYTES));
}

function isPossible(
  key: ForeignKey,
  from: PostgresTable,
  byName: ReadonlyMap<string, PostgresTable>,
): boolean {
  const to = byName.get(lower(key.table));
  if (!to || key.references.length === 0 || to.primaryKey.length !== key.references.length) {
    return false;
  }
  const names = to.primaryKey.map(lower);
  return key.references.every((reference, index) => {
    const target = to.columns.find(({ name }) => lower(name) === lower(reference));
    const source = from.columns.find(({ name }) => lower(name) === lower(key.columns[index]));
    return names.includes(lower(reference)) && target?.type === source?.type;
  });
}
