/**
 * `report.html`: one page with tables and charts that needs no network and no script.
 * @module
 */
import type { Comparison, Flip } from "../compare.ts";
import { METRICS, type ScoredPrediction } from "../scored.ts";
import type { Shares } from "../summary.ts";
import { componentChart, differenceChart, errorChart, groupChart, latencyChart } from "./charts.ts";
import {
  differenceInterval,
  duration,
  errorLabel,
  interval,
  metricLabel,
  percent,
  points,
  type Report,
} from "./report.ts";
import { STYLE } from "./style.ts";
import { escapeHtml } from "./svg.ts";

/** Wrong answers and flips that are listed; the JSON files have all. */
const LISTED = 100;

/** The report as a page. */
export function reportHtml(report: Report, predictions: readonly ScoredPrediction[]): string {
  const title = `${report.benchmark}: ${report.predictor}`;
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="about">${report.count} questions, scored ${escapeHtml(report.created)}. ` +
    `Intervals: 95 %, bootstrap over questions, seed ${report.seed}.</p>`,
    tiles(report),
    section("Scores", sharesTable(report.metrics, report)),
    withRows(report),
    comparison(report),
    groupChart(report) && section("By group", groupChart(report)!),
    componentChart(report) && section("Components", componentChart(report)!),
    latency(report, predictions),
    errorChart(report) && section("Why answers are wrong", errorChart(report)!),
    wrongAnswers(predictions),
    folded("The run", `<code>${escapeHtml(JSON.stringify(report.run, null, 2))}</code>`),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body.filter((part) => part).join("\n")}
</body>
</html>
`;
}

function section(title: string, content: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>\n${content}</section>`;
}

/** What is long is shown on demand. */
function folded(title: string, content: string): string {
  return `<details class="list"><summary>${escapeHtml(title)}</summary>\n${content}</details>`;
}

function tiles(report: Report): string {
  const { latency_ms, tokens_per_second } = report;
  const tile = (value: string, label: string, detail = "") =>
    `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}<br>` +
    `${escapeHtml(detail)}</span></div>`;
  const shares = METRICS.slice(0, 3).flatMap((metric) => {
    const share = report.metrics[metric];
    return share ? [tile(percent(share.value), metricLabel(metric, report), interval(share))] : [];
  });
  const speed = latency_ms
    ? [tile(duration(latency_ms.p50), "Median latency", `p95 ${duration(latency_ms.p95)}`)]
    : [];
  const rate = tokens_per_second === null
    ? []
    : [tile(tokens_per_second.toFixed(1), "Tokens per second")];
  return `<div class="tiles">${[...shares, ...speed, ...rate].join("")}</div>`;
}

function withRows({ with_rows, ...report }: Report): string | null {
  if (with_rows === null) return null;
  const why = `<p>On a database without rows, queries agree that have nothing in common. ` +
    `${with_rows.count} questions are left.</p>`;
  const table = sharesTable(with_rows.metrics, report);
  return section("Without databases that have no rows", why + table);
}

function sharesTable(metrics: Shares, report: Pick<Report, "labels">): string {
  const rows = METRICS.flatMap((metric) => {
    const share = metrics[metric];
    return share
      ? [[
        metricLabel(metric, report),
        percent(share.value),
        interval(share),
        `${share.right} of ${share.total}`,
      ]]
      : [];
  });
  return table(["", "Share", "Interval", "Right"], rows);
}

function latency(report: Report, predictions: readonly ScoredPrediction[]): string | null {
  const chart = latencyChart(report, predictions);
  return chart && section("Latency", chart);
}

function comparison(report: Report): string | null {
  const { comparison } = report;
  if (comparison === null) return null;
  const { baseline, count, unmatched, metrics, gained, lost, flipped_by } = comparison;
  const label = metricLabel(flipped_by, report);
  const rows = metrics.map(({ metric, baseline, current, difference }) => [
    metricLabel(metric, report),
    percent(baseline),
    percent(current),
    points(difference.value),
    differenceInterval(difference),
  ]);
  return section(
    "Compared with the baseline",
    `<p>Baseline: <code>${escapeHtml(baseline)}</code>. ${count} questions in both runs` +
      `${unmatched > 0 ? `, ${unmatched} in only one` : ""}.</p>` +
      table(["", "Baseline", "This run", "Points", "Interval (paired)"], rows) +
      (differenceChart(comparison, report) ?? "") +
      flips(`${label}: right now, wrong before`, gained) +
      flips(`${label}: wrong now, right before`, lost),
  );
}

function flips(title: string, list: Comparison["gained"]): string {
  const items = list.slice(0, LISTED).map((flip: Flip) =>
    entry(flip, [["gold", flip.gold], ["before", flip.baseline], ["now", flip.current], [
      "error",
      flip.error,
    ]])
  );
  return folded(
    `${title}: ${list.length}`,
    items.join("\n") + moreThan(list.length, "report.json"),
  );
}

function wrongAnswers(predictions: readonly ScoredPrediction[]): string | null {
  const wrong = predictions.filter(({ exec, exact }) => !(exec ?? exact));
  if (wrong.length === 0) return null;
  const items = wrong.slice(0, LISTED).map((answer) =>
    entry(answer, [["gold", answer.gold], ["answer", answer.pred], [
      answer.error_kind ? errorLabel(answer.error_kind) : "error",
      answer.error,
    ]])
  );
  return folded(
    `Wrong answers: ${wrong.length}`,
    items.join("\n") + moreThan(wrong.length, "predictions.jsonl"),
  );
}

function moreThan(count: number, file: string): string {
  if (count <= LISTED) return "";
  return `<p class="soft">… and ${count - LISTED} more, in ${file}.</p>`;
}

/** Models that repeat themselves write much that nobody reads. */
const SHOWN = 4000;

function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)} … (${text.length} characters)` : text;
}

function entry(
  { id, db_id, question }: Pick<Flip, "id" | "db_id" | "question">,
  facts: readonly (readonly [name: string, text: string | null])[],
): string {
  const list = facts.filter(([, text]) => text !== null).map(([name, text]) =>
    `<dt>${escapeHtml(name)}</dt><dd><code>${escapeHtml(shortened(text!))}</code></dd>`
  );
  const about = db_id === null ? id : `${id} · ${db_id}`;
  return `<details><summary><span class="soft">${escapeHtml(about)}</span> ` +
    `${escapeHtml(question ?? "")}</summary><dl>${list.join("")}</dl></details>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => {
    const sign = /^\+[\d.]+(?: to \+[\d.]+)?$/.test(text)
      ? "good"
      : /^−[\d.]+(?: to −[\d.]+)?$/.test(text)
      ? "bad"
      : "";
    return `<td${sign ? ` class="${sign}"` : ""}>${escapeHtml(text)}</td>`;
  };
  return `<div class="scroll"><table><thead><tr>${
    head.map((text) => `<th>${escapeHtml(text)}</th>`).join("")
  }</tr></thead><tbody>${
    rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n")
  }</tbody></table></div>`;
}
