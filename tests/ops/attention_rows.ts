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

/**
 * Sequences that share their first `prefix` rows, which come once, and then have `own` rows each, the
 * first one's right after the prefix: the spans of their queries, and the rows that their keys are.
 */
export function sharedRows(prefix: number, own: readonly number[], slidingWindow: number | null) {
  const keyRows: number[] = [], keyBegin: number[] = [], keyEnd: number[] = [];
  let row = prefix;
  const spans = own.map((count, i) => {
    const begin = keyRows.length, queries = i === 0 ? prefix + count : count;
    const shared = Array.from({ length: prefix }, (_, j) => j);
    keyRows.push(...shared, ...Array.from({ length: count }, (_, j) => row + j));
    row += count;
    const end = keyRows.length;
    for (let query = 0; query < queries; query++) {
      const seen = end - queries + query + 1;
      keyBegin.push(slidingWindow === null ? begin : Math.max(begin, seen - slidingWindow));
      keyEnd.push(seen);
    }
    return {
      queryBegin: i === 0 ? 0 : row - count,
      queryCount: queries,
      keyBegin: begin,
      keyCount: end - begin,
    };
  });
  return { rows: row, attention: { spans, slidingWindow }, keyRows, seen: { keyBegin, keyEnd } };
}
