/**
 * SQLite's SELECT in PostgreSQL.
 * @module
 */
import { ParseFault } from "../select_lex.ts";
import { parseSelect } from "../select_parse.ts";
import { convertWhole } from "./query.ts";
import type { PostgresSchema } from "./schema.ts";
import { Refusal, type RefusalKind } from "./value.ts";

/** A converted query, or why there is none. */
export type Conversion =
  | { readonly ok: true; readonly sql: string }
  | {
    readonly ok: false;
    readonly reason: { readonly kind: RefusalKind; readonly message: string };
  };

/** Messages quote expressions, which may be long. */
const MESSAGE_LENGTH = 200;

/**
 * One SQLite SELECT as PostgreSQL has it, over the schema that {@linkcode postgresSchema} gave.
 *
 * What it returns gives the same rows wherever the values of the database are those that the schema
 * says, and texts are ordered by their bytes, as in tables that {@linkcode postgresDdl} made. Rows
 * that tie in ORDER BY may come in another order or, with LIMIT, be others, as they may in SQLite;
 * reals agree up to the rounding of their last digits, and of what round() finds half-way, since SQLite
 * rounds the binary number and PostgreSQL the decimal one. Where that cannot be shown, the query is
 * refused: SQLite, say, takes a column that is neither grouped nor aggregated from any row.
 */
export function toPostgres(sql: string, schema: PostgresSchema): Conversion {
  try {
    return { ok: true, sql: convertWhole(parseSelect(sql), schema) };
  } catch (error) {
    if (error instanceof Refusal) return refused(error.kind, error.message);
    if (error instanceof ParseFault) return refused("syntax", error.message);
    throw error;
  }
}

function refused(kind: RefusalKind, message: string): Conversion {
  const short = message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH)}…` : message;
  return { ok: false, reason: { kind, message: short } };
}
