/**
 * What `--schema` names: CREATE TABLE statements, a file with them, or a SQLite database.
 * @module
 */
import { extname } from "node:path";
import { ConfigError, FormatError } from "../errors.ts";
import type { SqlDialect } from "../data/question.ts";
import { readSampleValues } from "../sql/build.ts";
import type { Database } from "../sql/database.ts";
import type { SampleValues } from "../sql/ddl.ts";
import { readContents } from "../sql/postgres/contents.ts";
import { postgresSchema } from "../sql/postgres/schema.ts";
import { openDatabase } from "../sql/sandbox.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import { openScript } from "../sql/script.ts";

/** A schema to ask questions about. */
export interface SchemaSource extends Disposable {
  /** A file's path, or "the schema". */
  readonly name: string;
  /** Text where it is only that: it is shown to the model as it is written. */
  readonly schema: DatabaseSchema | string;
  readonly sampleValues?: SampleValues;
  /**
   * The database to run answers on: the file, or what the script builds in memory.
   * Rejects with {@linkcode FormatError} where the script is none of SQLite's.
   */
  database(): Promise<Database>;
}

const CREATE_TABLE = /\bcreate\s+(?:temp\s+|temporary\s+)?table\b/i;
const DATABASE_NAMES = new Set([".db", ".db3", ".sqlite", ".sqlite3"]);
const DATABASE_MAGIC = "SQLite format 3\0";

/** How a schema is read; the options of the same names. */
export interface SchemaSourceOptions {
  /** Values of each column to read for the prompt. */
  readonly sample_values: number;
  /** With "postgres" the schema of a database is the one that PostgreSQL would have. */
  readonly dialect: SqlDialect;
}

/**
 * Opens a schema.
 *
 * @throws {ConfigError} if it is neither a readable file nor a CREATE TABLE statement
 * @throws {FormatError} if the file is damaged, or a script that has to run is wrong
 */
export async function openSchemaSource(
  named: string,
  options: SchemaSourceOptions,
): Promise<SchemaSource> {
  if (CREATE_TABLE.test(named)) return await openText("the schema", named, options);
  const bytes = await readFile(named);
  if (bytes === null) return await openFile(named, options);
  const text = new TextDecoder().decode(bytes);
  if (CREATE_TABLE.test(text)) return await openText(named, text, options);
  throw new ConfigError([
    `Cannot use --schema ${named}: it is no SQLite database and has no CREATE TABLE statement; ` +
    "give a file with either",
  ]);
}

/** The content of a text file; null where it is a database, which may be too large to be read. */
async function readFile(path: string): Promise<Uint8Array | null> {
  try {
    const isNamedDatabase = (await Deno.stat(path)).isFile &&
      DATABASE_NAMES.has(extname(path).toLowerCase());
    if (isNamedDatabase || await startsLikeDatabase(path)) return null;
    return await Deno.readFile(path);
  } catch (cause) {
    throw new ConfigError([
      `Cannot read --schema ${path}: it is no file that can be read, and no CREATE TABLE ` +
      "statement; give either",
    ], { cause });
  }
}

async function startsLikeDatabase(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const start = new Uint8Array(DATABASE_MAGIC.length);
  const length = await file.read(start);
  return length !== null && new TextDecoder().decode(start.subarray(0, length)) === DATABASE_MAGIC;
}

async function openFile(path: string, options: SchemaSourceOptions): Promise<SchemaSource> {
  using opening = new DisposableStack();
  const database = opening.use(await openDatabase(path));
  const shown = await readShown(database, options);
  if (shown.schema.tables.length === 0) {
    throw new ConfigError([
      `Cannot use --schema ${path}: the database has no tables; give another`,
    ]);
  }
  const opened = opening.move();
  return {
    name: path,
    ...shown,
    database: () => Promise.resolve(database),
    [Symbol.dispose]: () => opened.dispose(),
  };
}

// A script that also has rows is shown as its schema alone, if it is one that SQLite takes.
async function openText(
  name: string,
  ddl: string,
  options: SchemaSourceOptions,
): Promise<SchemaSource> {
  let building: Promise<Database> | undefined;
  const database = () => building ??= openScript(ddl, { origin: name });
  const mustRun = options.sample_values > 0;
  const hasRows = /\binsert\s+(?:or\s+\w+\s+)?into\b/i.test(ddl);
  const built = mustRun || (hasRows && await runs(database)) ? await database() : null;
  const shown = built === null ? { schema: ddl.trim() } : await readShown(built, options);
  return {
    name,
    ...shown,
    database,
    [Symbol.dispose]: () => void building?.then((database) => database[Symbol.dispose](), () => {}),
  };
}

async function runs(database: () => Promise<Database>): Promise<boolean> {
  try {
    await database();
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

async function readShown(database: Database, { sample_values, dialect }: SchemaSourceOptions) {
  const schema = await database.schema();
  return {
    schema: dialect === "postgres" ? postgresSchema(schema, await readContents(database)) : schema,
    sampleValues: sample_values > 0
      ? await readSampleValues(database, schema, { perColumn: sample_values })
      : undefined,
  };
}
