/**
 * Validation on instruction records of one's own: the same text, normalised; whether the answer
 * parses, keeps to the schema and runs; and with a database, whether it gives the rows of the gold
 * query.
 * @module
 */
import { FormatError, SqlError } from "../../errors.ts";
import { alpaca } from "../../data/alpaca.ts";
import { loadBuilder } from "../../sql/build.ts";
import { aboutQuestion, type Benchmark, type BenchmarkSource, outcomeFlags } from "../benchmark.ts";
import { type Databases, locateFile, locateIn, openDatabases } from "../databases.ts";
import {
  type Executor,
  type Fault,
  goldFailed,
  NO_ANSWER,
  run,
  runGold,
  WRONG_RESULT,
} from "../executor.ts";
import { type LoadedQuestion, loadQuestions } from "../questions.ts";
import { equalResults } from "../results.ts";
import { kindOf, KINDS, normaliseSql } from "./sql_text.ts";

/** Opens a file of records. Throws {@linkcode FormatError} where it cannot be read as that. */
export async function openInternal(source: BenchmarkSource): Promise<Benchmark> {
  const loaded = await loadQuestions(alpaca, { ...source, gold: null });
  const questions = uniqueIds(loaded);
  const databases = source.db !== null
    ? openDatabases(locateFile(source.db))
    : source.dbDir !== null
    ? openDatabases(locateIn(source.dbDir, { scripts: true }))
    : null;
  const build = await loadBuilder();
  const { timeoutMs } = source;
  return {
    name: "internal",
    questions,
    groups: KINDS,
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
        const { fault, exec, hasRows } = databases
          ? await onDatabase(prediction, question, { databases, timeoutMs })
          : await onSchema(prediction, question, { build, timeoutMs });
        const flags = outcomeFlags(fault);
        return {
          parsed: fault?.kind !== "syntax" && fault?.kind !== "empty",
          exact: normaliseSql(prediction) === normaliseSql(question.gold),
          exec,
          ...flags,
          hardness: kindOf(question.gold),
          partial: null,
          fault,
          parseFault: null,
          hasRows,
        };
      }),
    [Symbol.dispose]: () => databases?.[Symbol.dispose](),
  };
}

interface Judgement {
  readonly fault: Fault | null;
  readonly exec: boolean | null;
  readonly hasRows: boolean;
}

async function onDatabase(
  prediction: string,
  { gold, dbId }: LoadedQuestion,
  { databases, timeoutMs }: { databases: Databases; timeoutMs: number },
): Promise<Judgement> {
  const { database, hasRows } = await databases.open(dbId ?? "database");
  if (prediction.trim() === "") return { fault: NO_ANSWER, exec: false, hasRows };
  const outcome = await run(database, prediction, { timeoutMs });
  if (outcome.rows === null) return { fault: outcome.fault, exec: false, hasRows };
  try {
    const expected = await runGold(database, gold, { timeoutMs });
    const ordered = /\border\s+by\b/i.test(gold);
    const right = !outcome.truncated && equalResults(expected, outcome.rows, { ordered });
    return { fault: right ? null : WRONG_RESULT, exec: right, hasRows };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { fault: goldFailed(error), exec: null, hasRows };
  }
}

/** Without rows, running shows only whether the answer fits the schema. */
async function onSchema(
  prediction: string,
  { example }: LoadedQuestion,
  { build, timeoutMs }: { build: Awaited<ReturnType<typeof loadBuilder>>; timeoutMs: number },
): Promise<Judgement> {
  const { schema } = example!;
  if (prediction.trim() === "") return { fault: NO_ANSWER, exec: null, hasRows: false };
  try {
    using connection = build(typeof schema === "string" ? schema : "");
    const executor: Executor = {
      query: (sql, options) => new Promise((resolve) => resolve(connection.query(sql, options))),
    };
    const { fault } = await run(executor, prediction, { timeoutMs });
    return { fault, exec: null, hasRows: false };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const message = `Cannot build the schema of the record: ${error.message}`;
    return { fault: { kind: "gold_failed", message }, exec: null, hasRows: false };
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
