/**
 * Turns ragged batches into the arrays a forward pass reads.
 * @module
 */
import type { Scope } from "../device/tensor.ts";
import { attentionTiles } from "../ops/attention_subgroup.ts";
import type { ForwardInput } from "./network.ts";

/** Sequences laid end to end without padding; N rows. */
export interface SequenceRows {
  readonly tokens: Uint32Array;
  /** [N] index of each row in its sequence. */
  readonly positions: Uint32Array;
  /** Rows [start, end) of each sequence. */
  readonly sequences: readonly { readonly start: number; readonly end: number }[];
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
  const spans = sequences.map(({ start, end }) => ({
    queryBegin: start,
    queryCount: end - start,
    keyBegin: start,
    keyCount: end - start,
  }));
  return {
    tokens,
    positions: scope.upload(positions, [positions.length], { label: "positions" }),
    length: Math.max(...spans.map((span) => span.keyCount)),
    attention: { spans, slidingWindow, tiles: attentionTiles(scope, spans) },
    cache: null,
  };
}
