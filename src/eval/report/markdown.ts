/**
 * `report.md`: the numbers of a run as text.
 * @module
 */
import type { Comparison } from "../compare.ts";
import { METRICS } from "../scored.ts";
import type { Shares } from "../summary.ts";
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

/** Flips that are listed; `report.json` has all. */
const FLIPS_SHOWN = 20;

/** The report as Markdown. */
export function reportMarkdown(report: Report): string {
  const { benchmark, predictor, count, created, with_rows, groups, comparison } = report;
  const shown = METRICS.filter((metric) => groups.some(({ metrics }) => metrics[metric]));
  const sections = [
    `# ${benchmark}: ${predictor}`,
    `${count} questions, scored ${created}. Intervals: 95 %, bootstrap over questions, seed ` +
    `${report.seed}.`,
    sharesTable(report.metrics, report),
    with_rows && `## Without databases that have no rows\n\nOn a database without rows, queries ` +
      `agree that have nothing in common. ${with_rows.count} questions are left.\n\n` +
      sharesTable(with_rows.metrics, report),
    groups.length > 1 && "## By group\n\n" + table(
        ["Group", "Questions", ...shown.map((metric) => metricLabel(metric, report))],
        groups.map(({ name, count, metrics }) => [
          name,
          String(count),
          ...shown.map((metric) => metrics[metric] ? percent(metrics[metric].value) : ""),
        ]),
      ),
    componentsTable(report),
    speed(report),
    report.errors.length > 0 && "## Why answers are wrong\n\n" + table(
        ["Kind", "Answers"],
        report.errors.map(({ kind, count }) => [errorLabel(kind), String(count)]),
      ),
    comparison && comparisonSection(comparison, report),
  ];
  return sections.filter((section) => section).join("\n\n") + "\n";
}

function sharesTable(metrics: Shares, report: Report): string {
  return table(
    ["", "Share", "Interval", "Right"],
    METRICS.flatMap((metric) => {
      const share = metrics[metric];
      return share
        ? [[
          metricLabel(metric, report),
          percent(share.value),
          interval(share),
          `${share.right} of ${share.total}`,
        ]]
        : [];
    }),
  );
}

function componentsTable({ components }: Report): string | null {
  if (components === null) return null;
  const rows = Object.entries(components).map(([component, byGroup]) => [
    component,
    percent(byGroup.all.acc),
    percent(byGroup.all.rec),
    percent(byGroup.all.f1),
  ]);
  return "## Components\n\n" + table(["Component", "Precision", "Recall", "F1"], rows);
}

function speed({ latency_ms, tokens_per_second }: Report): string | null {
  if (latency_ms === null) return null;
  const rate = tokens_per_second === null ? "" : `, ${tokens_per_second.toFixed(1)} tokens/s`;
  return `## Speed\n\nLatency: ${duration(latency_ms.p50)} median, ${
    duration(latency_ms.p95)
  } at ` +
    `the 95th percentile, ${duration(latency_ms.mean)} mean of ${latency_ms.count} answers${rate}.`;
}

function comparisonSection(comparison: Comparison, report: Report): string {
  const { baseline, count, unmatched, metrics, gained, lost } = comparison;
  const label = metricLabel(comparison.flipped_by, report);
  const flips = (title: string, list: Comparison["gained"]) => {
    const items = list.slice(0, FLIPS_SHOWN).map((flip) =>
      [
        `- **${flip.id}**${flip.question ? `: ${oneLine(flip.question)}` : ""}`,
        ...[["gold", flip.gold], ["before", flip.baseline], ["now", flip.current]]
          .map(([name, sql]) => `  - ${name}: ${code(sql)}`),
      ].join("\n")
    );
    const rest = list.length - items.length;
    const more = rest > 0 ? `\n\n… and ${rest} more, in report.json.` : "";
    return `### ${title}: ${list.length}\n\n${items.join("\n") || "None."}${more}`;
  };
  return [
    "## Compared with the baseline",
    `Baseline: ${code(baseline)}. ${count} questions in both runs` +
    (unmatched > 0 ? `, ${unmatched} in only one.` : "."),
    table(
      ["", "Baseline", "This run", "Points", "Interval (paired)"],
      metrics.map(({ metric, baseline, current, difference }) => [
        metricLabel(metric, report),
        percent(baseline),
        percent(current),
        points(difference.value),
        differenceInterval(difference),
      ]),
    ),
    flips(`${label}: right now, wrong before`, gained),
    flips(`${label}: wrong now, right before`, lost),
  ].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => oneLine(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = `|${head.map((_, index) => index === 0 ? "---|" : "---:|").join("")}`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** Inline code, with more backticks around it than it has in a row. */
function code(text: string): string {
  const line = oneLine(text) || " ";
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return longest > 0 ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}
