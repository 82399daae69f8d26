/**
 * `report.json`, and the words and numbers that all reports share.
 * @module
 */
import type { Comparison } from "../compare.ts";
import type { Metric } from "../scored.ts";
import type { Share, Summary } from "../summary.ts";

/** The content of `report.json`. */
export interface Report extends Summary {
  readonly benchmark: string;
  /** What gave the answers: a file, or a backend with its model. */
  readonly predictor: string;
  /** ISO 8601. */
  readonly created: string;
  /** What `exact` and `exec` mean. */
  readonly labels: { readonly exact: string; readonly exec: string };
  readonly seed: number;
  readonly comparison: Comparison | null;
  /** Options, versions and what else is worth knowing. */
  readonly run: Readonly<Record<string, unknown>>;
}

/** What a metric is called in a report. */
export function metricLabel(metric: Metric, { labels }: Pick<Report, "labels">): string {
  const others = {
    parsed: "Parsed",
    runs: "Runs without error",
    schema: "Keeps to the schema",
  };
  return metric === "exact" || metric === "exec" ? labels[metric] : others[metric];
}

/** `86.5 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `+3.4`, in percentage points. */
export function points(difference: number): string {
  const text = (difference * 100).toFixed(1);
  return difference > 0 ? `+${text}` : text.replace("-", "−");
}

/** `84.3–88.5 %` */
export function interval({ low, high }: Pick<Share, "low" | "high">): string {
  return `${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)} %`;
}

/** The interval of a difference, `−0.5 to +3.1`. */
export function differenceInterval({ low, high }: Pick<Share, "low" | "high">): string {
  return `${points(low)} to ${points(high)}`;
}

/** `240 ms`, `1.25 s` */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms > 0 && ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** `wrong_result` as people read it. */
export function errorLabel(kind: string): string {
  return kind.replaceAll("_", " ");
}
