/**
 * Asks for answers and scores them as they come.
 * @module
 */
import { BackendError, FormatError } from "../errors.ts";
import type { AnswerLog } from "./answers.ts";
import type { Benchmark } from "./benchmark.ts";
import type { Answer, Predictor, Prompt } from "./predictor.ts";
import { judge } from "./judge.ts";
import { type ScoredPrediction, scoredPrediction } from "./scored.ts";

/** What happens in an evaluation. */
export type EvalEvent =
  /** `answered` answers are there already. */
  | { readonly type: "start"; readonly total: number; readonly answered: number }
  | { readonly type: "score"; readonly index: number; readonly prediction: ScoredPrediction }
  | {
    readonly type: "end";
    /** In the order of the questions. */
    readonly predictions: readonly ScoredPrediction[];
    /** Seconds that the answers of this run took; null where none was asked for. */
    readonly seconds: number | null;
    /** Tokens that were generated in that time. */
    readonly tokens: number | null;
  };

/** Answers that are there, and who gives the others. */
export interface AnswerSource {
  /** Answers that need not be asked for. */
  readonly answers: readonly Answer[];
  readonly predictor: Predictor | null;
  /** Where new answers are kept until the end. */
  readonly log: AnswerLog | null;
}

/**
 * Scores an answer to each question of `benchmark`. Throws {@linkcode FormatError} where a question
 * has no answer and none can be asked for, or its database is missing, damaged, or such that none of
 * the gold queries about it runs; the latter before anything is asked. Throws {@linkcode BackendError}
 * where a server is away or refuses all that it is asked; a question that alone is refused is wrong.
 */
export async function* evaluate(
  benchmark: Benchmark,
  { answers, predictor, log }: AnswerSource,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<EvalEvent, void, undefined> {
  const { questions } = benchmark;
  await checkDatabases(benchmark);
  const known = new Map([...answers, ...log?.answers.values() ?? []].map((a) => [a.index, a]));
  const scored: ScoredPrediction[] = [];
  const score = async (answer: Answer): Promise<EvalEvent> => {
    const { index } = answer;
    const verdict = await judge(benchmark, answer);
    const prediction = scored[index] = scoredPrediction(questions[index], answer, verdict);
    return { type: "score", index, prediction };
  };
  const open = questions.flatMap((_, index) => known.has(index) ? [] : [index]);
  yield { type: "start", total: questions.length, answered: questions.length - open.length };
  for (const [index, answer] of known) {
    if (index >= questions.length) continue;
    signal.throwIfAborted();
    yield await score(answer);
  }
  let seconds = 0;
  let tokens: number | null = null;
  if (open.length > 0) {
    const prompts = promptsOf(benchmark, open);
    let since = performance.now();
    const answered = known.values().some(({ error }) => error === undefined);
    const asked = predictor?.answer(prompts, signal) ?? [];
    for await (const answer of trusted(asked, answered)) {
      seconds += (performance.now() - since) / 1000;
      if (answer.tokens !== null) tokens = (tokens ?? 0) + answer.tokens;
      await log?.add(answer);
      yield await score(answer);
      since = performance.now();
    }
  }
  const missing = questions.findIndex((_, index) => scored[index] === undefined);
  if (missing >= 0) {
    throw new FormatError(
      `Cannot score ${questions[missing].id}: there is no answer to it; ask a model for one, or ` +
        "give one prediction for each question",
    );
  }
  yield {
    type: "end",
    predictions: scored,
    seconds: open.length > 0 ? seconds : null,
    tokens,
  };
}

/** Follows an evaluation to its end, whose event it returns; `seen` hears of all before, one by one. */
export async function followEvaluation(
  events: AsyncIterable<EvalEvent>,
  seen: (event: Exclude<EvalEvent, { readonly type: "end" }>) => unknown = () => {},
): Promise<Extract<EvalEvent, { readonly type: "end" }>> {
  for await (const event of events) {
    if (event.type === "end") return event;
    await seen(event);
  }
  throw new TypeError("Cannot finish: the evaluation ended without its last event");
}

/** So many refusals before the first answer are no fault of the questions. */
const MAX_REFUSALS = 10;

/**
 * Passes answers on. Refusals wait for the first answer, which shows that the server does answer:
 * `answered` says that it already did.
 */
async function* trusted(
  answers: AsyncIterable<Answer> | Iterable<Answer>,
  answered: boolean,
): AsyncGenerator<Answer, void, undefined> {
  const refused: Answer[] = [];
  for await (const answer of answers) {
    answered ||= answer.error === undefined;
    if (answered) {
      yield* refused.splice(0);
      yield answer;
    } else if (refused.push(answer) === MAX_REFUSALS) break;
  }
  if (refused.length > 0) {
    const count = refused.length === 1 ? "" : ` (and ${refused.length - 1} more were refused)`;
    throw new BackendError(`${refused[0].error}${count}`, {});
  }
}

/** That a gold query fails may be its own fault; where all do, the database is not the right one. */
async function checkDatabases(benchmark: Benchmark): Promise<void> {
  const failed = new Map<string | null, unknown>();
  const checked = new Set<string | null>();
  for (const [index, { dbId }] of benchmark.questions.entries()) {
    if (checked.has(dbId)) continue;
    try {
      await benchmark.checkGold(index);
      checked.add(dbId);
      failed.delete(dbId);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (!failed.has(dbId)) failed.set(dbId, error);
    }
  }
  for (const error of failed.values()) throw error;
}

function promptsOf({ questions }: Benchmark, open: readonly number[]): Prompt[] {
  return open.map((index) => {
    const { prompt, id } = questions[index];
    if (prompt !== null) return { index, parts: prompt };
    throw new FormatError(
      `Cannot ask ${id}: there is only its gold query; give the file of questions with --data`,
    );
  });
}
