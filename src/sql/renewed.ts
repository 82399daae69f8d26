/**
 * A database whose engine is replaced when it had to be given up.
 * @module
 */
import { SqlError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Database, QueryOptions, QueryResult } from "./database.ts";
import type { DatabaseSchema } from "./schema.ts";

/** An engine that has grown by more than this is not kept, for its memory never shrinks. */
const KEPT_BYTES = 64 << 20;

type Connect = () => Promise<Connection>;

interface Renewal {
  readonly connect: Connect;
  /** The name of the schema. */
  readonly name?: string;
  /** Called once, when no connection is needed any more. */
  readonly close?: () => void;
}

/** A {@linkcode Database} of this process. */
export class RenewedDatabase implements Database {
  readonly #connect: Connect;
  readonly #name: string | undefined;
  readonly #close: (() => void) | undefined;
  readonly #keptBytes: number;
  #connection: Promise<Connection>;
  #closed = false;

  private constructor(connection: Connection, { connect, name, close }: Renewal) {
    this.#connect = connect;
    this.#connection = Promise.resolve(connection);
    this.#name = name;
    this.#close = close;
    this.#keptBytes = connection.runtime.engine.bytes().length + KEPT_BYTES;
  }

  /** Connects, now and again whenever it has to. Rejects as `connect` does. */
  static async open(renewal: Renewal): Promise<RenewedDatabase> {
    try {
      return new RenewedDatabase(await renewal.connect(), renewal);
    } catch (error) {
      renewal.close?.();
      throw error;
    }
  }

  query(sql: string, options?: QueryOptions): Promise<QueryResult> {
    return this.#with((connection) => connection.query(sql, options));
  }

  check(sql: string): Promise<SqlError | null> {
    return this.#with((connection) => connection.check(sql));
  }

  async schema(): Promise<DatabaseSchema> {
    const schema = await this.#with((connection) => connection.schema());
    return this.#name === undefined ? schema : { name: this.#name, ...schema };
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection = new Promise(() => {}); // lets go of the engine's memory
    this.#close?.();
  }

  // Another query may have ended the engine while this one waited, and others wait for the next, too.
  async #with<T>(work: (connection: Connection) => T): Promise<T> {
    const closed = () => new SqlError("runtime", "Cannot run the SQL: the database is closed");
    while (true) {
      if (this.#closed) throw closed();
      const waitedFor = this.#connection;
      const connection = await waitedFor;
      if (this.#closed) throw closed();
      const { broken, engine } = connection.runtime;
      if (!broken && engine.bytes().length <= this.#keptBytes) return work(connection);
      if (this.#connection === waitedFor) this.#connection = this.#connect();
    }
  }
}
