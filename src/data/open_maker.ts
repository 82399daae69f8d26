/**
 * Opens what records are made with: SQLite, the databases of the data set, and the check of its SQL.
 * @module
 */
import { loadBuilder } from "../sql/build.ts";
import { createDatabases } from "./databases.ts";
import { createRecordMaker } from "./make_record.ts";
import { createConverter } from "./postgres.ts";
import type { PromptWording, SqlDialect } from "./question.ts";
import { createSchemaWriter, type SchemaOptions } from "./serialise.ts";
import { createValidator } from "./validate.ts";

/** How the records of a data set are written and checked. */
export interface RecordOptions {
  readonly wording?: PromptWording;
  /** "postgres" turns SQLite's schema and SQL into PostgreSQL's. Default "sqlite". */
  readonly dialect?: SqlDialect;
  readonly schema?: SchemaOptions;
  /** Milliseconds for one query on a database. Default 5000. */
  readonly timeoutMs?: number;
}

/** A record maker, with what it holds open until it is disposed. */
export interface OpenMaker extends Disposable {
  readonly makeRecord: ReturnType<typeof createRecordMaker>;
}

/** Opens a maker for the data set named `source`. */
export async function openRecordMaker(
  source: string,
  { wording, dialect, schema = {}, timeoutMs = 5000 }: RecordOptions,
): Promise<OpenMaker> {
  const build = await loadBuilder();
  using cleanup = new DisposableStack();
  const databases = cleanup.use(createDatabases());
  const makeRecord = createRecordMaker({
    source,
    writeSchema: createSchemaWriter(schema, { build, databases }),
    validator: cleanup.use(createValidator({ build, databases, timeoutMs })),
    wording,
    dialect,
    convert: createConverter(dialect, { build, databases }),
  });
  const owned = cleanup.move();
  return { makeRecord, [Symbol.dispose]: () => owned.dispose() };
}
