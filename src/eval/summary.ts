/**
 * Sums scored answers up: what a report says before any formatting.
 * @module
 */
import { bootstrapMean, type BootstrapOptions, type Estimate, quantile } from "./bootstrap.ts";
import { type Metric, METRICS, type ScoredPrediction } from "./scored.ts";
import { type Component, COMPONENTS } from "./spider/match.ts";

/** A share of answers that are right, with its interval. */
export interface Share extends Estimate {
  readonly right: number;
  readonly total: number;
}

/** Shares of what the benchmark judges. */
export type Shares = Readonly<Partial<Record<Metric, Share>>>;

/** Precision, recall and F1 of a part of queries, as Spider's evaluator sums them up. */
export interface ComponentSummary {
  readonly acc: number;
  readonly rec: number;
  readonly f1: number;
}

export interface Summary {
  readonly count: number;
  readonly metrics: Shares;
  /**
   * The same without questions on databases that have no rows; null where there are none of these, or
   * nothing is run.
   */
  readonly with_rows: { readonly count: number; readonly metrics: Shares } | null;
  /** By hardness, difficulty or kind of query. */
  readonly groups: readonly { name: string; count: number; metrics: Shares }[];
  /** By component, then by group and `all`; null where the benchmark has no components. */
  readonly components:
    | Readonly<Record<Component, Readonly<Record<string, ComponentSummary>>>>
    | null;
  readonly latency_ms: { p50: number; p95: number; mean: number; count: number } | null;
  readonly tokens_per_second: number | null;
  /** Why answers are wrong, the most frequent first. */
  readonly errors: readonly { kind: string; count: number }[];
}

/** What belongs to a summary beside the scores. */
export interface SummaryOptions extends BootstrapOptions {
  /** Groups in their order. */
  readonly groups: readonly string[];
  /** Seconds in which the tokens were generated; null: the sum of all latencies. */
  readonly generation: { readonly seconds: number; readonly tokens: number } | null;
}

/** Sums up `predictions`. */
export function summarise(
  predictions: readonly ScoredPrediction[],
  options: SummaryOptions,
): Summary {
  const withRows = predictions.filter(({ has_rows }) => has_rows);
  const isRun = predictions.some(({ exec }) => exec !== null);
  const present = options.groups.map((name) => ({
    name,
    members: predictions.filter(({ hardness }) => hardness === name),
  })).filter(({ members }) => members.length > 0);
  return {
    count: predictions.length,
    metrics: sharesOf(predictions, options),
    with_rows: isRun && withRows.length > 0 && withRows.length < predictions.length
      ? { count: withRows.length, metrics: sharesOf(withRows, options) }
      : null,
    groups: present.map(({ name, members }) => ({
      name,
      count: members.length,
      metrics: sharesOf(members, options),
    })),
    components: componentsOf(predictions, present),
    latency_ms: latencyOf(predictions),
    tokens_per_second: rateOf(predictions, options.generation),
    errors: errorsOf(predictions),
  };
}

function sharesOf(predictions: readonly ScoredPrediction[], options: BootstrapOptions): Shares {
  const shares: Partial<Record<Metric, Share>> = {};
  for (const metric of METRICS) {
    const values = predictions.flatMap((prediction) => prediction[metric] ?? []).map(Number);
    const estimate = bootstrapMean(values, options);
    if (estimate === null) continue;
    const right = values.reduce((sum, value) => sum + value, 0);
    shares[metric] = { right, total: values.length, ...estimate };
  }
  return shares;
}

function componentsOf(
  predictions: readonly ScoredPrediction[],
  groups: readonly { name: string; members: readonly ScoredPrediction[] }[],
): Summary["components"] {
  if (predictions.every(({ partial }) => partial === null)) return null;
  const all = [...groups, { name: "all", members: predictions }];
  return Object.fromEntries(COMPONENTS.map((component) => [
    component,
    Object.fromEntries(all.map(({ name, members }) => [name, componentOf(component, members)])),
  ])) as unknown as Summary["components"];
}

/**
 * Precision over the predictions that have the component, recall over the gold queries that have it;
 * source: `evaluation.py` of https://github.com/taoyds/test-suite-sql-eval.
 */
function componentOf(
  component: Component,
  members: readonly ScoredPrediction[],
): ComponentSummary {
  const scores = members.flatMap(({ partial }) => partial ? [partial[component]] : []);
  const mean = (values: readonly number[]) =>
    values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  const acc = mean(scores.filter(([pred]) => pred > 0).map(([, , acc]) => acc));
  const rec = mean(scores.filter(([, gold]) => gold > 0).map(([, , , rec]) => rec));
  return { acc, rec, f1: acc === 0 && rec === 0 ? 1 : 2 * acc * rec / (acc + rec) };
}

function latencyOf(predictions: readonly ScoredPrediction[]): Summary["latency_ms"] {
  const values = Float64Array.from(predictions.flatMap(({ latency_ms }) => latency_ms ?? []))
    .sort();
  const { length: count } = values;
  if (count === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95), mean, count };
}

function rateOf(
  predictions: readonly ScoredPrediction[],
  generation: SummaryOptions["generation"],
): number | null {
  if (generation !== null) {
    return generation.seconds > 0 ? generation.tokens / generation.seconds : null;
  }
  let [tokens, ms] = [0, 0];
  for (const prediction of predictions) {
    if (prediction.tokens === null || prediction.latency_ms === null) continue;
    tokens += prediction.tokens;
    ms += prediction.latency_ms;
  }
  return ms > 0 ? tokens / (ms / 1000) : null;
}

function errorsOf(predictions: readonly ScoredPrediction[]): Summary["errors"] {
  const counts = new Map<string, number>();
  for (const { error_kind } of predictions) {
    if (error_kind !== null) counts.set(error_kind, (counts.get(error_kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => ({ kind, count }))
    .sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
}
