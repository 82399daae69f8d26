/**
 * BIRD as a benchmark. Its rule, EX: a prediction is right where the set of its rows is that of the
 * gold query, whatever their order and number, and wrong where either fails or takes too long.
 * Source of the rule: `evaluation.py` of https://github.com/AlibabaResearch/DAMO-ConvAI/tree/main/bird.
 * @module
 */
import { FormatError } from "../errors.ts";
import { bird } from "../data/bird.ts";
import { findBeside, stemOf } from "../data/source_files.ts";
import { aboutQuestion, type Benchmark, type BenchmarkSource, outcomeFlags } from "./benchmark.ts";
import { locateFile, locateIn, openDatabases } from "./databases.ts";
import { type Executor, type Fault, goldFailed, run, runGold, WRONG_RESULT } from "./executor.ts";
import { type LoadedQuestion, loadQuestions, promptOf } from "./questions.ts";
import { equalSets } from "./results.ts";

/** From the easiest to the hardest. */
export const DIFFICULTIES = ["simple", "moderate", "challenging"] as const;

/**
 * Why `prediction` is not right, or null. Where the gold query does not run, the official evaluator
 * gives no point to any prediction.
 */
export async function compareSets(
  prediction: string,
  gold: string,
  { database, timeoutMs }: { database: Executor; timeoutMs: number },
): Promise<Fault | null> {
  // Python's sqlite3 module refuses text that is not UTF-8.
  const options = { timeoutMs, invalidText: "error" } as const;
  const outcome = await run(database, prediction, options);
  if (outcome.rows === null) return outcome.fault;
  if (outcome.truncated) return { kind: "too_large", message: "its result is too large" };
  try {
    const expected = await runGold(database, gold, options);
    return equalSets(expected, outcome.rows) ? null : WRONG_RESULT;
  } catch (error) {
    if (error instanceof FormatError) return goldFailed(error);
    throw error;
  }
}

/** Opens BIRD. Throws {@linkcode FormatError} where its databases are missing. */
export async function openBird(source: BenchmarkSource): Promise<Benchmark> {
  const file = source.data ?? source.gold ?? "";
  const split = stemOf(file).startsWith("train") ? "train" : "dev";
  const candidates = [`${split}_databases`, "test_databases", "database"];
  const folder = source.dbDir ?? await findBeside(file, candidates);
  if (folder === null && source.db === null) {
    throw new FormatError(
      `Cannot score ${file}: there is no folder ${candidates[0]} beside it; name it with --db_dir`,
      { file },
    );
  }
  const loaded = await loadQuestions(bird, { ...source, dbDir: folder });
  const databases = openDatabases(
    source.db === null ? locateIn(folder!) : locateFile(source.db),
  );
  const questions: LoadedQuestion[] = [];
  for (const question of loaded) {
    if (question.prompt !== null || question.example === null) questions.push(question);
    else {
      const { schema } = await databases.open(question.dbId!);
      questions.push({ ...question, prompt: promptOf(question.example, source, schema) });
    }
  }
  return {
    name: "bird",
    questions,
    groups: DIFFICULTIES,
    labels: { exact: "", exec: "Execution (EX)" },
    checkGold: (index) =>
      aboutQuestion(questions[index], async () => {
        const { dbId, gold } = questions[index];
        const { database } = await databases.open(dbId!);
        await runGold(database, gold, { timeoutMs: source.timeoutMs, invalidText: "error" });
      }),
    score: (index, prediction) =>
      aboutQuestion(questions[index], async () => {
        const { dbId, gold, example } = questions[index];
        const { database, hasRows } = await databases.open(dbId!);
        const context = { database, timeoutMs: source.timeoutMs };
        const fault = await compareSets(prediction, gold, context);
        const difficulty = example?.meta?.difficulty;
        return {
          parsed: fault?.kind !== "syntax" && fault?.kind !== "empty",
          exact: null,
          exec: fault === null,
          ...outcomeFlags(fault),
          hardness: typeof difficulty === "string" ? difficulty : null,
          partial: null,
          fault,
          parseFault: null,
          hasRows,
        };
      }),
    [Symbol.dispose]: () => databases[Symbol.dispose](),
  };
}
