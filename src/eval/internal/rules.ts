/**
 * How answers to questions of one's own are scored: whether they are the same text, normalised; whether
 * they parse, keep to the schema and run; and with a database, whether they give the rows of the gold
 * query.
 * @module
 */
import { FormatError, SqlError } from "../../errors.ts";
import { type Level, LEVELS } from "../../data/synthetic/level.ts";
import { loadBuilder } from "../../sql/build.ts";
import {
  aboutQuestion,
  type Benchmark,
  type BenchmarkName,
  outcomeFlags,
  type Verdict,
} from "../benchmark.ts";
import type { Databases } from "../databases.ts";
import {
  type Executor,
  type Fault,
  goldFailed,
  NO_ANSWER,
  run,
  runGold,
  WRONG_RESULT,
} from "../executor.ts";
import type { LoadedQuestion } from "../questions.ts";
import { equalResults, type Row } from "../results.ts";
import { partialScores } from "./parts.ts";
import { kindOf, KINDS, normaliseSql } from "./sql_text.ts";

/** Questions with their examples, and what they are scored on. */
export interface OwnQuestions {
  readonly name: BenchmarkName;
  readonly questions: readonly LoadedQuestion[];
  /** Null: there are none, and only the schema of each example is built. */
  readonly databases: Databases | null;
  readonly timeoutMs: number;
}

/**
 * The benchmark of these questions, which disposes of the databases. Groups are the levels that all
 * examples have in their `meta`, else the kinds of queries.
 */
export async function ownRules(
  { name, questions: loaded, databases, timeoutMs }: OwnQuestions,
): Promise<Benchmark> {
  const questions = uniqueIds(loaded);
  const build = await loadBuilder();
  const levels = questions.map(({ example }) => levelIn(example?.meta));
  const haveLevels = !levels.includes(null);
  return {
    name,
    questions,
    groups: haveLevels ? LEVELS : KINDS,
    labels: { exact: "Same text (normalised)", exec: "Execution" },
    checkGold: (index) =>
      aboutQuestion(questions[index], async () => {
        const { dbId, gold } = questions[index];
        if (databases === null) return;
        const { database } = await databases.open(dbId ?? "database");
        await runGold(database, gold, { timeoutMs });
      }),
    score: (index, prediction) =>
      aboutQuestion(questions[index], async () => {
        const question = questions[index];
        const { fault, exec, partial, hasRows } = databases
          ? await onDatabase(prediction, question, { databases, timeoutMs })
          : await onSchema(prediction, question, { build, timeoutMs });
        const flags = outcomeFlags(fault);
        return {
          parsed: fault?.kind !== "syntax" && fault?.kind !== "empty",
          exact: normaliseSql(prediction) === normaliseSql(question.gold),
          exec,
          ...flags,
          hardness: haveLevels ? levels[index] : kindOf(question.gold),
          partial,
          fault,
          parseFault: null,
          hasRows,
        };
      }),
    [Symbol.dispose]: () => databases?.[Symbol.dispose](),
  };
}

function levelIn(meta: Readonly<Record<string, unknown>> | undefined): Level | null {
  return LEVELS.find((level) => level === meta?.level) ?? null;
}

interface Judgement extends Pick<Verdict, "exec" | "partial" | "hasRows"> {
  readonly fault: Fault | null;
}

async function onDatabase(
  prediction: string,
  { gold, dbId }: LoadedQuestion,
  { databases, timeoutMs }: { databases: Databases; timeoutMs: number },
): Promise<Judgement> {
  const { database, schema, hasRows } = await databases.open(dbId ?? "database");
  const judged = { partial: partialScores(prediction, gold, schema), hasRows };
  if (prediction.trim() === "") return { fault: NO_ANSWER, exec: false, ...judged };
  const outcome = await run(database, prediction, { timeoutMs });
  if (outcome.rows === null) return { fault: outcome.fault, exec: false, ...judged };
  try {
    const expected = await runGold(database, gold, { timeoutMs });
    const right = sameRows(outcome, { gold, expected });
    return { fault: right ? null : WRONG_RESULT, exec: right, ...judged };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { fault: goldFailed(error), exec: null, ...judged };
  }
}

/**
 * Whether a result that was read with `integers: "bigint"` is whole and has the rows that the gold query
 * gave; their order counts where that sorts.
 */
export function sameRows(
  { rows, truncated }: { readonly rows: readonly Row[]; readonly truncated: boolean },
  { gold, expected }: { readonly gold: string; readonly expected: readonly Row[] },
): boolean {
  const ordered = /\border\s+by\b/i.test(gold);
  return !truncated && equalResults(expected, rows, { ordered });
}

/** Without rows, running shows only whether the answer fits the schema. */
async function onSchema(
  prediction: string,
  { example }: LoadedQuestion,
  { build, timeoutMs }: { build: Awaited<ReturnType<typeof loadBuilder>>; timeoutMs: number },
): Promise<Judgement> {
  const judged = { exec: null, partial: null, hasRows: false };
  const { schema } = example!;
  if (prediction.trim() === "") return { fault: NO_ANSWER, ...judged };
  try {
    using connection = build(typeof schema === "string" ? schema : "");
    const executor: Executor = {
      query: (sql, options) => new Promise((resolve) => resolve(connection.query(sql, options))),
    };
    const { fault } = await run(executor, prediction, { timeoutMs });
    return { fault, ...judged };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const message = `Cannot build the schema of the record: ${error.message}`;
    return { fault: { kind: "gold_failed", message }, ...judged };
  }
}

/** Records keep their own ids; one that comes again gets a number. */
function uniqueIds(questions: readonly LoadedQuestion[]): LoadedQuestion[] {
  const seen = new Map<string, number>();
  return questions.map((question) => {
    const id = question.example!.id;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return { ...question, id: count === 1 ? id : `${id} (${count})` };
  });
}
