/**
 * The report of an evaluation: its summary, what it is compared with, and how it came about.
 * @module
 */
import project from "../../deno.json" with { type: "json" };
import type { Benchmark } from "../eval/benchmark.ts";
import { compareRuns } from "../eval/compare.ts";
import type { Report } from "../eval/report/report.ts";
import type { ScoredPrediction } from "../eval/scored.ts";
import { summarise, type SummaryOptions } from "../eval/summary.ts";
import { gitCommit } from "./git.ts";

/** Scored answers, and who gave them. */
export interface EvalResult {
  readonly name: string;
  readonly predictions: readonly ScoredPrediction[];
  readonly generation: SummaryOptions["generation"];
}

/** What else a report tells. */
export interface ReportContext {
  readonly benchmark: Benchmark;
  readonly seed: number;
  /** An earlier evaluation to compare with. */
  readonly baseline: Pick<EvalResult, "name" | "predictions"> | null;
  /** Options of the task, as they are to be reported. */
  readonly options: unknown;
}

/** Makes the content of `report.json`. */
export async function makeReport(
  { name, predictions, generation }: EvalResult,
  { benchmark, seed, baseline, options }: ReportContext,
): Promise<Report> {
  const { groups, labels } = benchmark;
  return {
    benchmark: benchmark.name,
    predictor: name,
    created: new Date().toISOString(),
    labels,
    seed,
    ...summarise(predictions, { seed, groups, generation }),
    comparison: baseline &&
      compareRuns(baseline.predictions, predictions, { seed, groups, name: baseline.name }),
    run: {
      options,
      versions: { sqlora: project.version, ...Deno.version },
      git_commit: await gitCommit(),
    },
  };
}
