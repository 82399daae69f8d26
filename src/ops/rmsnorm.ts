/**
 * RMSNorm.
 * @module
 */
import source from "../../kernels/rmsnorm.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Tensor } from "../device/tensor.ts";
import { launchRows } from "./row_launch.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("rmsnorm", source);

/** Rows that one invocation sums: software adapters end a loop silently after 65,535 rounds. */
const MAX_LOOP_ROWS = 32_768;

/**
 * Scales each row of `x` [N, C] to unit root mean square and multiplies by `weight` [C]; f32.
 * `epsilon` is added to the mean square. Throws ShapeError. Source: arXiv:1910.07467.
 */
export function rmsnorm(tape: Tape, x: Tensor, weight: Tensor, epsilon: number): Tensor {
  expectShape("rmsnorm", x, [null, null]);
  const [rows, width] = x.shape;
  expectShape("rmsnorm", weight, [width]);
  const { device } = tape;
  const y = tape.output(x.shape, "rmsnorm");
  const s = tape.output([rows], "rmsnorm scale");
  const perRow = launchRows(device, rows, width);
  device.run(kernel, "forward", { x, weight, y, scales: s, rows, width, epsilon }, perRow);
  tape.record(y, [x, weight], (dy) => {
    const dx = tape.gradientTarget(x);
    if (dx) {
      const { tensor, accumulate } = dx;
      const args = { x, weight, s, dy, dx: tensor, rows, width, accumulate };
      device.run(kernel, "backward", args, perRow);
    }
    const dWeight = tape.gradientTarget(weight);
    if (dWeight) {
      if (!dWeight.accumulate) device.clear(dWeight.tensor);
      for (let first_row = 0; first_row < rows; first_row += MAX_LOOP_ROWS) {
        const count = Math.min(MAX_LOOP_ROWS, rows - first_row);
        const args = { x, s, dy, d_weight: dWeight.tensor, rows: count, width, first_row };
        device.run(kernel, "backward_weight", args, { threads: width });
      }
    }
  });
  return y;
}
