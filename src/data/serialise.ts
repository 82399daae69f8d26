/**
 * Writes the schema of an example as the CREATE TABLE statements that the model is shown.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import { readSampleValues } from "../sql/build.ts";
import type { Connection } from "../sql/connection.ts";
import { type DdlOptions, formatDdl, type SampleValues } from "../sql/ddl.ts";
import { fitSchema } from "../sql/fit.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import type { Databases } from "./databases.ts";
import type { Example, ExampleDatabase } from "./example.ts";

/** How schemas are written. */
export interface SchemaOptions {
  /** See {@linkcode DdlOptions}; statements that the data set gives as text stay as they are. */
  readonly style?: "full" | "compact";
  /** Values from the database behind each column, this many. Default 0. */
  readonly sampleValues?: number;
  /** Tables are left out, the ones of the query never, until the DDL has at most `tokens` tokens. */
  readonly budget?: { readonly tokens: number; readonly count: (text: string) => number };
}

/** A written schema. */
export interface WrittenSchema {
  readonly ddl: string;
  /** What `ddl` says; null where the data set gives the statements as text. */
  readonly schema: DatabaseSchema | null;
  /** Writes another schema in the same way. */
  readonly format: (schema: DatabaseSchema) => string;
  /** Tables that were left out to keep to the budget. */
  readonly leftOut: number;
}

/** Writes the schema of `example`; null where it has none, a FormatError where it cannot be read. */
export type SchemaWriter = (example: Example) => Promise<WrittenSchema | FormatError | null>;

/** A writer. `build` makes a database in memory from DDL (sql/build.ts). */
export function createSchemaWriter(
  options: SchemaOptions,
  { build, databases }: {
    readonly build: (ddl: string) => Connection;
    readonly databases: Databases;
  },
): SchemaWriter {
  const { style = "full", sampleValues = 0 } = options;
  const budget = options.budget && {
    tokens: options.budget.tokens,
    count: remembered(options.budget.count),
  };
  const samplesOf = new Map<string, SampleValues>();

  async function sample(database: ExampleDatabase | undefined, schema: DatabaseSchema) {
    // Under other names than the schema's the file tells nothing about its columns.
    if (sampleValues === 0 || database === undefined || database.sql !== undefined) {
      return undefined;
    }
    const { path } = database;
    const known = samplesOf.get(path);
    if (known) return known;
    const opened = await databases.open(path);
    if (opened instanceof FormatError) return undefined; // the validator reports it
    const samples = await readSampleValues(opened, schema, { perColumn: sampleValues });
    samplesOf.set(path, samples);
    return samples;
  }

  function write(schema: DatabaseSchema, ddlOptions: DdlOptions, example: Example): WrittenSchema {
    const format = (schema: DatabaseSchema) => formatDdl(schema, ddlOptions);
    if (!budget) return { ddl: format(schema), schema, format, leftOut: 0 };
    const fitted = fitSchema(schema, {
      ...ddlOptions,
      question: `${example.question} ${example.evidence ?? ""}`,
      budget: budget.tokens,
      countTokens: budget.count,
      required: usedTables(schema, example.sql),
    });
    const leftOut = schema.tables.length - fitted.tables.length;
    return { ddl: format(fitted), schema: fitted, format, leftOut };
  }

  function given(ddl: string): WrittenSchema {
    return { ddl, schema: null, format: (schema) => formatDdl(schema, { style }), leftOut: 0 };
  }

  return async (example) => {
    const { database } = example;
    if (typeof example.schema === "string") {
      if (!budget || budget.count(example.schema) <= budget.tokens) {
        return given(example.schema);
      }
      const schema = parseDdl(example.schema, build);
      return schema === null
        ? given(example.schema) // the validator says what is wrong with it
        : write(schema, { style }, example);
    }
    const schema = example.schema ?? await readSchema(database?.path, databases);
    if (schema === null || schema instanceof FormatError) return schema;
    return write(schema, { style, sampleValues: await sample(database, schema) }, example);
  };
}

const REMEMBERED = 1000;

/** Remembers the last results: many questions are about one schema. */
function remembered(count: (text: string) => number): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= REMEMBERED) known.clear();
    const counted = count(text);
    known.set(text, counted);
    return counted;
  };
}

/** The schema that CREATE TABLE statements make, or null where they are wrong. */
export function parseDdl(
  ddl: string,
  build: (ddl: string) => Connection,
): DatabaseSchema | null {
  try {
    using connection = build(ddl);
    return connection.schema();
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

async function readSchema(
  path: string | undefined,
  databases: Databases,
): Promise<DatabaseSchema | FormatError | null> {
  if (path === undefined) return null;
  const database = await databases.open(path);
  return database instanceof FormatError ? database : await database.schema();
}

/** The tables whose names stand in the query as words. */
function usedTables({ tables }: DatabaseSchema, sql: string): string[] {
  return tables.map(({ name }) => name).filter((name) =>
    new RegExp(`(?<![\\p{L}\\p{N}_])${RegExp.escape(name)}(?![\\p{L}\\p{N}_])`, "iu").test(sql)
  );
}

const CREATE_TABLE =
  /\bCREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?("(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\s(;"`[]+)/gi;

/** The tables that CREATE TABLE statements make, in lower case and without quotes. */
export function createdTables(ddl: string): string[] {
  const names = [...ddl.matchAll(CREATE_TABLE)].map(([, name]) =>
    /^["`[]/.test(name) ? name.slice(1, -1) : name
  );
  return [...new Set(names.map((name) => name.toLowerCase()))];
}
