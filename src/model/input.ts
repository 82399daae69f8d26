/**
 * Turns ragged batches into the arrays a forward pass reads.
 * @module
 */
import type { Scope } from "../device/tensor.ts";
import type { ForwardInput } from "./network.ts";

/** Sequences laid end to end without padding; N rows. */
export interface SequenceRows {
  readonly tokens: Uint32Array;
  readonly positions: Uint32Array;
  /** First row of the row's sequence. */
  readonly sequenceStart: Uint32Array;
  /** One past the last row of the row's sequence. */
  readonly sequenceEnd: Uint32Array;
}

/**
 * The input for whole sequences: every row sees the rows of its own sequence up to itself, at most
 * `slidingWindow` of them. The arrays on the GPU live in `scope`.
 */
export function sequenceInput(
  scope: Scope,
  rows: SequenceRows,
  slidingWindow: number | null,
): ForwardInput {
  const { tokens, positions, sequenceStart, sequenceEnd } = rows;
  const window = slidingWindow ?? Infinity;
  const keyBegin = sequenceStart.map((start, i) => Math.max(start, i - window + 1));
  const keyEnd = tokens.map((_, i) => i + 1);
  const queryEnd = sequenceEnd.map((end, i) => Math.min(end, i + window));
  const upload = (data: Uint32Array, label: string) => scope.upload(data, [data.length], { label });
  return {
    tokens,
    positions: upload(positions, "positions"),
    length: positions.reduce((most, position) => Math.max(most, position + 1), 1),
    ranges: {
      keyBegin: upload(keyBegin, "key begin"),
      keyEnd: upload(keyEnd, "key end"),
      queryEnd: upload(queryEnd, "query end"),
    },
    cache: null,
  };
}

/** One sequence as rows. */
export function singleSequence(ids: ArrayLike<number>): SequenceRows {
  const tokens = Uint32Array.from(ids);
  return {
    tokens,
    positions: tokens.map((_, i) => i),
    sequenceStart: new Uint32Array(tokens.length),
    sequenceEnd: new Uint32Array(tokens.length).fill(tokens.length),
  };
}
