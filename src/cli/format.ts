/**
 * Numbers as people read them. All functions are pure.
 * @module
 */

export { formatBytes } from "../formats/bytes.ts";

/** `45s`, `3m 05s`, `2h 07m`, `1d 03h`; `?` where there is no number yet. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?";
  const total = Math.round(seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (total < 60) return `${total}s`;
  if (total < 3600) return `${Math.floor(total / 60)}m ${two(total % 60)}s`;
  if (total < 86400) return `${Math.floor(total / 3600)}h ${two(total % 3600 / 60)}m`;
  return `${Math.floor(total / 86400)}d ${two(total % 86400 / 3600)}h`;
}

/** `0.52`, `87`, `1.2k`, `3.4M`, for rates and counts. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (value >= 999_950) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 999.5) return `${(value / 1e3).toFixed(1)}k`;
  return value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

/** A loss: four decimals, or an exponent below 0.001. */
export function formatLoss(loss: number): string {
  if (!Number.isFinite(loss)) return String(loss);
  return loss !== 0 && Math.abs(loss) < 1e-3 ? loss.toExponential(2) : loss.toFixed(4);
}

/** A learning rate: `2e-4`, `1.87e-4`, `0`. */
export function formatLearningRate(rate: number): string {
  return rate === 0 ? "0" : String(Number(rate.toPrecision(3)).toExponential());
}

/** `████░░░░`: `fraction` (0 to 1) of `width` characters. */
export function formatBar(fraction: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

/** The last `width` values as bars of eight heights, from the least to the greatest of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const finite = shown.filter(Number.isFinite);
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low;
  return shown.map((value) => {
    if (!Number.isFinite(value)) return " ";
    return "▁▂▃▄▅▆▇█"[range === 0 ? 0 : Math.round((value - low) / range * 7)];
  }).join("");
}
