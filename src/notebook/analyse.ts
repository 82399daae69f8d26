/**
 * Evaluations side by side as tables, and the loss curves of several runs.
 * @module
 */
import type { Table } from "apache-arrow";
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { compareRuns, type Comparison } from "../eval/compare.ts";
import {
  differenceInterval,
  duration,
  interval,
  metricLabel,
  percent,
  points,
} from "../eval/report/report.ts";
import { METRICS } from "../eval/scored.ts";
import { isJsonObject } from "../formats/json.ts";
import { type EvalRun, readJson } from "./eval_task.ts";
import { lineChart } from "./line_chart.ts";
import { type Cell, tableView } from "./table.ts";
import { type View, view } from "./view.ts";

/** The scores of each run. */
export function scoresTable(runs: readonly EvalRun[]): View {
  return tableView({
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
      ...METRICS.map((metric): Cell => {
        const share = report.metrics[metric];
        return share ? `${percent(share.value)} (${interval(share)})` : "";
      }),
      report.latency_ms ? duration(report.latency_ms.p50) : "",
      report.tokens_per_second?.toFixed(1) ?? "",
    ]),
    note: "In brackets: 95 % intervals, bootstrap over questions.",
  });
}

/** Compares a run with the baseline, question by question. */
export function compareEvals(baseline: EvalRun, tuned: EvalRun): Comparison {
  return compareRuns(baseline.predictions, tuned.predictions, {
    seed: tuned.report.seed,
    groups: tuned.report.groups.map(({ name }) => name),
    name: baseline.name,
  });
}

/** What changed against the baseline. */
export function differenceTable({ metrics, count, unmatched }: Comparison, tuned: EvalRun): View {
  return tableView({
    columns: ["", "baseline", "fine-tuned", "points", "interval (paired)"],
    rows: metrics.map(({ metric, baseline, current, difference }) => [
      metricLabel(metric, tuned.report),
      percent(baseline),
      percent(current),
      signed(difference.value),
      differenceInterval(difference),
    ]),
    note: `${count} questions in both runs${unmatched > 0 ? `, ${unmatched} in only one` : ""}.`,
  });
}

function signed(difference: number): Cell {
  const text = points(difference);
  return difference === 0 ? text : { text, as: difference > 0 ? "good" : "bad" };
}

/** The first questions that one of the two answers right and the other wrong. */
export function flipsTable({ gained, lost }: Comparison, count = 10): View {
  if (gained.length + lost.length === 0) return view({ "text/plain": "No question flipped." });
  const rows = (flips: Comparison["gained"], mark: Cell): Cell[][] =>
    flips.slice(0, count).map(({ question, id, gold, baseline, current }) => [
      mark,
      question ?? id,
      { text: gold, as: "code" },
      { text: baseline, as: "code" },
      { text: current, as: "code" },
    ]);
  return tableView({
    title: `${gained.length} questions to right, ${lost.length} to wrong`,
    columns: ["", "question", "gold", "baseline", "fine-tuned"],
    rows: [
      ...rows(gained, { text: "+", as: "good" }),
      ...rows(lost, { text: "−", as: "bad" }),
    ],
  });
}

/** All predictions of `runs` as one Arrow table, for filters of one's own. */
export async function predictionsTable(runs: readonly EvalRun[]): Promise<Table> {
  // Loaded here, because few need it and it takes its time.
  const arrow = await import("apache-arrow");
  const all = runs.flatMap(({ name, predictions }) =>
    predictions.map((prediction) => ({ run: name, ...prediction }))
  );
  const text = (values: (string | null)[]) => arrow.vectorFromArray(values, new arrow.Utf8());
  const bool = (values: (boolean | null)[]) => arrow.vectorFromArray(values, new arrow.Bool());
  const number = (values: (number | null)[]) => arrow.vectorFromArray(values, new arrow.Float64());
  return new arrow.Table({
    run: text(all.map(({ run }) => run)),
    id: text(all.map(({ id }) => id)),
    db_id: text(all.map(({ db_id }) => db_id)),
    hardness: text(all.map(({ hardness }) => hardness)),
    exact: bool(all.map(({ exact }) => exact)),
    exec: bool(all.map(({ exec }) => exec)),
    error_kind: text(all.map(({ error_kind }) => error_kind)),
    latency_ms: number(all.map(({ latency_ms }) => latency_ms)),
    tokens: number(all.map(({ tokens }) => tokens)),
    question: text(all.map(({ question }) => question)),
    pred: text(all.map(({ pred }) => pred)),
  });
}

/** The first rows of an Arrow table. */
export function arrowTable(table: Table, count = 10): View {
  const names = table.schema.fields.map(({ name }) => name);
  const rows = table.slice(0, count).toArray().map((row) =>
    names.map((name): Cell => {
      const value: unknown = row[name];
      if (name === "pred") return { text: String(value), as: "code" };
      return typeof value === "number" || value === null ? value : String(value);
    })
  );
  return tableView({
    title: `${Math.min(count, table.numRows)} of ${table.numRows} rows`,
    columns: names,
    rows,
  });
}

/** Losses of several runs by step; `folders` are their output folders by name. */
export async function lossCurves(folders: Readonly<Record<string, string>>): Promise<View> {
  const series = await Promise.all(
    Object.entries(folders).map(async ([name, folder]) => {
      const file = join(folder, "metrics.json");
      const metrics = await readJson(file);
      const history = isJsonObject(metrics) ? metrics.log_history : null;
      if (!Array.isArray(history) || !history.every((entry) => isJsonObject(entry))) {
        throw new FormatError(
          `Cannot read ${file}: it has no log_history; give the output_dir of deno task train`,
          { file },
        );
      }
      const points = history.map(({ step, loss }) => ({ x: Number(step), y: Number(loss) }));
      return { name, points };
    }),
  );
  return lineChart({ title: "Training loss", x: "step", y: "loss (nats per token)", series });
}
