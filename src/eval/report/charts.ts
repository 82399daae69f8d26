/**
 * The charts of `report.html`. Each is null where the run has nothing to show in it.
 * @module
 */
import type { Comparison } from "../compare.ts";
import type { Metric, ScoredPrediction } from "../scored.ts";
import type { Share } from "../summary.ts";
import { duration, errorLabel, metricLabel, percent, type Report } from "./report.ts";
import { countInBins, histogramSvg } from "./histogram.ts";
import { type Bar, barChart, escapeHtml, niceStep, rowChart } from "./svg.ts";

/** What is drawn by group: the official metrics, not the three that only help to understand them. */
const DRAWN: readonly Metric[] = ["exact", "exec"];

const percentTick = (value: number) => `${Math.round(value * 100)} %`;

function figure(caption: string, chart: string): string {
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption>${chart}</figure>`;
}

/** Accuracy by hardness, difficulty or kind of query. */
export function groupChart(report: Report): string | null {
  const { groups, metrics } = report;
  const drawn = DRAWN.filter((metric) => metrics[metric]);
  if (groups.length === 0 || drawn.length === 0) return null;
  const bar = (share: Share | undefined): Bar | null =>
    share ? { ...share, label: (share.value * 100).toFixed(1) } : null;
  const all = { name: "all", count: report.count, metrics };
  const chart = barChart({
    title: "Accuracy by group",
    groups: [...groups, all].map(({ name, count, metrics }) => ({
      name: `${name} (${count})`,
      bars: drawn.map((metric) => bar(metrics[metric])),
    })),
    series: drawn.map((metric) => metricLabel(metric, report)),
    max: 1,
    tick: percentTick,
  });
  return figure("Right answers in percent, with 95 % intervals", chart);
}

/** F1 of each component of a query. */
export function componentChart({ components }: Report): string | null {
  if (components === null) return null;
  const chart = rowChart({
    title: "F1 by component",
    groups: Object.entries(components).map(([name, { all }]) => ({
      name,
      bars: [{ value: all.f1, label: percent(all.f1) }],
    })),
    series: ["F1"],
    max: 1,
    tick: percentTick,
  });
  return figure("F1 of the parts of queries, over all questions", chart);
}

/** How long answers took. */
export function latencyChart(
  { latency_ms }: Report,
  predictions: readonly ScoredPrediction[],
): string | null {
  if (latency_ms === null) return null;
  const { p50, p95, count } = latency_ms;
  const values = predictions.flatMap((prediction) => prediction.latency_ms ?? []);
  const chart = histogramSvg({
    title: "Latency",
    histogram: countInBins([{ name: "Answers", values }]),
    tick: duration,
    marks: [
      { value: p50, label: `median ${duration(p50)}` },
      { value: p95, label: `p95 ${duration(p95)}` },
    ],
  });
  return figure(`Time to the whole answer, ${count} answers`, chart);
}

/** Why answers are wrong. */
export function errorChart({ errors }: Report): string | null {
  if (errors.length === 0) return null;
  const most = errors[0].count;
  const step = Math.max(1, niceStep(most / 5));
  const chart = rowChart({
    title: "Errors by kind",
    groups: errors.map(({ kind, count }) => ({
      name: errorLabel(kind),
      bars: [{ value: count, label: String(count) }],
    })),
    series: ["Answers"],
    max: step * Math.ceil(most / step),
    tick: String,
  });
  return figure("Answers by why their execution is wrong", chart);
}

/** Both runs side by side, by group. */
export function differenceChart(
  { groups, metrics, flipped_by }: Comparison,
  report: Report,
): string | null {
  const all = { name: "all", metrics };
  const rows = [...groups, all].flatMap(({ name, metrics }) => {
    const found = metrics.find(({ metric }) => metric === flipped_by);
    const bar = (value: number): Bar => ({ value, label: (value * 100).toFixed(1) });
    return found ? [{ name, bars: [bar(found.baseline), bar(found.current)] }] : [];
  });
  if (rows.length === 0) return null;
  const chart = barChart({
    title: "Baseline and this run",
    groups: rows,
    series: ["Baseline", "This run"],
    max: 1,
    tick: percentTick,
  });
  return figure(`${metricLabel(flipped_by, report)} in percent`, chart);
}
