/**
 * How a question about a schema becomes an instruction record: one wording for all data sets, for
 * training, evaluation and inference. How a record becomes a prompt is text/prompt.ts's to say.
 * @module
 */

/** Which words an instruction has; named after the prompt template that each is made for. */
export type PromptWording = "alpaca" | "mistral";

/** The SQL that is asked for. */
export type SqlDialect = "sqlite" | "postgres";

/** The instruction of a text-to-SQL record unless another wording or dialect is asked for. */
export const TEXT_TO_SQL_INSTRUCTION =
  "Write a SQL query that answers the user's question using ONLY the tables and " +
  "columns provided in the schema.";

const DIALECT_NAMES: Readonly<Record<SqlDialect, string>> = {
  sqlite: "SQLite",
  postgres: "PostgreSQL",
};

/**
 * The instruction in a wording, for a dialect. "mistral" gives the model the role of an expert of the
 * dialect, as fine-tunes of Mistral on Spider for PostgreSQL do; "alpaca" names only PostgreSQL.
 */
export function textToSqlInstruction(
  wording: PromptWording = "alpaca",
  dialect: SqlDialect = "sqlite",
): string {
  const name = DIALECT_NAMES[dialect];
  if (wording === "mistral") {
    return `You are an expert ${name} query generator. Given a database schema and a question, ` +
      `write one valid ${name} query that answers the question.`;
  }
  return dialect === "sqlite"
    ? TEXT_TO_SQL_INSTRUCTION
    : TEXT_TO_SQL_INSTRUCTION.replace("a SQL query", `a ${name} query`);
}

/** The input of a record: the schema as DDL, what else is to be known (BIRD), then the question. */
export function schemaQuestion(schema: string, question: string, evidence?: string): string {
  const known = evidence === undefined ? "" : `### Evidence:\n${evidence}\n\n`;
  return `### Schema:\n${schema}\n\n${known}### Question:\n${question}`;
}
