/**
 * Turns the schemas and queries of a data set into PostgreSQL's.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import type { Connection } from "../sql/connection.ts";
import { type Contents, readContents } from "../sql/postgres/contents.ts";
import { toPostgres } from "../sql/postgres/convert.ts";
import { type PostgresSchema, postgresSchema } from "../sql/postgres/schema.ts";
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
    const schema = written.schema ?? parseDdl(written.ddl, build);
    if (schema === null) return { fault: "syntax: its CREATE TABLE statements are wrong" };
    const target = schemaOrFault(schema, await contents(database));
    if (typeof target === "string") return { fault: `names: ${target}` };
    const conversion = toPostgres(sql, target);
    if (conversion.ok) return { ddl: written.format(target), sql: conversion.sql };
    const { kind, message } = conversion.reason;
    return { fault: `${kind}: ${message}` };
  };
}

function schemaOrFault(schema: DatabaseSchema, contents?: Contents): PostgresSchema | string {
  try {
    return postgresSchema(schema, contents);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}
