/**
 * Argmax, for greedy decoding.
 * @module
 */
import source from "../../kernels/argmax.wgsl" with { type: "text" };
import { foldRows, Kernel } from "../device/kernel.ts";
import { expectShape, type Scope, type Tensor } from "../device/tensor.ts";

const kernel = new Kernel("argmax", source);

/** What {@linkcode argmax} gives for a row with NaN or +∞, or of nothing but -∞. */
export const NO_INDEX = 0xffffffff;

/**
 * Index of the largest element of each row of `x` [N, V]: u32 [N]; the first on ties, and
 * {@linkcode NO_INDEX} where the largest is no finite number.
 */
export function argmax(scope: Scope, x: Tensor): Tensor {
  expectShape("argmax", x, [null, null]);
  const [rows, width] = x.shape;
  const indices = scope.empty([rows], { dtype: "u32", label: "argmax" });
  scope.device.run(kernel, "argmax", { x, indices, rows, width }, { groups: foldRows(rows) });
  return indices;
}
