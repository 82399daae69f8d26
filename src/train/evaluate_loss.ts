/**
 * The loss over a set of batches, without training.
 * @module
 */
import { sequenceInput } from "../model/input.ts";
import { targetLosses } from "../model/loss.ts";
import type { Model } from "../model/model.ts";
import { Tape } from "../ops/tape.ts";
import type { RaggedBatch } from "../text/batch.ts";

/** Mean cross-entropy (nats) over all target tokens of the batches. */
export async function evaluateLoss(
  model: Model,
  batches: readonly RaggedBatch[],
  signal?: AbortSignal,
): Promise<number> {
  const { device } = model.scope;
  let sum = 0, targets = 0;
  for (const batch of batches) {
    signal?.throwIfAborted();
    using scope = device.scope("evaluation");
    const tape = new Tape(scope);
    const input = sequenceInput(scope, batch, model.config.slidingWindow);
    const hidden = model.network.forward(tape, input);
    // sync: one read per batch keeps the sum exact on the host
    const losses = await device.readF32(targetLosses(tape, hidden, model.network.output, batch));
    for (const loss of losses) sum += loss;
    targets += losses.length;
  }
  return sum / targets;
}
