/**
 * Charts over evaluations side by side: accuracy by group, parts of queries, latency, errors.
 * @module
 */
import { duration, errorLabel, metricLabel, percent } from "../eval/report/report.ts";
import { type Bar, barChart, niceStep, rowChart } from "../eval/report/svg.ts";
import type { Metric } from "../eval/scored.ts";
import { chartView, seriesColour } from "./chart.ts";
import type { EvalRun } from "./eval_task.ts";
import { histogramChart } from "./histogram_chart.ts";
import { tableText } from "./table.ts";
import { type View, view } from "./view.ts";

/** A value of a run in a group of a chart. */
interface Value {
  readonly group: string;
  readonly run: string;
  readonly value: number;
  readonly label: string;
}

interface GroupedBars {
  readonly title: string;
  readonly runs: readonly EvalRun[];
  readonly groups: readonly string[];
  readonly values: readonly Value[];
  readonly axis: string;
  /** Bars lie on their side. */
  readonly rows?: boolean;
  readonly max: number;
  readonly share: boolean;
}

function groupedBars({ title, runs, groups, values, axis, rows, max, share }: GroupedBars): View {
  const names = runs.map(({ name }) => name);
  const find = (group: string, run: string) =>
    values.find((value) => value.group === group && value.run === run);
  const tick = (value: number) => share ? `${Math.round(value * 100)} %` : String(value);
  const chart = {
    title,
    groups: groups.map((name) => ({
      name,
      bars: names.map((run): Bar | null => find(name, run) ?? null),
    })),
    series: names,
    max,
    tick,
  };
  const category = { field: "group", type: "nominal", title: null, sort: groups };
  const amount = {
    field: "value",
    type: "quantitative",
    title: axis,
    scale: { domain: [0, max] },
    axis: share ? { format: "%" } : {},
  };
  const offset = { field: "run", sort: names };
  return chartView({
    title,
    spec: {
      data: { values },
      ...(rows ? { height: { step: 14 } } : {}),
      encoding: rows
        ? { y: category, x: amount, yOffset: offset }
        : { x: { ...category, axis: { labelAngle: 0 } }, y: amount, xOffset: offset },
      layer: [
        {
          mark: { type: "bar", tooltip: true },
          encoding: {
            color: seriesColour("run", names),
          },
        },
        {
          // A bar of nothing is still told by its label.
          mark: { type: "text", fontSize: 10, ...(rows ? { align: "left", dx: 3 } : { dy: -6 }) },
          encoding: { text: { field: "label" } },
        },
      ],
    },
    svg: rows ? rowChart(chart) : barChart(chart),
    text: tableText({
      columns: ["", ...names],
      rows: groups.map((group) => [group, ...names.map((run) => find(group, run)?.label ?? "")]),
    }),
  });
}

/** Shares of right answers by hardness, or how else the benchmark divides its questions. */
export function accuracyChart(runs: readonly EvalRun[], metric?: Metric): View {
  const drawn = metric ?? (runs.every(({ report }) => report.metrics.exec) ? "exec" : "exact");
  const names = [...new Set(runs.flatMap(({ report }) => report.groups.map(({ name }) => name)))];
  const values = runs.flatMap(({ name: run, report }) =>
    [...report.groups, { name: "all", metrics: report.metrics }].flatMap(({ name, metrics }) => {
      const share = metrics[drawn];
      return share ? [{ group: name, run, value: share.value, label: percent(share.value) }] : [];
    })
  );
  const label = runs[0] ? metricLabel(drawn, runs[0].report) : drawn;
  const groups = [...names, "all"];
  return groupedBars({
    title: `${label} by hardness`,
    runs,
    groups,
    values,
    axis: "right answers",
    max: 1,
    share: true,
  });
}

/** F1 of each part of queries; a line of text where the benchmark has no parts. */
export function componentsChart(runs: readonly EvalRun[]): View {
  const values = runs.flatMap(({ name: run, report }) =>
    Object.entries(report.components ?? {}).map(([group, { all }]) => (
      { group, run, value: all.f1, label: percent(all.f1) }
    ))
  );
  if (values.length === 0) {
    return view({ "text/plain": "This benchmark does not score the parts of queries." });
  }
  const groups = [...new Set(values.map(({ group }) => group))];
  return groupedBars({
    title: "F1 of the parts of queries",
    runs,
    groups,
    values,
    axis: "F1",
    rows: true,
    max: 1,
    share: true,
  });
}

/** Why answers are wrong. */
export function errorsChart(runs: readonly EvalRun[]): View {
  const values = runs.flatMap(({ name: run, report }) =>
    report.errors.map(({ kind, count }) => (
      { group: errorLabel(kind), run, value: count, label: String(count) }
    ))
  );
  if (values.length === 0) return view({ "text/plain": "No answer is wrong." });
  const most = Math.max(...values.map(({ value }) => value));
  const step = Math.max(1, niceStep(most / 5));
  return groupedBars({
    title: "Why answers are wrong",
    runs,
    groups: [...new Set(values.map(({ group }) => group))],
    values,
    axis: "answers",
    rows: true,
    max: step * Math.ceil(most / step),
    share: false,
  });
}

/** How long the answers of each run took. */
export function latencyChart(runs: readonly EvalRun[]): View {
  const timed = runs.flatMap(({ name, report: { latency_ms }, predictions }) => {
    const values = predictions.flatMap((prediction) => prediction.latency_ms ?? []);
    return latency_ms ? [{ name, values, spread: latency_ms }] : [];
  });
  if (timed.length === 0) return view({ "text/plain": "No latencies were measured." });
  const spread = timed.flatMap(({ name, spread: { p50, p95 } }) => [
    { value: p50, label: `${name}: median ${duration(p50)}`, middle: true },
    { value: p95, label: `${name}: p95 ${duration(p95)}`, middle: false },
  ]);
  return histogramChart({
    title: "Time to the whole answer",
    x: "milliseconds",
    y: "answers",
    samples: timed,
    tick: duration,
    // The marks of several runs would be a thicket.
    marks: spread.filter(({ middle }) => middle || timed.length === 1)
      .map(({ value, label }) => ({ value, label })),
    text: spread.map(({ label }) => label).join("\n"),
  });
}
