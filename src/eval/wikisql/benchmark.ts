/**
 * WikiSQL as a benchmark: logical form and execution.
 * @module
 */
import { dirname, join } from "node:path";
import { FormatError } from "../../errors.ts";
import { readRows } from "../../data/rows.ts";
import { exists, findBeside, stemOf } from "../../data/source_files.ts";
import { wikisql } from "../../data/wikisql.ts";
import { isJsonObject } from "../../formats/json.ts";
import type { Column } from "../../sql/schema.ts";
import {
  aboutQuestion,
  type Benchmark,
  type BenchmarkSource,
  outcomeFlags,
  unjudged,
} from "../benchmark.ts";
import { locateFile, openDatabases } from "../databases.ts";
import { type Executor, type Fault, run, runGold, WRONG_RESULT } from "../executor.ts";
import { type LoadedQuestion, loadQuestions } from "../questions.ts";
import { equalLists, type Row } from "../results.ts";
import { parseSketch } from "./parse.ts";
import { AGGREGATES, checkSketch, renderSketch, sameSketch } from "./sketch.ts";
import type { Sketch, SketchTable } from "./sketch.ts";

/** What a gold query does: aggregates a column, else filters rows, else neither. */
export const GROUPS = ["simple select", "where", "aggregation"] as const;

/** What kind of query a gold query is. */
export function groupOf({ agg, conds }: Sketch): typeof GROUPS[number] {
  if (AGGREGATES[agg] !== "") return "aggregation";
  return conds.length > 0 ? "where" : "simple select";
}

/** A gold query as a structure, or why the one in the file cannot be one. */
interface Gold extends LoadedQuestion {
  readonly sketch: Sketch;
  readonly table: SketchTable;
}

/** Opens WikiSQL. Throws {@linkcode FormatError} where its tables or its database are missing. */
export async function openWikisql(source: BenchmarkSource): Promise<Benchmark> {
  const file = source.data ?? "";
  const path = await findDatabase(source, file);
  const loaded = await loadQuestions(wikisql, { ...source, gold: null });
  const databases = openDatabases(locateFile(path));
  const { database, schema, hasRows } = await databases.open("wikisql");
  const actual = new Map(schema.tables.map(({ name, columns }) => [name.toLowerCase(), columns]));
  const questions = await readGolds(file, loaded, actual);
  const { timeoutMs } = source;
  const runSketch = ({ sketch, table }: Gold) =>
    runGold(database, renderSketch(sketch, table), { timeoutMs });
  const renderings = new Map<string, Sketch>();
  return {
    name: "wikisql",
    questions,
    groups: GROUPS,
    labels: { exact: "Logical form", exec: "Execution" },
    checkGold: (index) =>
      aboutQuestion(questions[index], async () => {
        await runSketch(questions[index]);
      }),
    score: (index, prediction) =>
      aboutQuestion(questions[index], async () => {
        const gold = questions[index];
        const { table } = gold;
        let expected: readonly Row[];
        try {
          expected = await runSketch(gold);
        } catch (error) {
          if (error instanceof FormatError) return unjudged(error, hasRows);
          throw error;
        }
        // A prediction that came as a structure is compared as one.
        const given = renderings.get(renderingKey(index, prediction));
        const sketch = given ?? parseSketch(prediction, table);
        const fault = await execute(sketch ?? prediction, table, { expected, database, timeoutMs });
        return {
          parsed: sketch !== null,
          exact: sketch !== null && sameSketch(sketch, gold.sketch, given ? undefined : table.real),
          exec: fault === null,
          ...outcomeFlags(fault),
          hardness: groupOf(gold.sketch),
          partial: null,
          fault,
          parseFault: sketch === null ? "It is no query of WikiSQL's form" : null,
          hasRows,
        };
      }),
    render(index, structure) {
      const { table } = questions[index];
      const sketch = checkSketch(structure, table);
      const sql = renderSketch(sketch, table);
      renderings.set(renderingKey(index, sql), sketch);
      return sql;
    },
    [Symbol.dispose]: () => databases[Symbol.dispose](),
  };
}

function renderingKey(index: number, sql: string): string {
  return `${index} ${sql}`;
}

async function findDatabase({ db, dbDir }: BenchmarkSource, file: string): Promise<string> {
  const name = `${stemOf(file)}.db`;
  const path = db ?? (dbDir === null ? await findBeside(file, [name]) : join(dbDir, name));
  if (path !== null && await exists(path)) return path;
  throw new FormatError(
    `Cannot score ${file}: its database ${path ?? name} is not in ${
      dbDir ?? dirname(file)
    }; put it ` +
      "there or name it with --db",
    { file },
  );
}

async function readGolds(
  file: string,
  loaded: readonly LoadedQuestion[],
  actual: ReadonlyMap<string, readonly Column[]>,
): Promise<Gold[]> {
  // The readers of data sets keep the text of the query, and logical forms are compared as written.
  const structures = new Map<number, unknown>();
  for await (const { row, value } of readRows(file)) {
    if (isJsonObject(value)) structures.set(row, value.sql);
    if (structures.size === loaded.length) break;
  }
  return loaded.map((question) => {
    const { schema, place } = question.example!;
    const table = typeof schema === "object" ? schema?.tables[0] : undefined;
    const columns = table && actual.get(table.name.toLowerCase());
    if (!table || columns?.length !== table.columns.length) {
      throw new FormatError(
        `Cannot score question ${place.row}: its table ${table?.name} is not in the database, or has ` +
          "other columns there; give the database of the same split with --db",
        { file },
      );
    }
    const described: SketchTable = {
      name: table.name,
      header: table.columns.map(({ name }) => name),
      columns: columns.map(({ name }) => name),
      real: table.columns.map(({ type }) => type === "REAL"),
    };
    const sketch = checkSketch(structures.get(place.row), described);
    return { ...question, sketch, table: described };
  });
}

async function execute(
  prediction: Sketch | string,
  table: SketchTable,
  { expected, database, timeoutMs }: {
    expected: readonly Row[];
    database: Executor;
    timeoutMs: number;
  },
): Promise<Fault | null> {
  let statement: string;
  try {
    statement = typeof prediction === "string" ? prediction : renderSketch(prediction, table);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { kind: "runtime", message: error.message };
  }
  const outcome = await run(database, statement, { timeoutMs, maxRows: expected.length + 1 });
  if (outcome.rows === null) return outcome.fault;
  const right = !outcome.truncated && equalLists(expected, outcome.rows);
  return right ? null : WRONG_RESULT;
}
