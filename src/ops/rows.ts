/**
 * Choosing rows: target rows before the vocabulary projection, and the KV cache.
 * @module
 */
import source from "../../kernels/rows.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, sizeOf, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("rows", source);

/** Rows `rows` [M] (u32, distinct, below N) of `x` [N, C]: f32 [M, C]. Throws ShapeError. */
export function gatherRows(tape: Tape, x: Tensor, rows: Tensor): Tensor {
  expectShape("gather rows", x, [null, null]);
  expectShape("gather rows", rows, [null], "u32");
  const { device } = tape;
  const count = rows.shape[0], width = x.shape[1];
  const y = tape.output([count, width], "rows");
  const launch = { threads: count * width };
  device.run(kernel, "gather", { x, rows, y, count, width }, launch);
  tape.record(y, [x], (dy) => {
    const dx = tape.gradientTarget(x);
    if (!dx) return;
    if (!dx.accumulate) device.clear(dx.tensor);
    device.run(kernel, "scatter_add", { x: dy, rows, y: dx.tensor, count, width }, launch);
  });
  return y;
}

/** Writes the rows of `x` [M, …] to rows `rows` [M] (u32, distinct) of `target`. Not differentiable. */
export function scatterRows(device: Device, x: Tensor, rows: Tensor, target: Tensor): void {
  const count = x.shape[0], width = sizeOf(x.shape.slice(1));
  expectShape("scatter rows", x, x.shape);
  expectShape("scatter rows", rows, [count], "u32");
  expectShape("scatter rows", target, [null, ...x.shape.slice(1)]);
  const args = { x, rows, y: target, count, width };
  device.run(kernel, "scatter", args, { threads: count * width });
}
