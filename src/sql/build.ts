/**
 * Databases that are built from scripts, many in a row, to read schemas and to check statements.
 * @module
 */
import { SqlError } from "../errors.ts";
import { Connection } from "./connection.ts";
import type { Database, SqlValue } from "./database.ts";
import { quoteIdentifier, type SampleValues } from "./ddl.ts";
import { loadSqlite } from "./engine.ts";
import { failure } from "./faults.ts";
import { createRuntime, type Runtime } from "./runtime.ts";
import { OPEN_DEFAULTS } from "./sandbox.ts";
import type { DatabaseSchema } from "./schema.ts";

/** An engine that has grown beyond this is replaced by a fresh one. */
const KEPT_BYTES = 64 << 20;

/**
 * A function that builds a database in memory from a script of statements, in a fraction of a
 * millisecond, so that each row of a data set can be checked against its own schema. The connection
 * answers at once, not by promises; dispose of it after use. The function throws a
 * {@linkcode SqlError} where the script is wrong.
 */
export async function loadBuilder(): Promise<(ddl: string) => Connection> {
  const sqlite = await loadSqlite();
  const fresh = () => createRuntime(sqlite, { maxMemory: OPEN_DEFAULTS.maxMemory });
  let runtime: Runtime | undefined;
  return (ddl) => {
    const usable = runtime && !runtime.broken && runtime.engine.bytes().length <= KEPT_BYTES;
    runtime = usable ? runtime! : fresh();
    const connection = Connection.open(runtime, { maxLength: OPEN_DEFAULTS.maxLength });
    try {
      connection.build(ddl);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  };
}

/**
 * The schema that a script of CREATE TABLE statements describes, as SQLite understands it; other
 * statements of the script run too. Throws a {@linkcode SqlError} where it is wrong or makes no table.
 */
export async function schemaFromDdl(ddl: string, name?: string): Promise<DatabaseSchema> {
  using connection = (await loadBuilder())(ddl);
  const schema = connection.schema();
  if (schema.tables.length === 0) throw failure("empty", "it creates no table");
  return name === undefined ? schema : { name, ...schema };
}

/** Rows of a table that are looked at for sample values. */
const SAMPLED_ROWS = 1000;

/**
 * The first distinct values of each column that are not NULL, from the first thousand rows, for
 * {@linkcode formatDdl}. Columns without values, or that cannot be read, are left out.
 */
export async function readSampleValues(
  database: Database,
  schema: DatabaseSchema,
  { perColumn = 3, timeoutMs = 1000 }: { perColumn?: number; timeoutMs?: number } = {},
): Promise<SampleValues> {
  const samples: Record<string, Record<string, readonly SqlValue[]>> = {};
  for (const table of schema.tables) {
    for (const { name } of table.columns) {
      const column = quoteIdentifier(name);
      const values = `SELECT ${column} AS value FROM ${quoteIdentifier(table.name)} ` +
        `WHERE ${column} IS NOT NULL LIMIT ${SAMPLED_ROWS}`;
      const sql = `SELECT DISTINCT value FROM (${values}) LIMIT ${perColumn}`;
      try {
        const { rows } = await database.query(sql, { timeoutMs });
        if (rows.length > 0) (samples[table.name] ??= {})[name] = rows.map(([value]) => value);
      } catch (error) {
        if (!(error instanceof SqlError) || error.kind === "database") throw error;
      }
    }
  }
  return samples;
}
