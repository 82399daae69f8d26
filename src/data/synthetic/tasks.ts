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

const MEANING_TASKS: readonly Make[] = [nameConditions, nameConditions, nameResult];

/** What a task is about: what stands in schema and question, or what the question means. */
export type TaskKind = "reading" | "meaning";

/** A task about the schema that is shown for a pair and its question. */
export function schemaTask(rng: Random, pair: Pair, kind: TaskKind = "reading"): Task {
  const tasks = kind === "reading" ? TASKS : MEANING_TASKS;
  const { instruction, output } = pick(rng, tasks)(rng, pair);
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

const LITERAL = `'(?:[^']|'')*'|\\d[\\d.]*`;
const CONDITION = new RegExp(
  `([\\w."]+)\\)? (=|<>|<=|>=|<|>|LIKE|BETWEEN|IN|IS NULL)` +
    `(?: (?:(${LITERAL})(?: AND (${LITERAL}))?|\\(((?:(?:${LITERAL})(?:, )?)+)\\)))?`,
  "g",
);

const COMPARISONS: Readonly<Record<string, string>> = {
  "=": "is",
  "<>": "is not",
  "<": "below",
  ">": "above",
  "<=": "at most",
  ">=": "at least",
};

/** The conditions of a question in plain words that are always the same, however it puts them. */
function nameConditions(rng: Random, pair: Pair) {
  const instruction = say(
    rng,
    "(Which conditions does the question have?|Name the conditions of the question.)",
  );
  const found = pair.sql.matchAll(CONDITION);
  const conditions = Array.from(found).flatMap(([, name, operator, first, last, list]) => {
    if (operator === "IS NULL") return [`${name} is missing`];
    if (list) return [`${name} is ${list.split(", ").map(plain).join(" or ")}`];
    // What is compared with a column or with another query has no value.
    if (first === undefined) return [];
    const value = plain(first);
    if (operator === "BETWEEN") return [`${name} from ${value} to ${plain(last)}`];
    if (operator === "LIKE") return [`${name} ${likeWords(value)}`];
    return [`${name} ${COMPARISONS[operator]} ${value}`];
  });
  return conditions.length > 0
    ? { instruction, output: conditions.join(", ") }
    : nameResult(rng, pair);
}

function plain(literal: string): string {
  return literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal;
}

function likeWords(pattern: string): string {
  const text = pattern.replaceAll("%", "");
  if (pattern.startsWith("%")) return pattern.endsWith("%") ? `contains ${text}` : `ends ${text}`;
  return `begins ${text}`;
}

const SUMMARIES: Readonly<Record<string, string>> = {
  AVG: "average",
  MAX: "highest",
  MIN: "lowest",
  SUM: "total",
};

/** What a question wants to know, in plain words. */
function nameResult(rng: Random, { sql }: Pair) {
  const instruction = say(rng, "(What does the question ask for?|Name what is asked for.)");
  const [, list] = sql.match(/^SELECT (?:DISTINCT )?(.*?) FROM /) ?? [];
  const output = list.split(/, (?![^(]*\))/).map((item) => {
    const [, name, argument] = item.match(/^(\w+)\((.*)\)$/) ?? [];
    if (name === undefined) return item;
    if (name === "strftime") {
      return `${item.includes("%m") ? "month" : "year"} of ${argument.split(", ")[1]}`;
    }
    if (name !== "COUNT") return `${SUMMARIES[name]} ${argument}`;
    return argument === "*" ? "number" : `number of ${argument.replace("DISTINCT", "different")}`;
  }).join(", ");
  return { instruction, output };
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
