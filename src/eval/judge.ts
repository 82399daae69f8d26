/**
 * The verdict on any answer, also on one that no benchmark can score.
 * @module
 */
import type { Benchmark, Verdict } from "./benchmark.ts";
import type { Fault } from "./executor.ts";
import type { Answer } from "./predictor.ts";

/**
 * The longest answer that is scored, in UTF-16 code units, unless the gold query is half as long. What
 * reads answers before they are run, within no deadline, may take the square of their length.
 */
export const MAX_ANSWER = 20_000;

/**
 * Scores `answer`. One that is none, is too long, or needs more of a string or the stack than there is,
 * is wrong. Throws as {@linkcode Benchmark.score} does.
 */
export async function judge(benchmark: Benchmark, answer: Answer): Promise<Verdict> {
  const { index, sql, error } = answer;
  if (error !== undefined) {
    return await wrong(benchmark, index, { kind: "no_answer", message: error });
  }
  const limit = Math.max(MAX_ANSWER, 2 * benchmark.questions[index].gold.length);
  if (sql.length > limit) {
    const message = `it has ${sql.length} characters; answers of up to ${limit} are read`;
    return await wrong(benchmark, index, { kind: "too_large", message });
  }
  try {
    return await benchmark.score(index, sql);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return await wrong(benchmark, index, { kind: "too_large", message: error.message });
  }
}

/** The verdict on no text, with which some rules agree where the gold query has no rows. */
async function wrong(benchmark: Benchmark, index: number, fault: Fault): Promise<Verdict> {
  const verdict = await benchmark.score(index, "");
  const never = (judged: boolean | null) => judged === null ? null : false;
  return {
    ...verdict,
    parsed: never(verdict.parsed),
    exact: never(verdict.exact),
    exec: never(verdict.exec),
    runs: never(verdict.runs),
    schema: never(verdict.schema),
    fault: verdict.fault?.kind === "gold_failed" ? verdict.fault : fault,
    parseFault: null,
  };
}
