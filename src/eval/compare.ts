/**
 * Compares two runs over the same questions: what a fine-tuned model does better than its base.
 * @module
 */
import { FormatError } from "../errors.ts";
import { bootstrapMean, type BootstrapOptions, type Estimate } from "./bootstrap.ts";
import { type Metric, METRICS, type ScoredPrediction } from "./scored.ts";

/** A share in both runs. */
export interface Difference {
  readonly metric: Metric;
  readonly count: number;
  readonly baseline: number;
  readonly current: number;
  /** Current minus baseline; its interval is that of the paired differences. */
  readonly difference: Estimate;
}

/** A question that one run answers right and the other does not. */
export interface Flip {
  readonly id: string;
  readonly db_id: string | null;
  readonly question: string | null;
  readonly gold: string;
  readonly baseline: string;
  readonly current: string;
  /** Why the wrong one is wrong. */
  readonly error: string | null;
}

export interface Comparison {
  /** The folder of the baseline. */
  readonly baseline: string;
  /** Questions that both runs have. */
  readonly count: number;
  /** Questions that only one of them has. */
  readonly unmatched: number;
  readonly metrics: readonly Difference[];
  readonly groups: readonly { name: string; metrics: readonly Difference[] }[];
  /** By which metric the flips are told. */
  readonly flipped_by: Metric;
  /** Wrong before, right now. */
  readonly gained: readonly Flip[];
  /** Right before, wrong now. */
  readonly lost: readonly Flip[];
}

/**
 * Throws {@linkcode FormatError} where a run over `questions` cannot be compared with the baseline
 * `name`: they have no question in common, or the gold queries of one differ.
 */
export function checkComparable(
  baseline: readonly ScoredPrediction[],
  questions: readonly Pick<ScoredPrediction, "id" | "gold">[],
  name: string,
): void {
  matchUp(baseline, questions, name);
}

type Pair = readonly [baseline: ScoredPrediction, current: ScoredPrediction];

/**
 * Compares `current` with `baseline`, question by question. Throws {@linkcode FormatError} where they
 * have no question in common, or the gold queries of one differ.
 */
export function compareRuns(
  baseline: readonly ScoredPrediction[],
  current: readonly ScoredPrediction[],
  options: BootstrapOptions & { readonly name: string; readonly groups: readonly string[] },
): Comparison {
  const { name, groups } = options;
  const pairs = matchUp(baseline, current, name);
  const metric = pairs.some(([, { exec }]) => exec !== null) ? "exec" : "exact";
  const flips = (right: 0 | 1): Flip[] =>
    pairs.filter((pair) => pair[right][metric] === true && pair[1 - right][metric] === false)
      .map((pair) => {
        const { id, db_id, question, gold, pred } = pair[1];
        const { error } = pair[1 - right];
        return { id, db_id, question, gold, baseline: pair[0].pred, current: pred, error };
      });
  return {
    baseline: name,
    count: pairs.length,
    unmatched: baseline.length + current.length - 2 * pairs.length,
    metrics: differencesOf(pairs, options),
    groups: groups.map((group) => ({
      name: group,
      metrics: differencesOf(pairs.filter(([, { hardness }]) => hardness === group), options),
    })).filter(({ metrics }) => metrics.length > 0),
    flipped_by: metric,
    gained: flips(1),
    lost: flips(0),
  };
}

function matchUp<T extends Pick<ScoredPrediction, "id" | "gold">>(
  baseline: readonly ScoredPrediction[],
  current: readonly T[],
  name: string,
): (readonly [ScoredPrediction, T])[] {
  const before = new Map(baseline.map((prediction) => [prediction.id, prediction]));
  const pairs = current.flatMap((question): (readonly [ScoredPrediction, T])[] => {
    const other = before.get(question.id);
    if (other === undefined) return [];
    if (other.gold === question.gold) return [[other, question]];
    throw new FormatError(
      `Cannot compare with ${name}: ${question.id} has another gold query there; compare runs ` +
        "over the same file of questions",
      { file: name },
    );
  });
  if (pairs.length > 0) return pairs;
  throw new FormatError(
    `Cannot compare with ${name}: the runs have no question in common; compare runs over the same ` +
      "benchmark",
    { file: name },
  );
}

function differencesOf(pairs: readonly Pair[], options: BootstrapOptions): Difference[] {
  return METRICS.flatMap((metric): Difference[] => {
    const judged = pairs.filter((pair) => pair.every((prediction) => prediction[metric] !== null));
    const values = judged.map((pair) => pair.map((prediction) => Number(prediction[metric])));
    const difference = bootstrapMean(values.map(([before, now]) => now - before), options);
    if (difference === null) return [];
    const share = (run: 0 | 1) => values.reduce((sum, pair) => sum + pair[run], 0) / values.length;
    return [{ metric, count: values.length, baseline: share(0), current: share(1), difference }];
  });
}
