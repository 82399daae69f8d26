/**
 * Checks the SQL of a row: it is prepared against the schema that the model is shown, and run where
 * the data set has a database.
 * @module
 */
import { FormatError, SqlError, type SqlErrorKind } from "../errors.ts";
import type { Connection } from "../sql/connection.ts";
import type { Databases } from "./databases.ts";
import type { ExampleDatabase } from "./example.ts";

/** Why the SQL of a row is wrong. */
export type InvalidKind =
  /** The CREATE TABLE statements do not run. */
  | "bad_schema"
  /** The database file cannot be read. */
  | "bad_database"
  /** It does not prepare against the schema, for this reason. */
  | `prepare_${SqlErrorKind}`
  /** It fails on the database, for this reason. */
  | `run_${SqlErrorKind}`;

/** What was found. */
export interface Verdict {
  readonly prepared: boolean;
  readonly executed: boolean;
  /** Whether it ran and returned no row. */
  readonly empty: boolean;
  readonly invalid: { readonly kind: InvalidKind; readonly detail: string } | null;
}

/** What is checked. */
export interface Statement {
  readonly sql: string;
  /** CREATE TABLE statements; null where the row has none, then nothing is prepared. */
  readonly ddl: string | null;
  readonly database?: ExampleDatabase;
}

/** Checks statements one after another. */
export interface Validator extends Disposable {
  check(statement: Statement): Promise<Verdict>;
}

const MAX_ROWS = 10_000;

/** A validator. `build` makes a database in memory from DDL (sql/build.ts). */
export function createValidator(
  { build, databases, timeoutMs }: {
    readonly build: (ddl: string) => Connection;
    readonly databases: Databases;
    readonly timeoutMs: number;
  },
): Validator {
  const scratch = createScratch(build);

  function prepare(ddl: string, sql: string): Verdict["invalid"] {
    let connection: Connection;
    try {
      connection = scratch.load(ddl);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      return { kind: "bad_schema", detail: error.message };
    }
    const error = connection.check(sql);
    return error && { kind: `prepare_${error.kind}`, detail: error.message };
  }

  async function run({ path, sql }: Required<ExampleDatabase>): Promise<Partial<Verdict>> {
    const database = await databases.open(path);
    if (database instanceof FormatError) {
      return { invalid: { kind: "bad_database", detail: database.message } };
    }
    try {
      const { rows } = await database.query(sql, { timeoutMs, maxRows: MAX_ROWS });
      return { executed: true, empty: rows.length === 0 };
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      return { executed: true, invalid: { kind: `run_${error.kind}`, detail: error.message } };
    }
  }

  return {
    async check({ sql, ddl, database }) {
      const invalid = ddl === null ? null : prepare(ddl, sql);
      const verdict = { prepared: ddl !== null, executed: false, empty: false, invalid };
      if (invalid !== null || database === undefined) return verdict;
      return { ...verdict, ...await run({ path: database.path, sql: database.sql ?? sql }) };
    },
    [Symbol.dispose]: scratch.close,
  };
}

/** A script with such a word may end the transaction that it is put into. */
const TRANSACTION = /\b(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i;

/**
 * An empty database into which one schema after another is loaded. Each is taken out by a rollback,
 * which takes a third less time than a database for each.
 */
function createScratch(build: (ddl: string) => Connection) {
  let connection: Connection | null = null;
  let loaded: string | null = null; // the script whose tables are all there
  let begun = false;

  const close = () => {
    connection?.[Symbol.dispose]();
    connection = null;
    loaded = null;
    begun = false;
  };
  const empty = () => {
    if (connection === null) return;
    if (connection.runtime.broken || !begun) return close();
    loaded = null;
    begun = false;
    try {
      connection.build("ROLLBACK");
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      close(); // the fault had ended the transaction
    }
  };
  return {
    close,
    /** The database with the tables of `ddl` alone. Throws a SqlError where the script is wrong. */
    load(ddl: string): Connection {
      // Rows about one schema mostly stand together.
      if (connection && loaded === ddl && !connection.runtime.broken) return connection;
      empty();
      if (TRANSACTION.test(ddl)) {
        close();
        connection = build(ddl);
      } else {
        connection ??= build("");
        connection.build("BEGIN");
        begun = true;
        connection.build(ddl);
      }
      loaded = ddl;
      return connection;
    },
  };
}
