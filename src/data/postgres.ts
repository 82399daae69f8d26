/**
 * Turns the schemas and queries of a data set into PostgreSQL's.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import type { Connection } from "../sql/connection.ts";
import { type Contents, readContents } from "../sql/postgres/contents.ts";
import { toPostgres } from "../sql/postgres/convert.ts";
import { inCreationOrder, type PostgresSchema, postgresSchema } from "../sql/postgres/schema.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import type { Databases } from "./databases.ts";
import type { ExampleDatabase } from "./example.ts";
import type { Convert } from "./make_record.ts";
import type { SqlDialect } from "./question.ts";
import { parseDdl } from "./serialise.ts";

/**
 * The converter from SQLite to `dialect`, if one is needed. `build` makes a database in memory from
 * DDL (sql/build.ts).
 */
export function createConverter(
  dialect: SqlDialect | undefined,
  { build, databases }: {
    readonly build: (ddl: string) => Connection;
    readonly databases: Databases;
  },
): Convert | undefined {
  if (dialect !== "postgres") return undefined;
  const contentsOf = new Map<string, Contents | undefined>();

  /** What the columns hold; undefined where no database has them under their names. */
  async function contents(database: ExampleDatabase | undefined): Promise<Contents | undefined> {
    if (database === undefined || database.sql !== undefined) return undefined;
    const { path } = database;
    if (!contentsOf.has(path)) contentsOf.set(path, await readOrNothing(path));
    return contentsOf.get(path);
  }

  async function readOrNothing(path: string): Promise<Contents | undefined> {
    const database = await databases.open(path);
    if (database instanceof FormatError) return undefined; // the validator reports it
    try {
      return await readContents(database);
    } catch (error) {
      if (error instanceof SqlError) return undefined;
      throw error;
    }
  }

  return async ({ written, sql, database }) => {
    const given = written.schema ?? parseDdl(written.ddl, build);
    if (given === null) return { fault: "syntax: its CREATE TABLE statements are wrong" };
    const counts = await contents(database);
    const actual = counts && await actualSchema(database!.path);
    const schema = actual ? withKeysOf(actual, given) : given;
    const shown = schemaOrFault(schema, counts);
    if (typeof shown === "string") return { fault: `names: ${shown}` };
    // A tables.json gives one column of a key of several, so its keys alone prove nothing.
    const isProven = actual || written.schema === null;
    const proven = isProven ? shown : postgresSchema(withoutKeys(schema), counts);
    const conversion = toPostgres(sql, proven);
    if (!conversion.ok) {
      const { kind, message } = conversion.reason;
      return { fault: `${kind}: ${message}` };
    }
    const { schema: ordered, later } = inCreationOrder(shown);
    return { ddl: [written.format(ordered), ...later].join("\n"), sql: conversion.sql };
  };

  async function actualSchema(path: string): Promise<DatabaseSchema | null> {
    const database = await databases.open(path);
    return database instanceof FormatError ? null : await database.schema();
  }
}

const lowerCase = (name: string) => name.toLowerCase();

/** The tables of `schema` with the keys that they have in the database itself. */
function withKeysOf(actual: DatabaseSchema, schema: DatabaseSchema): DatabaseSchema {
  const byName = new Map(actual.tables.map((table) => [lowerCase(table.name), table]));
  return {
    ...schema,
    tables: schema.tables.map((table) => {
      const found = byName.get(lowerCase(table.name));
      const names = new Map(table.columns.map(({ name }) => [lowerCase(name), name]));
      const isKnown = (columns: readonly string[]) =>
        columns.every((name) => names.has(lowerCase(name)));
      if (!found || !isKnown(found.primaryKey)) return { ...table, primaryKey: [] };
      return { ...table, primaryKey: found.primaryKey.map((name) => names.get(lowerCase(name))!) };
    }),
  };
}

function withoutKeys(schema: DatabaseSchema): DatabaseSchema {
  const tables = schema.tables.map((table) => ({ ...table, primaryKey: [], foreignKeys: [] }));
  return { ...schema, tables };
}

function schemaOrFault(schema: DatabaseSchema, contents?: Contents): PostgresSchema | string {
  try {
    return postgresSchema(schema, contents);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}
