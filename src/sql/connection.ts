/**
 * A connection to a database in the memory of an engine.
 * @module
 */
import { SqlError } from "../errors.ts";
import type { QueryOptions, QueryResult } from "./database.ts";
import { quoteIdentifier } from "./ddl.ts";
import { failure, sqlError } from "./faults.ts";
import { FILE_PATH } from "./host.ts";
import { buildingPolicy, readingPolicy, TRUSTING } from "./policy.ts";
import { readRows } from "./rows.ts";
import { type Runtime, SQLITE_ERROR, SqliteFault } from "./runtime.ts";
import type { DatabaseSchema } from "./schema.ts";
import { readSchema } from "./schema_read.ts";
import {
  eachStatement,
  finish,
  MAX_SQL_BYTES,
  withReadingStatement,
  withText,
} from "./statement.ts";

/** The defaults of {@linkcode QueryOptions}. */
export const QUERY_DEFAULTS = {
  timeoutMs: 5000,
  maxRows: 100_000,
  maxCellBytes: 4 << 20,
  maxCells: 1_000_000,
  maxBytes: 64 << 20,
  integers: "number",
  invalidText: "replace",
} as const satisfies Required<QueryOptions>;

/** `sqlite3_limit` by id: https://www.sqlite.org/c3ref/c_limit_attached.html. */
const LIMIT = { length: 0, sqlLength: 1, attached: 7 } as const;

/** `sqlite3_db_config` by option: https://www.sqlite.org/c3ref/c_dbconfig_defensive.html. */
const SETTINGS: readonly (readonly [option: number, on: number])[] = [
  [1010, 1], // defensive: no way to damage the database by SQL
  [1013, 1], // "text" is a string where no column has the name: Spider's gold has such
  [1014, 1], // … and so may schemas
  [1017, 0], // functions in the schema are not trusted
];

const OPEN_READONLY = 1;
const OPEN_READWRITE = 2;
const OPEN_CREATE = 4;
const OPEN_URI = 64;
const DESERIALIZE_READONLY = 4;
const VIRTUAL_TABLES = "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%'";
/** The time to find the nearest name if the schema has not been read yet, beyond the deadline. */
const SUGGEST_MS = 50;
/** Steps of SQLite's machine between two looks at the clock. */
const STEPS_PER_INTERRUPT = 100;

/** A database in the memory of a runtime. */
export class Connection implements Disposable {
  readonly runtime: Runtime;
  readonly #db: number;
  #schema: DatabaseSchema | undefined;

  private constructor(runtime: Runtime, db: number) {
    this.runtime = runtime;
    this.#db = db;
  }

  /**
   * Opens an empty database, the image of a file, which is copied and cannot be changed, or the file
   * of the runtime's engine. `maxLength` is the greatest length of a text or a blob in bytes. Throws a
   * SqlError of kind `too_large` or `database`.
   */
  static open(
    runtime: Runtime,
    { source, maxLength }: { source?: Uint8Array | "file"; maxLength: number },
  ): Connection {
    const { c, functions } = runtime.engine;
    const db = source === "file"
      ? openFile(runtime, `file:${FILE_PATH}?immutable=1`, OPEN_READONLY | OPEN_URI)
      : openFile(runtime, ":memory:", OPEN_READWRITE | OPEN_CREATE);
    const connection = new Connection(runtime, db);
    for (const [option, on] of SETTINGS) c.sqlite3__wasm_db_config_ip(db, option, on, 0);
    c.sqlite3_limit(db, LIMIT.length, maxLength);
    c.sqlite3_limit(db, LIMIT.sqlLength, MAX_SQL_BYTES + 1);
    c.sqlite3_limit(db, LIMIT.attached, 0);
    if (source instanceof Uint8Array) loadImage(runtime, db, source);
    c.sqlite3_progress_handler(db, STEPS_PER_INTERRUPT, functions.interrupt, 0);
    if (source) connection.#explaining(() => connection.#connectVirtualTables());
    c.sqlite3_set_authorizer(db, functions.authorize, 0);
    return connection;
  }

  /** As {@linkcode Database.query}, but throws. */
  query(sql: string, options: QueryOptions = {}): QueryResult {
    const settings = { ...QUERY_DEFAULTS, ...options };
    const started = performance.now();
    const result = this.#reading(
      sql,
      settings.timeoutMs,
      (statement) => readRows(this.runtime, this.#db, { statement, options: settings }),
    );
    return { ...result, ms: performance.now() - started };
  }

  /** As {@linkcode Database.check}. */
  check(sql: string): SqlError | null {
    try {
      this.#reading(sql, QUERY_DEFAULTS.timeoutMs, () => {});
      return null;
    } catch (error) {
      if (error instanceof SqlError) return error;
      throw error;
    }
  }

  /** Runs the statements of a script that builds a database. Throws a SqlError at the first fault. */
  build(script: string, timeoutMs: number = QUERY_DEFAULTS.timeoutMs): void {
    const policy = buildingPolicy();
    this.#schema = undefined;
    this.#explaining(() =>
      this.runtime.guard({ policy, timeoutMs }, () =>
        eachStatement(this.runtime, this.#db, {
          sql: script,
          policy,
          work: (statement) => finish(this.runtime, this.#db, statement),
        }))
    );
  }

  /** The tables and views, read once. Throws a SqlError, of kind `timeout` after `timeoutMs`. */
  schema(timeoutMs: number = QUERY_DEFAULTS.timeoutMs): DatabaseSchema {
    const deadline = performance.now() + timeoutMs;
    const run = (sql: string) => this.#trusted(sql, deadline - performance.now());
    return this.#schema ??= this.#explaining(() => readSchema(run), () => ({ tables: [] }));
  }

  // The rows of a statement of this project's own.
  #trusted(sql: string, timeoutMs: number): QueryResult["rows"] {
    const limits = { policy: TRUSTING, timeoutMs };
    const read = (statement: number) =>
      readRows(this.runtime, this.#db, { statement, options: QUERY_DEFAULTS }).rows;
    return this.runtime.guard(
      limits,
      () => eachStatement(this.runtime, this.#db, { sql, policy: TRUSTING, work: read }),
    ) ?? [];
  }

  [Symbol.dispose](): void {
    if (!this.runtime.broken) this.runtime.engine.c.sqlite3_close_v2(this.#db);
  }

  #reading<T>(sql: string, timeoutMs: number, work: (statement: number) => T): T {
    const policy = readingPolicy();
    return this.#explaining(() =>
      this.runtime.guard(
        { policy, timeoutMs },
        () => withReadingStatement(this.runtime, this.#db, { sql, policy, work }),
      )
    );
  }

  // Indexes of space prepare changes of their tables when they are used first, which no statement of a
  // query may. The look at the schema finds a damaged file, too.
  #connectVirtualTables(): void {
    const timeoutMs = QUERY_DEFAULTS.timeoutMs;
    for (const [name] of this.#trusted(VIRTUAL_TABLES, timeoutMs)) {
      try {
        this.#trusted(`SELECT 1 FROM ${quoteIdentifier(String(name))} LIMIT 0`, timeoutMs);
      } catch (error) {
        // A module that this SQLite does not have: the table's queries will say so.
        if (!(error instanceof SqliteFault) || error.fault.code !== SQLITE_ERROR) throw error;
      }
    }
  }

  // Outside of the guard, since the nearest name is looked up in the database.
  #explaining<T>(work: () => T, schema = () => this.schema(SUGGEST_MS)): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof SqliteFault ? sqlError(error.fault, schema) : error;
    }
  }
}

function openFile(runtime: Runtime, name: string, flags: number): number {
  const { c, view } = runtime.engine;
  return withText(runtime, name, (name) =>
    withText(runtime, new Uint8Array(4), (handle) => {
      const status = c.sqlite3_open_v2(name, handle, flags, 0);
      if (status !== 0) throw failure("too_large", "there is no memory for a database");
      return view().getUint32(handle, true);
    }));
}

// The memory of the image is never freed: it lives as long as its engine.
function loadImage(runtime: Runtime, db: number, image: Uint8Array): void {
  const { c, place, bytes } = runtime.engine;
  const data = place(image);
  // The log of a database in WAL mode is a file of its own. Both version numbers to 1 say that it has
  // none; https://www.sqlite.org/fileformat.html#file_format_version_numbers.
  if (data !== 0) bytes().fill(1, data + 18, data + 20);
  const size = BigInt(image.length);
  const loaded = data !== 0 &&
    withText(
      runtime,
      "main",
      (main) => c.sqlite3_deserialize(db, main, data, size, size, DESERIALIZE_READONLY) === 0,
    );
  if (!loaded) throw failure("too_large", "the database does not fit into maxMemory");
}
