/**
 * Opens databases for untrusted queries.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { loadSqlite } from "./engine.ts";
import {
  checkHeader,
  type DatabaseFile,
  findDatabase,
  openReadOnly,
  readDatabase,
  readStart,
} from "./file.ts";
import { RenewedDatabase } from "./renewed.ts";
import { createRuntime } from "./runtime.ts";

/** How a database is opened. */
export interface OpenOptions {
  /** The name of the schema, such as Spider's `db_id`. Default: none. */
  readonly name?: string;
  /** Bytes of memory for queries, besides the database. Default 256 MiB. */
  readonly maxMemory?: number;
  /** Bytes of a text or a blob at most; longer ones are an error. Default 4 MiB. */
  readonly maxLength?: number;
  /**
   * A file larger than this many bytes is not read into memory, but page by page as queries need it.
   * Default 512 MiB.
   */
  readonly maxInMemory?: number;
}

/** The defaults of {@linkcode OpenOptions}. */
export const OPEN_DEFAULTS = {
  maxMemory: 256 << 20,
  maxLength: 4 << 20,
  maxInMemory: 512 << 20,
} as const;

/** A script of statements that build a database in memory. */
export interface Script {
  readonly ddl: string;
}

/**
 * Opens a SQLite database for reading: a file by its path, the bytes of one, or a script that builds
 * one. Changes in a write-ahead log beside a file count. Throws a {@linkcode FormatError} where the
 * file is missing, empty, truncated, damaged or no database, and a {@linkcode SqlError} where the
 * script is wrong.
 *
 * Queries run in WebAssembly that was given a clock and memory, but no files except a large database
 * itself, to read, and stops at the deadline wherever it is. The database is read again if an engine
 * had to be given up, so it must not change while it is open.
 */
export async function openDatabase(
  source: Uint8Array | string | Script,
  options: OpenOptions = {},
): Promise<Database> {
  const { name, maxMemory, maxLength, maxInMemory } = { ...OPEN_DEFAULTS, ...options };
  const file = typeof source === "string" ? await findDatabase(source) : undefined;
  if (file && file.size + (file.log?.size ?? 0) > maxInMemory) {
    return openLargeDatabase(file, { name, maxMemory, maxLength });
  }
  const sqlite = await loadSqlite();
  const connectImage = (image: Uint8Array) => {
    checkHeader(image.subarray(0, 100), { size: image.length, file: file?.path });
    const runtime = createRuntime(sqlite, { maxMemory: maxMemory + image.length });
    return describing(file?.path, () => Connection.open(runtime, { source: image, maxLength }));
  };
  const connectScript = ({ ddl }: Script) => {
    const connection = Connection.open(createRuntime(sqlite, { maxMemory }), { maxLength });
    connection.build(ddl);
    return connection;
  };
  return RenewedDatabase.open({
    name,
    connect: async () => {
      if (file) return connectImage(await readDatabase(file));
      return source instanceof Uint8Array ? connectImage(source) : connectScript(source as Script);
    },
  });
}

// A log would have to be written into the file first.
async function openLargeDatabase(
  { path, size, log }: DatabaseFile,
  { name, maxMemory, maxLength }: { name?: string; maxMemory: number; maxLength: number },
): Promise<Database> {
  if (log) {
    const what =
      `Cannot open ${path}: it is too large for memory, and ${log.path} beside it holds ` +
      "changes that are not in it yet; open and close it once with a program that may write it";
    throw new FormatError(what, { file: path });
  }
  checkHeader(await readStart(path, 100), { size, file: path });
  const sqlite = await loadSqlite();
  const file = openReadOnly(path);
  const connect = () => {
    const runtime = createRuntime(sqlite, { maxMemory, file });
    return describing(path, () => Connection.open(runtime, { source: "file", maxLength }));
  };
  return RenewedDatabase.open({
    name,
    connect: () => Promise.try(connect),
    close: () => file.close(),
  });
}

/** Runs `open`, whose SqlError, when a database is opened, is the fault of the file. */
export function describing<T>(file: string | undefined, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const what = `Cannot open ${file ?? "the database"}: ${error.message}`;
    throw new FormatError(what, { file }, { cause: error });
  }
}
