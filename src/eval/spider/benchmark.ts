/**
 * Spider and CSpider as benchmarks. They share files, databases and rules.
 * @module
 */
import { dirname } from "node:path";
import { FormatError } from "../../errors.ts";
import { cspider } from "../../data/cspider.ts";
import { readRows } from "../../data/rows.ts";
import { findBeside } from "../../data/source_files.ts";
import { spider } from "../../data/spider.ts";
import { isJsonObject } from "../../formats/json.ts";
import type { TablesJsonEntry } from "../../sql/schema.ts";
import {
  aboutQuestion,
  type Benchmark,
  type BenchmarkSource,
  outcomeFlags,
  unjudged,
} from "../benchmark.ts";
import { locateFile, locateIn, openDatabases } from "../databases.ts";
import { loadQuestions } from "../questions.ts";
import { HARDNESS } from "./hardness.ts";
import { foreignKeyMap, spiderSchema } from "./schema.ts";
import { readGold, scorePrediction, type SpiderDatabase, type SpiderGold } from "./score.ts";

/**
 * Opens Spider or CSpider. Throws {@linkcode FormatError} where `tables.json`, the databases or what
 * belongs to a question is missing.
 */
export async function openSpider(
  name: "spider" | "cspider",
  source: BenchmarkSource,
): Promise<Benchmark> {
  const file = source.data ?? source.gold ?? "";
  const tables = source.tables ?? await findBeside(file, ["tables.json", "test_tables.json"]);
  if (tables === null) {
    throw new FormatError(
      `Cannot score ${file}: tables.json is not in ${dirname(file)}, and the match of clauses ` +
        "needs its foreign keys; put it there or name it with --tables",
      { file },
    );
  }
  const folder = source.dbDir ?? await findBeside(file, ["database", "test_database"]);
  if (folder === null && source.db === null) {
    throw new FormatError(
      `Cannot score ${file}: there is no folder database in ${
        dirname(file)
      }, and queries are read ` +
        "and run with their database; put it there or name it with --db_dir",
      { file },
    );
  }
  const entries = await readEntries(tables);
  const dataset = name === "spider" ? spider : cspider;
  const questions = await loadQuestions(dataset, { ...source, tables, dbDir: folder });
  const missing = questions.findIndex(({ dbId }) => !entries.has(dbId ?? ""));
  if (missing >= 0) {
    const what = `question ${missing + 1} is about ${questions[missing].dbId}`;
    throw new FormatError(
      `Cannot score ${file}: ${what}, which is not in ${tables}; correct db_id or give the file of ` +
        "schemas that belongs to the questions",
      { file },
    );
  }
  const databases = openDatabases(
    source.db === null ? locateIn(folder!) : locateFile(source.db),
  );
  const openQuestion = async (index: number) => {
    const { dbId, gold } = questions[index];
    const { database, variants, schema, hasRows } = await databases.open(dbId!);
    const seen: SpiderDatabase = {
      schema: spiderSchema(schema),
      keys: foreignKeyMap(entries.get(dbId!)!),
      executors: [database, ...variants],
    };
    return { gold, hasRows, database: seen, timeoutMs: source.timeoutMs };
  };
  return {
    name,
    questions,
    groups: HARDNESS,
    labels: { exact: "Exact set match", exec: "Execution" },
    checkGold: (index) =>
      aboutQuestion(questions[index], async () => {
        const { gold, ...context } = await openQuestion(index);
        await readGold(gold, context.database, context);
      }),
    score: (index, prediction) =>
      aboutQuestion(questions[index], async () => {
        const { gold: sql, hasRows, ...context } = await openQuestion(index);
        let gold: SpiderGold;
        try {
          gold = await readGold(sql, context.database, context);
        } catch (error) {
          if (error instanceof FormatError) return unjudged(error, hasRows);
          throw error;
        }
        const verdict = await scorePrediction(prediction, gold, context);
        return { ...verdict, ...outcomeFlags(verdict.fault), hasRows };
      }),
    [Symbol.dispose]: () => databases[Symbol.dispose](),
  };
}

async function readEntries(path: string): Promise<Map<string, TablesJsonEntry>> {
  const entries = new Map<string, TablesJsonEntry>();
  for await (const { row, value } of readRows(path)) {
    const { db_id, table_names_original, column_names_original, foreign_keys } = isJsonObject(value)
      ? value
      : {};
    const fields = [table_names_original, column_names_original, foreign_keys];
    if (typeof db_id !== "string" || !fields.every(Array.isArray)) {
      throw new FormatError(
        `Cannot read ${path}: entry ${row} is no schema; give Spider's own tables.json`,
        { file: path, line: row },
      );
    }
    entries.set(db_id, value as unknown as TablesJsonEntry);
  }
  return entries;
}
