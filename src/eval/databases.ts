/**
 * The databases that questions are about: opened when one is needed, and only so many at a time.
 * @module
 */
import { basename, join } from "node:path";
import { FormatError, SqlError } from "../errors.ts";
import type { Database } from "../sql/database.ts";
import { openDatabase, type Script } from "../sql/sandbox.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import { openScript } from "../sql/script.ts";
import { readText } from "./text_file.ts";

/** A database that is open. */
export interface OpenedDatabase {
  readonly name: string;
  readonly database: Database;
  readonly schema: DatabaseSchema;
  /** Other databases of the same schema that a prediction has to be right on (a test suite). */
  readonly variants: readonly Database[];
  /** Whether any table has a row. On one without, queries agree that have nothing in common. */
  readonly hasRows: boolean;
}

/** Databases by name. A database that was handed out is closed after some others were asked for. */
export interface Databases extends Disposable {
  /** Throws {@linkcode FormatError} where there is none of this name, or its file is damaged. */
  open(name: string): Promise<OpenedDatabase>;
}

/** A SQLite file, a file `*.sql` with a script that builds the database, or such a script itself. */
export type DatabaseOrigin = string | Script;

/** Tells where the databases of a name are. */
export type Locate = (name: string) => Promise<readonly DatabaseOrigin[]>;

/** Questions about one database mostly stand together, and databases are held in memory. */
const OPEN_AT_ONCE = 4;

/**
 * Databases that are where `locate` says, `openAtOnce` of them at a time. The first of a name has the
 * schema; with more than one, all others are {@linkcode OpenedDatabase.variants}.
 */
export function openDatabases(
  locate: Locate,
  { openAtOnce = OPEN_AT_ONCE }: { readonly openAtOnce?: number } = {},
): Databases {
  const opened = new Map<string, OpenedDatabase>();
  const close = (name: string) => {
    const entry = opened.get(name);
    for (const database of entry ? [entry.database, ...entry.variants] : []) {
      database[Symbol.dispose]();
    }
    opened.delete(name);
  };
  return {
    async open(name) {
      const present = opened.get(name);
      if (present) return present;
      if (opened.size >= openAtOnce) close(opened.keys().next().value!);
      const entry = await openOne(name, await locate(name));
      opened.set(name, entry);
      return entry;
    },
    [Symbol.dispose]() {
      for (const name of [...opened.keys()]) close(name);
    },
  };
}

async function openOne(
  name: string,
  [origin, ...others]: readonly DatabaseOrigin[],
): Promise<OpenedDatabase> {
  const database = await openOrigin(name, origin);
  const variants: Database[] = [];
  try {
    for (const other of others) variants.push(await openOrigin(name, other));
    const schema = await database.schema();
    return { name, database, schema, variants, hasRows: await hasRows(database, schema) };
  } catch (error) {
    for (const open of [database, ...variants]) open[Symbol.dispose]();
    if (!(error instanceof SqlError)) throw error;
    const file = typeof origin === "string" ? origin : undefined;
    throw new FormatError(
      `Cannot use the database ${file ?? name}: ${error.message}`,
      { file },
      { cause: error },
    );
  }
}

async function openOrigin(name: string, origin: DatabaseOrigin): Promise<Database> {
  if (typeof origin !== "string") return await openScript(origin.ddl, { origin: name, name });
  return origin.endsWith(SCRIPT)
    ? await openScript(await readText(origin), { origin, file: origin, name })
    : await openDatabase(origin, { name });
}

async function hasRows(database: Database, schema: DatabaseSchema): Promise<boolean> {
  for (const table of schema.tables) {
    const sql = `SELECT 1 FROM "${table.name.replaceAll('"', '""')}" LIMIT 1`;
    try {
      if ((await database.query(sql)).rows.length > 0) return true;
    } catch (error) {
      // A view over a table that is gone says nothing about the others.
      if (!(error instanceof SqlError) || error.kind === "database") throw error;
    }
  }
  return false;
}

const SQLITE = ".sqlite", SCRIPT = ".sql";

/**
 * Finds databases in `folder` as Spider and BIRD lay them out, `<name>/<name>.sqlite` and beside it
 * those of a test suite; or as a plain `<name>.sqlite`. With `scripts`, `.sql` stands in where there is
 * no `.sqlite`; not for benchmarks whose official evaluators would not take it.
 */
export function locateIn(
  folder: string,
  { scripts = false }: { readonly scripts?: boolean } = {},
): (name: string) => Promise<readonly string[]> {
  return async (name) => {
    const fail = (what: string) =>
      new FormatError(`Cannot open the database ${name}: ${what}`, { file: folder });
    if (name === "" || basename(name) !== name || name.startsWith(".")) {
      throw fail("this is no name of a database; correct db_id");
    }
    const inner = join(folder, name);
    const main = `${name}${SQLITE}`, script = `${name}${SCRIPT}`;
    const [own, beside] = [await fileNames(inner), await fileNames(folder)];
    const files = own.filter((file) => file.endsWith(SQLITE));
    if (files.length > 0) {
      if (!files.includes(main)) throw fail(`${inner} has no ${main}; fetch the data set again`);
      return [main, ...files.filter((other) => other !== main).sort()]
        .map((file) => join(inner, file));
    }
    if (beside.includes(main)) return [join(folder, main)];
    if (scripts && own.includes(script)) return [join(inner, script)];
    if (scripts && beside.includes(script)) return [join(folder, script)];
    const missing = scripts && own.length > 0
      ? `${inner} has neither ${main} nor ${script}`
      : `${inner} is not there`;
    throw fail(`${missing}; check --db_dir and db_id`);
  };
}

/** All questions are about the one database at `path`. */
export function locateFile(path: string): () => Promise<readonly string[]> {
  return () => Promise.resolve([path]);
}

async function fileNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.isDirectory) names.push(entry.name);
    }
  } catch (error) {
    const absent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!absent) throw error;
  }
  return names;
}
