/**
 * Runs queries in a real PostgreSQL (PGlite) and stops them at a deadline.
 * @module
 */
import type { Database, SqlValue } from "../../../src/sql/database.ts";
import { quoteIdentifier } from "../../../src/sql/ddl.ts";
import { postgresDdl, type PostgresSchema } from "../../../src/sql/postgres/schema.ts";
import type { DatabaseSchema, Table } from "../../../src/sql/schema.ts";

/** What the child is asked for. */
export type Request =
  | { readonly kind: "query"; readonly sql: string }
  | {
    readonly kind: "load";
    readonly ddl: string;
    /** The rows of each table in the text format of COPY. */
    readonly tables: readonly { readonly table: string; readonly text: string }[];
  };

/** A row of a result. */
export type Row = readonly (null | number | string)[];

/** What the child answers. */
export type Answer =
  | { readonly rows: readonly Row[]; readonly error?: undefined }
  | { readonly rows?: undefined; readonly error: string };

type LoadRequest = Extract<Request, { readonly kind: "load" }>;

const LOAD_TIMEOUT_MS = 120_000;

/** A PostgreSQL with one database at a time. */
export class Postgres implements AsyncDisposable {
  #child: Child | undefined;
  #loaded: LoadRequest | undefined;

  /**
   * Creates the tables of a schema, with the rows that a SQLite database has of them; `ddl` are other
   * statements that create them.
   */
  async load(
    schema: DatabaseSchema,
    database?: Database,
    ddl = postgresDdl(schema as PostgresSchema),
  ): Promise<void> {
    const tables = database
      ? await Promise.all(schema.tables.map((table) => copyText(table, database)))
      : [];
    this.#loaded = { kind: "load", ddl, tables };
    await this.#reload();
  }

  /** The rows of a query, or what is wrong with it. */
  async query(sql: string, timeoutMs = 20_000): Promise<Answer> {
    if (!this.#child) await this.#reload();
    const answer = await this.#child!.ask({ kind: "query", sql }, timeoutMs);
    if (answer) return answer;
    this.#child = undefined;
    return { error: `not done in ${timeoutMs} ms` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.end();
  }

  async #reload(): Promise<void> {
    this.#child ??= new Child();
    const answer = await this.#child.ask(this.#loaded!, LOAD_TIMEOUT_MS);
    if (answer?.rows) return;
    throw new Error(`Cannot load the tables: ${answer?.error ?? "it takes too long"}`);
  }
}

class Child {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor() {
    const script = new URL("pglite_child.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Undefined, and the child is gone, if there is no answer in time. */
  async ask(request: Request, timeoutMs: number): Promise<Answer | undefined> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), timeoutMs);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
      while (!this.#rest.includes("\n")) {
        const { value, done } = await this.#output.read();
        if (done) return undefined;
        this.#rest += value;
      }
    } catch (error) {
      if (error instanceof TypeError || error instanceof Deno.errors.BrokenPipe) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return JSON.parse(line);
  }

  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#input.close().catch(() => {});
    await this.#output.cancel();
  }
}

async function copyText(
  { name, columns }: Table,
  database: Database,
): Promise<{ table: string; text: string }> {
  const names = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const { rows, truncated } = await database.query(
    `SELECT ${names} FROM ${quoteIdentifier(name)}`,
    { integers: "bigint", maxRows: 1e7, maxCells: 1e8, maxBytes: 1e9, timeoutMs: LOAD_TIMEOUT_MS },
  );
  if (truncated) throw new Error(`Cannot load ${name}: it is too large`);
  const lines = rows.map((row) => row.map(copyField).join("\t") + "\n");
  return { table: `${quoteIdentifier(name)} (${names})`, text: lines.join("") };
}

// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
function copyField(value: SqlValue): string {
  if (value === null) return "\\N";
  if (value instanceof Uint8Array) return `\\\\x${value.toHex()}`;
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
  };
  return String(value).replace(/[\\\t\n\r]/g, (character) => escapes[character]);
}
