/**
 * Cross-entropy loss.
 * @module
 */
import source from "../../kernels/cross_entropy.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Tensor } from "../device/tensor.ts";
import { launchRows } from "./row_launch.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("cross_entropy", source);

/**
 * The negative log likelihood, in nats, of `targets` [M] (u32) under `logits` [M, V]: f32 [M], one
 * per row and not averaged. A target of V or more gives NaN. Throws ShapeError.
 */
export function crossEntropy(tape: Tape, logits: Tensor, targets: Tensor): Tensor {
  expectShape("cross-entropy", logits, [null, null]);
  const [rows, vocabulary] = logits.shape;
  expectShape("cross-entropy", targets, [rows], "u32");
  const { device } = tape;
  const losses = tape.output([rows], "losses");
  const log_sum = tape.output([rows], "log sums");
  const sizes = { rows, vocabulary };
  const args = { logits, targets, losses, log_sums: log_sum, ...sizes };
  device.run(kernel, "forward", args, launchRows(device, rows, vocabulary));
  tape.record(losses, [logits], (d_losses) => {
    const target = tape.gradientTarget(logits);
    if (!target) return;
    using scope = device.scope("cross-entropy backward");
    const d_logits = target.accumulate ? scope.empty(logits.shape) : target.tensor;
    const args = { logits, targets, log_sum, d_losses, d_logits, ...sizes };
    device.run(kernel, "backward", args, { threads: rows * vocabulary });
    if (target.accumulate) tape.accumulate(logits, d_logits);
  });
  return losses;
}
