import { assertEquals } from "@std/assert";
import {
  schemaQuestion,
  TEXT_TO_SQL_INSTRUCTION,
  textToSqlInstruction,
} from "../../src/data/question.ts";
import { formatPrompt } from "../../src/text/prompt.ts";

Deno.test("each wording names the dialect, and the usual one is the instruction of old", () => {
  assertEquals(textToSqlInstruction(), TEXT_TO_SQL_INSTRUCTION);
  assertEquals(
    textToSqlInstruction("alpaca", "postgres"),
    "Write a PostgreSQL query that answers the user's question using ONLY the tables and columns " +
      "provided in the schema.",
  );
  assertEquals(
    textToSqlInstruction("mistral", "postgres"),
    "You are an expert PostgreSQL query generator. Given a database schema and a question, write " +
      "one valid PostgreSQL query that answers the question.",
  );
  assertEquals(
    textToSqlInstruction("mistral", "sqlite"),
    textToSqlInstruction("mistral", "postgres").replaceAll("PostgreSQL", "SQLite"),
  );
});

Deno.test("both prompts of a question, whole", () => {
  const input = schemaQuestion("CREATE TABLE t (a)", "How many?", "a counts");
  assertEquals(
    formatPrompt({ instruction: textToSqlInstruction("alpaca"), input }, "alpaca"),
    `### Instruction:
${TEXT_TO_SQL_INSTRUCTION}

### Input:
### Schema:
CREATE TABLE t (a)

### Evidence:
a counts

### Question:
How many?

### Response:
`,
  );
  assertEquals(
    formatPrompt({ instruction: textToSqlInstruction("mistral", "postgres"), input }, "mistral"),
    `[INST] You are an expert PostgreSQL query generator. Given a database schema and a question, write one valid PostgreSQL query that answers the question.

### Schema:
CREATE TABLE t (a)

### Evidence:
a counts

### Question:
How many? [/INST]`,
  );
});
