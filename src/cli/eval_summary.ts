/**
 * What `deno task eval` prints at its end.
 * @module
 */
import { join } from "node:path";
import {
  differenceInterval,
  duration,
  errorLabel,
  interval,
  metricLabel,
  percent,
  points,
  type Report,
} from "../eval/report/report.ts";
import { METRICS } from "../eval/scored.ts";

const NAME = 24;

/** The report in a few lines. */
export function evalSummary(report: Report, folder: string): string {
  const { with_rows, groups, latency_ms, tokens_per_second, errors, comparison } = report;
  const lines = [`\n${report.benchmark}: ${report.count} questions`];
  for (const metric of METRICS) {
    const share = report.metrics[metric];
    if (share === undefined) continue;
    const rows = with_rows?.metrics[metric];
    const without = rows && metric === "exec"
      ? `   ${percent(rows.value)} of the ${with_rows!.count} whose database has rows`
      : "";
    lines.push(
      `  ${metricLabel(metric, report).padEnd(NAME)}${percent(share.value).padStart(8)}   ` +
        `${interval(share)}   ${share.right} of ${share.total}${without}`,
    );
  }
  for (const { name, count, metrics } of groups) {
    const shares = [metrics.exact, metrics.exec].flatMap((share, index) =>
      share ? [`${index === 0 ? "exact" : "exec"} ${percent(share.value)}`] : []
    );
    lines.push(`  ${`${name} (${count})`.padEnd(NAME)}${shares.join("   ")}`);
  }
  if (latency_ms !== null) {
    const rate = tokens_per_second === null ? "" : `, ${tokens_per_second.toFixed(1)} tokens/s`;
    lines.push(
      `  ${"Latency".padEnd(NAME)}p50 ${duration(latency_ms.p50)}, p95 ` +
        `${duration(latency_ms.p95)}${rate}`,
    );
  }
  if (errors.length > 0) {
    const kinds = errors.map(({ kind, count }) => `${errorLabel(kind)} ${count}`).join(", ");
    lines.push(`  ${"Errors".padEnd(NAME)}${kinds}`);
  }
  if (comparison !== null) {
    lines.push(`Compared with ${comparison.baseline}, ${comparison.count} questions`);
    for (const { metric, baseline, current, difference } of comparison.metrics) {
      lines.push(
        `  ${metricLabel(metric, report).padEnd(NAME)}${percent(baseline).padStart(8)} → ` +
          `${percent(current)}   ${points(difference.value)} (${differenceInterval(difference)})`,
      );
    }
    const { gained, lost } = comparison;
    lines.push(`  ${"Flipped".padEnd(NAME)}${gained.length} to right, ${lost.length} to wrong`);
  }
  lines.push(`Written to ${join(folder, "report.html")}`);
  return lines.join("\n");
}
