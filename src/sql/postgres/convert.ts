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

/**
 * One SQLite SELECT as PostgreSQL has it, over the schema that {@linkcode postgresSchema} gave.
 *
 * What it returns gives the same rows wherever the values of the database are those that the schema
 * says; rows that tie in ORDER BY may come in another order, as they may in SQLite. Where that cannot
 * be shown, the query is refused.
 */
export function toPostgres(sql: string, schema: PostgresSchema): Conversion {
  try {
    return { ok: true, sql: convertWhole(parseSelect(sql), schema) };
  } catch (error) {
    if (error instanceof Refusal) {
      return { ok: false, reason: { kind: error.kind, message: error.message } };
    }
    if (error instanceof ParseFault) {
      return { ok: false, reason: { kind: "syntax", message: error.message } };
    }
    throw error;
  }
}
