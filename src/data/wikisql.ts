/**
 * WikiSQL (https://github.com/salesforce/WikiSQL, BSD-3): questions about one table each, with the
 * query as indices into the table's header.
 * @module
 */
import { join } from "node:path";
import { FormatError, SqlError } from "../errors.ts";
import { isJsonObject } from "../formats/json.ts";
import { openDatabase } from "../sql/sandbox.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import type { Dataset, DatasetPart, DatasetSource, Example, Place, Row } from "./example.ts";
import { badRow, contentId, readRow, textField } from "./fields.ts";
import { readRows } from "./rows.ts";
import { exists, findBeside, findSplits, partOf, requirePath, stemOf } from "./source_files.ts";
import type { SplitFile, SplitNames } from "./source_files.ts";

const NAME = "wikisql";
const FILES: SplitNames = [
  [/^train\.jsonl$/, "train"],
  [/^dev\.jsonl$/, "val"],
  [/^test\.jsonl$/, "test"],
];

const AGGREGATES = ["", "MAX", "MIN", "COUNT", "SUM", "AVG"] as const;
// The fourth, OP, stands in the format but in no row.
const OPERATORS = ["=", ">", "<"] as const;

/** `<split>.jsonl` with `<split>.tables.jsonl` and, to run the queries, `<split>.db`. */
export const wikisql: Dataset = {
  name: NAME,
  summary: "<split>.jsonl with <split>.tables.jsonl and, where it is there, <split>.db",
  hasFiles: true,
  async open(source) {
    const files = await findSplits(requirePath(source, NAME), FILES);
    return await Promise.all(files.map((file) => openPart(file, source)));
  },
};

/** A table of WikiSQL. */
interface WikiTable {
  /** Names as the table has them, or with a number where two are the same. */
  readonly columns: readonly string[];
  readonly real: readonly boolean[];
  /** Whether its texts are in lower case. */
  readonly lowerCase?: boolean;
}

async function openPart(file: SplitFile, source: DatasetSource): Promise<DatasetPart> {
  const stem = stemOf(file.path);
  const tablesPath = source.tables ?? await findBeside(file.path, [`${stem}.tables.jsonl`]);
  if (tablesPath === null) {
    throw new FormatError(
      `Cannot read ${file.path}: its ${stem}.tables.jsonl is missing; put it beside it or name it ` +
        "with --tables",
      { file: file.path },
    );
  }
  const database = source.dbDir
    ? join(source.dbDir, `${stem}.db`)
    : await findBeside(file.path, [`${stem}.db`]);
  const databasePath = database !== null && await exists(database) ? database : null;
  return {
    ...file,
    file: file.path,
    async *rows() {
      const tables = await readTables(tablesPath);
      const database = databasePath === null ? null : {
        path: databasePath,
        numbered: await hasNumberedColumns(databasePath, tables),
      };
      const part = partOf(
        file,
        ({ row, value }) => readQuestion(value, { file: file.path, row }, tables, database),
      );
      yield* part.rows();
    },
  };
}

async function readTables(path: string): Promise<Map<string, WikiTable>> {
  const tables = new Map<string, WikiTable>();
  for await (const { row, value } of readRows(path)) {
    const fail = (what: string) =>
      new FormatError(
        `Cannot read ${path}: ${what} (row ${row}); take the file that belongs to the questions`,
        { file: path, line: row },
      );
    if (!isJsonObject(value) || typeof value.id !== "string") throw fail("the table has no id");
    const { header, types } = value;
    if (!isTexts(header) || header.length === 0) throw fail("the table has no header");
    const kinds = types ?? header.map(() => "text");
    if (!isTexts(kinds) || kinds.length !== header.length) throw fail("it has another type count");
    tables.set(value.id, { columns: distinct(header), real: kinds.map((kind) => kind === "real") });
  }
  return tables;
}

/** A database beside the questions. */
interface WikiDatabase {
  readonly path: string;
  /** Its columns are col0, col1, … and its texts in lower case, as in WikiSQL's own. */
  readonly numbered: boolean;
}

async function hasNumberedColumns(
  path: string,
  tables: ReadonlyMap<string, WikiTable>,
): Promise<boolean> {
  const headed = tables.entries().find(([, { columns }]) => !columns.includes("col0"));
  if (headed === undefined) return false;
  try {
    using database = await openDatabase(path);
    return await database.check(`SELECT t.col0 FROM ${quoteName(tableName(headed[0]))} t`) === null;
  } catch (error) {
    if (error instanceof FormatError || error instanceof SqlError) return false; // told for each row
    throw error;
  }
}

function tableName(id: string): string {
  return `table_${id.replaceAll("-", "_")}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Gives columns without a name one, and those of the same name (case does not count) a number. */
function distinct(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((name, index) => {
    const base = name.trim() === "" ? `column ${index + 1}` : name;
    let unique = base;
    for (let n = 2; taken.has(unique.toLowerCase()); n++) unique = `${base} (${n})`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}

function readQuestion(
  value: unknown,
  place: Place,
  tables: ReadonlyMap<string, WikiTable>,
  database: WikiDatabase | null,
): Row {
  return readRow(value, place, (fields): Example => {
    const question = textField(fields, ["question"], "no_question");
    const id = textField(fields, ["table_id"], "no_schema");
    const table = tables.get(id);
    if (!table) return badRow("no_schema", `there is no table ${id}`);
    if (!isJsonObject(fields.sql)) return badRow("no_sql", "sql is missing");
    const name = tableName(id);
    const sql = renderQuery(fields.sql, name, table);
    return {
      id: contentId(NAME, id, question, sql),
      question,
      schema: tableSchema(name, table),
      sql,
      groups: [id],
      ...(database === null ? {} : {
        database: {
          path: database.path,
          ...(database.numbered ? { sql: renderQuery(fields.sql, name, numbered(table)) } : {}),
        },
      }),
      meta: { table_id: id },
      place,
    };
  });
}

/** The table as WikiSQL's own database has it. */
function numbered({ columns, real }: WikiTable): WikiTable {
  return { columns: columns.map((_, i) => `col${i}`), real, lowerCase: true };
}

function tableSchema(name: string, { columns, real }: WikiTable): DatabaseSchema {
  return {
    tables: [{
      name,
      columns: columns.map((name, i) => ({
        name,
        type: real[i] ? "REAL" : "TEXT",
        notNull: false,
      })),
      primaryKey: [],
      foreignKeys: [],
    }],
  };
}

/**
 * The query that indices stand for: `{ sel, agg, conds: [column, operator, value][] }`, with all names
 * quoted. What is compared with a column of numbers is a number where it can be read as one.
 */
function renderQuery(
  { sel, agg, conds }: Readonly<Record<string, unknown>>,
  table: string,
  { columns, real, lowerCase = false }: WikiTable,
): string {
  const column = (index: unknown): number =>
    typeof index === "number" && columns[index] !== undefined
      ? index
      : badRow("bad_row", `the query uses column ${index} of ${columns.length}`);
  const aggregate = AGGREGATES[agg as number] ?? badRow("bad_row", `there is no aggregate ${agg}`);
  if (!Array.isArray(conds)) return badRow("bad_row", "conds is no list");
  const conditions = conds.map((condition) => {
    if (!Array.isArray(condition) || condition.length !== 3) {
      return badRow("bad_row", "a condition is no list of column, operator and value");
    }
    const index = column(condition[0]);
    const operator = OPERATORS[condition[1] as number] ??
      badRow("bad_row", `there is no operator ${condition[1]}`);
    return `${quoteName(columns[index])} ${operator} ${
      literal(lowerCase ? lowered(condition[2]) : condition[2], real[index])
    }`;
  });
  const selected = quoteName(columns[column(sel)]);
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
  return `SELECT ${aggregate === "" ? selected : `${aggregate}(${selected})`} ` +
    `FROM ${quoteName(table)}${where}`;
}

function literal(value: unknown, real: boolean): string {
  if (typeof value !== "string" && typeof value !== "number") {
    return badRow("bad_row", "a condition has no value");
  }
  if (real) {
    const digits = typeof value === "string" ? value.replaceAll(",", "").trim() : String(value);
    if (/^-?\d+(\.\d+)?$/.test(digits)) return digits;
  }
  return `'${String(value).replaceAll("'", "''")}'`;
}

function lowered(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
