/**
 * The loss of a batch.
 * @module
 */
import type { Tensor } from "../device/tensor.ts";
import { concatenate } from "../ops/concatenate.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { type Linear, linear } from "../ops/linear.ts";
import { gatherRows } from "../ops/rows.ts";
import type { Tape } from "../ops/tape.ts";

/** Bytes of logits that exist at once. */
const MAX_LOGITS_BYTES = 32 * 2 ** 20;

/** Which rows of the hidden states predict a target, and what they must predict; M each. */
export interface Targets {
  readonly targetRows: Uint32Array;
  readonly targetIds: Uint32Array;
}

/**
 * The cross-entropy (nats) of each target: f32 [M], to be summed and divided by whoever knows the
 * count of targets. Only target rows of `hidden` [N, C] are projected to the vocabulary, and that in
 * chunks whose logits are made again in the backward pass rather than kept.
 */
export function targetLosses(
  tape: Tape,
  hidden: Tensor,
  output: Linear,
  { targetRows, targetIds }: Targets,
): Tensor {
  const chunkRows = Math.max(1, Math.floor(MAX_LOGITS_BYTES / (4 * output.weight.rows)));
  const chunks: Tensor[] = [];
  for (let begin = 0; begin < targetRows.length; begin += chunkRows) {
    const end = begin + chunkRows;
    chunks.push(tape.checkpoint(hidden, (hidden) => {
      const rows = tape.scope.upload(targetRows.slice(begin, end));
      const ids = tape.scope.upload(targetIds.slice(begin, end));
      return crossEntropy(tape, linear(tape, gatherRows(tape, hidden, rows), output), ids);
    }));
  }
  return concatenate(tape, chunks);
}
