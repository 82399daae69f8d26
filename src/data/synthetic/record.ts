/**
 * Synthetic pairs as examples and as training records.
 * @module
 */
import { formatDdl } from "../../sql/ddl.ts";
import type { DatabaseSchema } from "../../sql/schema.ts";
import { type PromptWording, schemaQuestion, textToSqlInstruction } from "../question.ts";
import type { InstructionRecord } from "../record.ts";
import type { Pair } from "./pairs.ts";
import type { SyntheticDatabase, Table } from "./types.ts";

/** What synthetic records have as their source. */
export const SYNTHETIC_SOURCE = "synthetic";

/** The schema of some tables of a database; foreign keys to others are left out. */
export function schemaOf(
  { schema }: SyntheticDatabase,
  shown: readonly Table[],
): DatabaseSchema {
  const names = new Set(shown.map(({ name }) => name));
  return {
    ...schema,
    tables: schema.tables.filter(({ name }) => names.has(name)).map((table) => ({
      ...table,
      foreignKeys: table.foreignKeys.filter((key) => names.has(key.table)),
    })),
  };
}

/**
 * The pair as a record, in the wording of every text-to-SQL record. `style` is that of the schema
 * (default `"compact"`, a line for each table). Its `meta` has `db_id`, `level` and `theme`.
 */
export function pairRecord(
  { id, database, question, sql, level, shown }: Pair,
  { style = "compact", wording }: {
    readonly style?: "full" | "compact";
    readonly wording?: PromptWording;
  } = {},
): InstructionRecord {
  return {
    id,
    instruction: textToSqlInstruction(wording),
    input: schemaQuestion(formatDdl(schemaOf(database, shown), { style }), question),
    output: sql,
    source: SYNTHETIC_SOURCE,
    meta: { db_id: database.name, level, theme: database.theme },
  };
}
