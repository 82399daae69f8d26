/**
 * Opens databases that are given as scripts.
 * @module
 */
import { FormatError, SqlError, type SqlErrorKind } from "../errors.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./sandbox.ts";

/** What messages say of a script. */
export interface ScriptOrigin {
  /** Where it comes from: its path, or words for it. */
  readonly origin: string;
  /** Its path, where it has one. */
  readonly file?: string;
  /** The name of the schema. Default: none. */
  readonly name?: string;
}

const SMALLER = "give a smaller script, or the database as a SQLite file";

/** What to do about a script, where that is not what one does about a query. */
const REMEDY: Readonly<Partial<Record<SqlErrorKind, string>>> = {
  not_allowed: "leave that statement out",
  timeout: SMALLER,
  too_large: SMALLER,
};

/**
 * Builds a database in memory from CREATE TABLE, INSERT and the like, within the limits of the sandbox.
 * Throws a {@linkcode FormatError} where SQLite or the sandbox refuses a statement.
 */
export async function openScript(
  ddl: string,
  { origin, file, name }: ScriptOrigin,
): Promise<Database> {
  try {
    return await openDatabase({ ddl }, { name });
  } catch (cause) {
    if (!(cause instanceof SqlError)) throw cause;
    const said = cause.message.replace(/^Cannot run the SQL: /, "");
    const remedy = REMEDY[cause.kind];
    const reason = remedy ? `${said.slice(0, said.lastIndexOf("; "))}; ${remedy}` : said;
    throw new FormatError(`Cannot build a database from ${origin}: ${reason}`, { file }, { cause });
  }
}
