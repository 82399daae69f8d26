/**
 * The demo databases as a benchmark: the fifty questions that lie beside them, any others of the same
 * layout, or generated records.
 * @module
 */
import { dirname, join } from "node:path";
import { FormatError } from "../errors.ts";
import { readAlpacaRow } from "../data/alpaca.ts";
import { questionFiles, readDatabaseQuestions } from "../data/database_questions.ts";
import { DEMO_DATABASES, demoDatabase, demoFolder } from "../data/demo.ts";
import { type Example, isFault } from "../data/example.ts";
import type { InstructionRecord } from "../data/record.ts";
import type { Benchmark, BenchmarkSource } from "./benchmark.ts";
import { locateFile, locateIn, openDatabases } from "./databases.ts";
import { evaluate, followEvaluation } from "./evaluate.ts";
import { ownRules } from "./internal/rules.ts";
import { extractSql } from "./predictor.ts";
import { type LoadedQuestion, promptOf } from "./questions.ts";
import type { ScoredPrediction } from "./scored.ts";

/** All demo databases are open at the same time; they are small. */
const ALL = { openAtOnce: DEMO_DATABASES.length };

/**
 * Opens questions that lie beside their databases: of a file `<name>/questions.jsonl`, of its folder, or
 * of all folders in a folder; without `data`, those of the project. Prompts show the whole schema. Throws
 * {@linkcode FormatError} where questions or databases are missing or damaged.
 */
export async function openDemo(source: BenchmarkSource): Promise<Benchmark> {
  const { data, db, dbDir, timeoutMs, maxSamples } = source;
  const files = await questionFiles(data ?? demoFolder());
  const examples = await readDatabaseQuestions(files, maxSamples ?? undefined);
  const folder = dbDir ?? join(dirname(files[0]), "..");
  const locate = db === null ? locateIn(folder, { scripts: true }) : locateFile(db);
  using opening = new DisposableStack();
  const databases = opening.use(openDatabases(locate, ALL));
  const questions: LoadedQuestion[] = [];
  for (const example of examples) {
    const { schema } = await databases.open(String(example.meta!.db_id));
    questions.push(questionOf(example, promptOf(example, source, schema)));
  }
  const benchmark = await ownRules({ name: "demo", questions, databases, timeoutMs });
  opening.move(); // the benchmark disposes of them
  return benchmark;
}

/**
 * Records of `demoSplits` as a benchmark; the databases are built in memory. Throws
 * {@linkcode FormatError} for a record whose `meta.db_id` is no demo database.
 */
export async function openDemoRecords(
  records: readonly InstructionRecord[],
  { timeoutMs = 5000 }: { readonly timeoutMs?: number } = {},
): Promise<Benchmark> {
  const questions = records.map((record, row) => {
    const example = readAlpacaRow(record, { file: "the records", row: row + 1 }, "demo");
    const name = record.meta?.db_id;
    if (!isFault(example) && DEMO_DATABASES.includes(String(name))) {
      return questionOf(example, example.prompt!);
    }
    const what = isFault(example) ? example.detail : `its db_id is ${name}, no demo database`;
    throw new FormatError(`Cannot score ${record.id}: ${what}; give records of demoSplits`);
  });
  const databases = openDatabases((name) => Promise.resolve([{ ddl: demoDatabase(name) }]), ALL);
  return await ownRules({ name: "demo", questions, databases, timeoutMs });
}

/**
 * Runs what a model answered to each of `records` on its database, and compares its rows with those of
 * the record's query: `exec` says whether they are the same. `texts` are in the order of the records,
 * as they were generated. Throws as {@linkcode openDemoRecords} does.
 */
export async function scoreDemoAnswers(
  records: readonly InstructionRecord[],
  texts: readonly string[],
): Promise<ScoredPrediction[]> {
  if (texts.length !== records.length) {
    throw new RangeError(
      `Cannot score ${texts.length} answers to ${records.length} records; give one for each`,
    );
  }
  using benchmark = await openDemoRecords(records);
  const answers = texts.map((text, index) => {
    return { index, sql: extractSql(text), latencyMs: null, tokens: null };
  });
  const source = { answers, predictor: null, log: null };
  const { predictions } = await followEvaluation(evaluate(benchmark, source));
  return [...predictions];
}

function questionOf(example: Example, prompt: LoadedQuestion["prompt"]): LoadedQuestion {
  const { id, question, sql, meta } = example;
  return { id, dbId: String(meta!.db_id), question, gold: sql, prompt, example };
}
