/**
 * Small tasks from which a base model learns to read a question against a schema: to repeat it, to name
 * tables, columns and values. None of them asks for SQL.
 * @module
 */
import { formatDdl } from "../../sql/ddl.ts";
import { schemaQuestion } from "../question.ts";
import type { Random } from "../random.ts";
import { pick, say } from "./english.ts";
import type { Pair } from "./pairs.ts";
import { schemaOf } from "./record.ts";
import type { Table } from "./types.ts";

/** What is to be done, with what, and the result. */
export interface Task {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}

type Make = (rng: Random, pair: Pair) => Pick<Task, "instruction" | "output">;

const TASKS: readonly Make[] = [
  repeatQuestion,
  listTables,
  listColumns,
  nameTables,
  nameTables,
  nameColumns,
  nameColumns,
  nameValues,
  nameValues,
];

/** A task about the schema that is shown for a pair and its question. */
export function readingTask(rng: Random, pair: Pair): Task {
  const { instruction, output } = pick(rng, TASKS)(rng, pair);
  const ddl = formatDdl(schemaOf(pair.database, pair.shown), { style: "compact" });
  return { instruction, input: schemaQuestion(ddl, pair.question), output };
}

function repeatQuestion(rng: Random, { question }: Pair) {
  return { instruction: say(rng, "(Repeat|Copy|Write) the question( again|)."), output: question };
}

function listTables(rng: Random, { shown }: Pair) {
  const instruction = say(rng, "(List|Name|Write) the tables (of|in) the schema.");
  return { instruction, output: shown.map(({ sql }) => sql).join(", ") };
}

function listColumns(rng: Random, { shown }: Pair) {
  const { sql, columns } = pick(rng, shown);
  const instruction = say(rng, "(List|Name|Write) the columns of (the table |)<t>.", { t: sql });
  return { instruction, output: columns.map((column) => column.sql).join(", ") };
}

function nameTables(rng: Random, { shown, sql }: Pair) {
  const instruction = say(
    rng,
    "(Which tables does the question need?|Name the tables of the question.)",
  );
  return { instruction, output: tablesIn(sql, shown).map((table) => table.sql).join(", ") };
}

function nameColumns(rng: Random, { shown, sql }: Pair) {
  const instruction = say(
    rng,
    "(Which columns does the question need?|Name the columns of the question.)",
  );
  const names = new Set(namesIn(sql));
  const columns = tablesIn(sql, shown).flatMap((table) =>
    table.columns.filter((column) => names.has(column.sql)).map(({ qualified }) => qualified)
  );
  return { instruction, output: columns.length > 0 ? columns.join(", ") : "none" };
}

function nameValues(rng: Random, { question, sql }: Pair) {
  const instruction = say(
    rng,
    "(Which values does the question have?|Name the values in the question.)",
  );
  const values = [...sql.matchAll(/'((?:[^']|'')*)'|\b\d+(?:\.\d+)?\b/g)]
    .map(([number, text]) => text?.replaceAll("''", "'").replaceAll("%", "") ?? number)
    .filter((value) => value !== "" && question.includes(value));
  const inOrder = [...new Set(values)].sort((a, b) => question.indexOf(a) - question.indexOf(b));
  return { instruction, output: inOrder.length > 0 ? inOrder.join(", ") : "none" };
}

/** The tables of `shown` that a query names. */
function tablesIn(sql: string, shown: readonly Table[]): Table[] {
  const names = new Set(namesIn(sql));
  return shown.filter((table) => names.has(table.sql));
}

/** Names in a query, quoted ones with their quotes. */
function namesIn(sql: string): string[] {
  return sql.replaceAll(/'(?:[^']|'')*'/g, "''").match(/"[^"]*"|\w+/g) ?? [];
}
