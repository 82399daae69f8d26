/**
 * The verdict of Spider's official evaluator on one prediction. CSpider is scored by the same rules.
 * @module
 */
import { FormatError } from "../../errors.ts";
import { type Executor, type Fault, NO_ANSWER, run, runGold, WRONG_RESULT } from "../executor.ts";
import { equalResults, type Row } from "../results.ts";
import { executedForm } from "./distinct.ts";
import { type Hardness, hardnessOf } from "./hardness.ts";
import { matchQueries, type PartialScores } from "./match.ts";
import { normalise } from "./normalise.ts";
import { parseQuery } from "./parse.ts";
import { EMPTY_QUERY, type Query } from "./query.ts";
import type { SpiderSchema } from "./schema.ts";

/** A database of Spider as its evaluator sees it. */
export interface SpiderDatabase {
  readonly schema: SpiderSchema;
  /** What foreign keys join; see `foreignKeyMap`. */
  readonly keys: ReadonlyMap<string, string>;
  /** One, or those of a test suite: a prediction has to be right on all. */
  readonly executors: readonly Executor[];
}

/** A gold query that has been read and run once, for any number of predictions. */
export interface SpiderGold {
  readonly query: Query;
  readonly hardness: Hardness;
  /** Whether the order of rows counts. */
  readonly ordered: boolean;
  /** The result on each database. */
  readonly results: readonly (readonly Row[])[];
}

/** What the evaluator finds. */
export interface SpiderVerdict {
  readonly parsed: boolean;
  readonly exact: boolean;
  readonly exec: boolean;
  readonly hardness: Hardness;
  readonly partial: PartialScores;
  /** Why the grammar of the match of clauses could not read the prediction. */
  readonly parseFault: string | null;
  /** Why `exec` is false. */
  readonly fault: Fault | null;
}

/**
 * Reads and runs a gold query.
 * Throws {@linkcode FormatError} where the evaluator cannot read it or it does not run.
 */
export async function readGold(
  sql: string,
  database: SpiderDatabase,
  { timeoutMs }: { timeoutMs: number },
): Promise<SpiderGold> {
  const query = parseQuery(sql, database.schema);
  const statement = executedForm(sql);
  const results: (readonly Row[])[] = [];
  for (const executor of database.executors) {
    results.push(await runGold(executor, statement, { timeoutMs }));
  }
  const ordered = statement.toLowerCase().includes("order by");
  return { query, hardness: hardnessOf(query), ordered, results };
}

/**
 * Scores one prediction. Before anything else the letters `value` in it become `1` wherever they
 * stand, also inside a name: models that do not predict values write the word in their place.
 */
export async function scorePrediction(
  prediction: string,
  gold: SpiderGold,
  { database, timeoutMs }: { database: SpiderDatabase; timeoutMs: number },
): Promise<SpiderVerdict> {
  const sql = prediction.replaceAll("value", "1");
  const { query, fault } = readPrediction(sql, database.schema);
  const match = matchQueries(
    normalise(query, database.keys),
    normalise(gold.query, database.keys),
  );
  // The evaluator itself fails at an answer without text.
  const execFault = sql.trim() === ""
    ? NO_ANSWER
    : await execute(executedForm(sql), gold, { database, timeoutMs });
  return {
    parsed: fault === null,
    exact: match.exact,
    exec: execFault === null,
    hardness: gold.hardness,
    partial: match.partial,
    parseFault: fault,
    fault: execFault,
  };
}

function readPrediction(
  sql: string,
  schema: SpiderSchema,
): { query: Query; fault: string | null } {
  try {
    return { query: parseQuery(sql, schema), fault: null };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { query: EMPTY_QUERY, fault: error.message };
  }
}

/** Runs `statement` on each database, up to the first on which it is not right. */
async function execute(
  statement: string,
  { ordered, results }: SpiderGold,
  { database, timeoutMs }: { database: SpiderDatabase; timeoutMs: number },
): Promise<Fault | null> {
  for (const [index, executor] of database.executors.entries()) {
    const expected = results[index];
    // One row more than expected shows that there are too many.
    const maxRows = expected.length + 1;
    const outcome = await run(executor, statement, { timeoutMs, maxRows });
    if (outcome.rows === null) return outcome.fault;
    if (outcome.truncated || !equalResults(expected, outcome.rows, { ordered })) {
      return WRONG_RESULT;
    }
  }
  return null;
}
