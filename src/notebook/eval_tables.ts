/**
 * Evaluations side by side as Arrow tables that show themselves.
 * @module
 */
import type { Table } from "apache-arrow";
import type { Comparison, Difference } from "../eval/compare.ts";
import {
  differenceInterval,
  duration,
  interval,
  metricLabel,
  percent,
  points,
} from "../eval/report/report.ts";
import { type Metric, METRICS } from "../eval/scored.ts";
import { arrowOf, type RowOf, rowsOf, shownAs, type ShownTable } from "./arrow.ts";
import type { EvalRun } from "./eval_task.ts";
import { type Cell, tableView } from "./table.ts";
import { view } from "./view.ts";

/** The group of all questions. */
const ALL = "all";

const SCORE = {
  run: "text",
  group: "text",
  questions: "number",
  metric: "text",
  share: "number",
  low: "number",
  high: "number",
} as const;

/**
 * The scores of each run: of its table, `share` is the share of `metric` in a `group` of questions (`all`,
 * or a hardness), `low` and `high` its 95 % interval. What is shown is that of all questions.
 */
export async function scoresTable(runs: readonly EvalRun[]): Promise<ShownTable> {
  const table = await arrowOf(
    SCORE,
    runs.flatMap(({ name: run, report }) =>
      [{ name: ALL, count: report.count, metrics: report.metrics }, ...report.groups].flatMap((
        { name: group, count: questions, metrics },
      ) =>
        METRICS.flatMap((metric) => {
          const { value: share, low, high } = metrics[metric] ?? {};
          if (share === undefined) return [];
          return [{ run, group, questions, metric, share, low: low!, high: high! }];
        })
      )
    ),
  );
  const scores = rowsOf(SCORE, table).filter(({ group }) => group === ALL);
  const cell = (run: string, metric: Metric): Cell => {
    const found = scores.find((score) => score.run === run && score.metric === metric);
    if (found === undefined) return "";
    return `${percent(found.share!)} (${interval({ low: found.low!, high: found.high! })})`;
  };
  const shown = tableView({
    columns: [
      "run",
      "questions",
      ...METRICS.map((metric) => runs[0] ? metricLabel(metric, runs[0].report) : metric),
      "median latency",
      "tokens/s",
    ],
    rows: runs.map(({ name, report }) => [
      name,
      report.count,
      ...METRICS.map((metric) => cell(name, metric)),
      report.latency_ms ? duration(report.latency_ms.p50) : "",
      report.tokens_per_second?.toFixed(1) ?? "",
    ]),
    note: "In brackets: 95 % intervals, bootstrap over questions.",
  });
  return shownAs(table, shown);
}

const DIFFERENCE = {
  group: "text",
  metric: "text",
  questions: "number",
  baseline: "number",
  current: "number",
  difference: "number",
  low: "number",
  high: "number",
} as const;

/**
 * What changed against the baseline, by metric and, in the table, by group: shares, and their difference
 * with its 95 % interval. What is shown is that of all questions.
 */
export async function differenceTable(
  { metrics, groups, count, unmatched }: Comparison,
  tuned: EvalRun,
): Promise<ShownTable> {
  const rowsFor = (group: string, differences: readonly Difference[]) =>
    differences.map(({ metric, count, baseline, current, difference }) => {
      const { value, low, high } = difference;
      return { group, metric, questions: count, baseline, current, difference: value, low, high };
    });
  const table = await arrowOf(DIFFERENCE, [
    ...rowsFor(ALL, metrics),
    ...groups.flatMap(({ name, metrics }) => rowsFor(name, metrics)),
  ]);
  const shown = tableView({
    columns: ["", "baseline", "fine-tuned", "points", "interval (paired)"],
    rows: rowsOf(DIFFERENCE, table).filter(({ group }) => group === ALL).map((row) => [
      metricLabel(row.metric as Metric, tuned.report),
      percent(row.baseline!),
      percent(row.current!),
      signed(row.difference!),
      differenceInterval({ low: row.low!, high: row.high! }),
    ]),
    note: `${count} questions in both runs${unmatched > 0 ? `, ${unmatched} in only one` : ""}.`,
  });
  return shownAs(table, shown);
}

function signed(difference: number): Cell {
  const text = points(difference);
  return difference === 0 ? text : { text, as: difference > 0 ? "good" : "bad" };
}

const FLIP = {
  change: "text",
  id: "text",
  question: "text",
  gold: "text",
  baseline: "text",
  current: "text",
} as const;

/**
 * The questions that one of the two answers right and the other wrong: `change` is `gained` or `lost`. Of
 * each kind the first `count` are shown.
 */
export async function flipsTable(
  { gained, lost }: Pick<Comparison, "gained" | "lost">,
  count = 10,
): Promise<ShownTable> {
  const rowsFor = (change: string, flips: Comparison["gained"]) =>
    flips.map(({ id, question, gold, baseline, current }) => (
      { change, id, question, gold, baseline, current }
    ));
  const table = await arrowOf(FLIP, [...rowsFor("gained", gained), ...rowsFor("lost", lost)]);
  if (table.numRows === 0) return shownAs(table, view({ "text/plain": "No question flipped." }));
  const rows = rowsOf(FLIP, table);
  const first = (change: string) => rows.filter((row) => row.change === change).slice(0, count);
  const shown = tableView({
    title: `${gained.length} questions to right, ${lost.length} to wrong`,
    columns: ["", "question", "gold", "baseline", "fine-tuned"],
    rows: [...first("gained"), ...first("lost")].map(flipRow),
  });
  return shownAs(table, shown);
}

function flipRow({ change, id, question, gold, baseline, current }: RowOf<typeof FLIP>): Cell[] {
  return [
    change === "gained" ? { text: "+", as: "good" } : { text: "−", as: "bad" },
    question ?? id,
    { text: gold!, as: "code" },
    { text: baseline!, as: "code" },
    { text: current!, as: "code" },
  ];
}

const PREDICTION = {
  run: "text",
  id: "text",
  db_id: "text",
  hardness: "text",
  exact: "bool",
  exec: "bool",
  error_kind: "text",
  latency_ms: "number",
  tokens: "number",
  question: "text",
  pred: "text",
} as const;

/** All predictions of `runs`, for filters of one's own. */
export async function predictionsTable(runs: readonly EvalRun[]): Promise<Table> {
  return await arrowOf(
    PREDICTION,
    runs.flatMap(({ name: run, predictions }) =>
      predictions.map((prediction) => ({ run, ...prediction }))
    ),
  );
}
