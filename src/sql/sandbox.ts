/**
 * Opens databases for untrusted queries.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import { openChildDatabase } from "./child.ts";
import { Connection } from "./connection.ts";
import type { Database, QueryOptions } from "./database.ts";
import { loadSqlite } from "./engine.ts";
import { checkFile, checkHeader } from "./file.ts";
import { createRuntime } from "./runtime.ts";

/** How a database is opened. */
export interface OpenOptions {
  /** The name of the schema, such as Spider's `db_id`. Default: none. */
  readonly name?: string;
  /** Bytes of memory for queries, besides the database. Default 256 MiB. */
  readonly maxMemory?: number;
  /** Bytes of a text, a blob or a row at most; longer ones are an error. Default 4 MiB. */
  readonly maxLength?: number;
  /**
   * A file larger than this many bytes is not read into memory, but queried by a child process, which
   * needs the permission to run this Deno. Default 512 MiB.
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
 * one. Throws a {@linkcode FormatError} where the file is missing, empty, truncated, damaged or no
 * database, and a {@linkcode SqlError} where the script is wrong.
 *
 * Queries run in WebAssembly that was given a clock and memory, but no files, and stops at the
 * deadline wherever it is. The bytes are read again if an engine had to be given up, so they must not
 * change while the database is open.
 */
export async function openDatabase(
  source: Uint8Array | string | Script,
  options: OpenOptions = {},
): Promise<Database> {
  const { name, maxMemory, maxLength, maxInMemory } = { ...OPEN_DEFAULTS, ...options };
  if (typeof source === "string" && await checkFile(source) > maxInMemory) {
    return openChildDatabase(source, { name, maxMemory, maxLength });
  }
  const sqlite = await loadSqlite();
  const connect = async (): Promise<Connection> => {
    if (typeof source === "object" && "ddl" in source) {
      const connection = Connection.open(createRuntime(sqlite, maxMemory), { maxLength });
      connection.build(source.ddl);
      return connection;
    }
    const file = typeof source === "string" ? source : undefined;
    const image = file === undefined ? source as Uint8Array : await Deno.readFile(file);
    checkHeader(image.subarray(0, 100), { size: image.length, file });
    const runtime = createRuntime(sqlite, maxMemory + image.length);
    try {
      return Connection.open(runtime, { image, maxLength });
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const what = `Cannot open ${file ?? "the database"}: ${error.message}`;
      throw new FormatError(what, { file }, { cause: error });
    }
  };
  return new MemoryDatabase(connect, await connect(), name);
}

/** An engine that has grown by more than this is not kept, for its memory never shrinks. */
const KEPT_BYTES = 64 << 20;

class MemoryDatabase implements Database {
  readonly #connect: () => Promise<Connection>;
  readonly #name: string | undefined;
  readonly #keptBytes: number;
  #connection: Connection | Promise<Connection>;

  constructor(connect: () => Promise<Connection>, connection: Connection, name?: string) {
    this.#connect = connect;
    this.#connection = connection;
    this.#name = name;
    this.#keptBytes = connection.runtime.engine.bytes().length + KEPT_BYTES;
  }

  async query(sql: string, options?: QueryOptions) {
    return (await this.#usable()).query(sql, options);
  }

  async check(sql: string) {
    return (await this.#usable()).check(sql);
  }

  async schema() {
    const schema = (await this.#usable()).schema();
    return this.#name === undefined ? schema : { name: this.#name, ...schema };
  }

  [Symbol.dispose](): void {
    const closed = new SqlError("runtime", "Cannot run the SQL: the database is closed");
    this.#connection = Promise.reject(closed);
    this.#connection.catch(() => {}); // nobody may ask again
  }

  async #usable(): Promise<Connection> {
    const connection = await this.#connection;
    const { broken, engine } = connection.runtime;
    if (!broken && engine.bytes().length <= this.#keptBytes) return connection;
    return this.#connection = this.#connect();
  }
}
