/**
 * How a question about a schema becomes an instruction record: one wording for all data sets, for
 * training, evaluation and inference.
 * @module
 */

/** The instruction of every text-to-SQL record. */
export const TEXT_TO_SQL_INSTRUCTION =
  "Write a SQL query that answers the user's question using ONLY the tables and " +
  "columns provided in the schema.";

/** The input of a record: the schema as DDL, what else is to be known (BIRD), then the question. */
export function schemaQuestion(schema: string, question: string, evidence?: string): string {
  const known = evidence === undefined ? "" : `### Evidence:\n${evidence}\n\n`;
  return `### Schema:\n${schema}\n\n${known}### Question:\n${question}`;
}
