/**
 * The databases of a data set, a few of them open at a time.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import type { Database } from "../sql/database.ts";
import { openDatabase } from "../sql/sandbox.ts";

/** Opens databases by their paths and closes those that were not asked for lately. */
export interface Databases extends Disposable {
  /** The database, or the fault of its file; the same until others push it out. */
  open(path: string): Promise<Database | FormatError>;
}

/** Questions about one database mostly stand together. */
const OPEN_AT_ONCE = 2;

/** An empty set; `using` closes all that is open. */
export function createDatabases(): Databases {
  const databases = new Map<string, Database>();
  // A damaged file is not read again for each of its questions.
  const faults = new Map<string, FormatError>();
  return {
    async open(path) {
      const known = databases.get(path) ?? faults.get(path);
      if (known !== undefined) return known;
      for (const [other, database] of databases) {
        if (databases.size < OPEN_AT_ONCE) break;
        database[Symbol.dispose]();
        databases.delete(other);
      }
      try {
        const database = await openDatabase(path);
        databases.set(path, database);
        return database;
      } catch (error) {
        const fault = faultOf(error, path);
        faults.set(path, fault);
        return fault;
      }
    },
    [Symbol.dispose]() {
      for (const database of databases.values()) database[Symbol.dispose]();
      databases.clear();
    },
  };
}

function faultOf(error: unknown, path: string): FormatError {
  if (error instanceof FormatError) return error;
  if (error instanceof SqlError) return new FormatError(error.message, { file: path });
  throw error;
}
