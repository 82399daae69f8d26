/**
 * The rows of the bench's table. All functions are pure.
 * @module
 */
import type { BenchRow, Measurement } from "./bench_measure.ts";

const NAME_WIDTH = 64;

/** The heading over the rows. */
export const BENCH_HEADING: string = tableRow("measurement", "time", "rate", "share");

/** A row for people to read. */
export function benchRow(row: BenchRow): string {
  if ("reason" in row) return `${row.name.padEnd(NAME_WIDTH)}   not measured: ${row.reason}`;
  const { name, seconds, rate, unit } = row;
  return tableRow(
    name,
    `${(seconds * 1000).toFixed(2)} ms`,
    `${rate.toFixed(1)} ${unit}`,
    held(row),
  );
}

function held({ share, ratio, of, also = [] }: Measurement): string {
  const percent = (share: number, of?: string) => `${(share * 100).toFixed(1)} % of ${of}`;
  const further = also.map(({ share, of }) => percent(share, of));
  if (share !== undefined) return [percent(share, of), ...further].join(", ");
  return ratio === undefined ? "" : `${ratio.toFixed(2)} × ${of}`;
}

function tableRow(name: string, time: string, rate: string, share: string): string {
  return `${name.padEnd(NAME_WIDTH)}${time.padStart(12)}${rate.padStart(18)}   ${share}`.trimEnd();
}
