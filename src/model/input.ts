/**
 * Turns ragged batches into the arrays a forward pass reads.
 * @module
 */
import type { Scope } from "../device/tensor.ts";
import { attentionTiles } from "../ops/attention_subgroup.ts";
import { rowUses } from "../ops/rows.ts";
import type { ForwardInput } from "./network.ts";

/** Sequences laid end to end without padding; N rows. */
export interface SequenceRows {
  readonly tokens: Uint32Array;
  /** [N] index of each row in its sequence. */
  readonly positions: Uint32Array;
  /** Rows [start, end) of each sequence; before these, if it has one, a `prefix` of rows of another. */
  readonly sequences: readonly (RowRange & { readonly prefix?: RowRange })[];
}

interface RowRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The input for whole sequences: every row sees the rows of its own sequence up to itself, at most
 * `slidingWindow` of them. What it puts on the GPU lives in `scope`.
 */
export function sequenceInput(
  scope: Scope,
  rows: SequenceRows,
  slidingWindow: number | null,
): ForwardInput {
  const { tokens, positions, sequences } = rows;
  const isShared = sequences.some(({ prefix }) => prefix !== undefined);
  // Where rows are shared, each sequence gets keys of its own, one after the other.
  const keyRows: number[] = [];
  const spans = sequences.map(({ start, end, prefix }) => {
    const queryCount = end - start;
    if (!isShared) return { queryBegin: start, queryCount, keyBegin: start, keyCount: queryCount };
    const keyBegin = keyRows.length;
    for (const range of prefix ? [prefix, { start, end }] : [{ start, end }]) {
      for (let row = range.start; row < range.end; row++) keyRows.push(row);
    }
    return { queryBegin: start, queryCount, keyBegin, keyCount: keyRows.length - keyBegin };
  });
  return {
    tokens,
    positions: scope.upload(positions, [positions.length], { label: "positions" }),
    length: Math.max(...spans.map((span) => span.keyCount)),
    attention: {
      spans,
      slidingWindow,
      tiles: attentionTiles(scope, spans),
      keys: isShared ? rowUses(scope, keyRows, tokens.length) : null,
    },
    cache: null,
  };
}
