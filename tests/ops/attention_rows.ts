/**
 * Which rows see which, as the model says it to attention and as the reference wants it.
 * @module
 */
import type { AttentionRows } from "../../src/ops/attention.ts";

/** Sequences of these lengths end to end, as the model lays them out. */
export function rowsOf(
  lengths: readonly number[],
  slidingWindow: number | null = null,
): AttentionRows {
  let begin = 0;
  const spans = lengths.map((count) => {
    const span = { queryBegin: begin, queryCount: count, keyBegin: begin, keyCount: count };
    begin += count;
    return span;
  });
  return { spans, slidingWindow };
}

/** The same said once more for the reference: a row sees its sequence's last `window` rows. */
export function visible(lengths: readonly number[], window: number | null) {
  const keyBegin: number[] = [];
  for (const length of lengths) {
    const start = keyBegin.length;
    for (let i = 0; i < length; i++) {
      keyBegin.push(window === null ? start : Math.max(start, start + i + 1 - window));
    }
  }
  return { keyBegin, keyEnd: keyBegin.map((_, i) => i + 1) };
}
