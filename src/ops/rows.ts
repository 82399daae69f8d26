/**
 * Choosing rows: target rows before the vocabulary projection, the KV cache, and keys that several
 * sequences share.
 * @module
 */
import source from "../../kernels/rows.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Scope, sizeOf, type Tensor } from "../device/tensor.ts";
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

/** Which of N rows are taken, in which order and how often: K in all, u32. */
export interface RowUses {
  /** [K] the row that is taken. */
  readonly rows: Tensor;
  /** [K] places in `rows`, those of the same row side by side and ascending. */
  readonly places: Tensor;
  /** [N + 1] where in `places` those of a row begin. */
  readonly starts: Tensor;
}

/** Puts into `scope` that the rows `rows`, below `count`, are taken one after the other. */
export function rowUses(scope: Scope, rows: readonly number[], count: number): RowUses {
  const starts = new Uint32Array(count + 1);
  for (const row of rows) starts[row + 1]++;
  for (let row = 0; row < count; row++) starts[row + 1] += starts[row];
  const next = starts.slice();
  const places = new Uint32Array(rows.length);
  rows.forEach((row, place) => places[next[row]++] = place);
  const upload = (values: Uint32Array<ArrayBuffer>) =>
    scope.upload(values, [values.length], { label: "uses of rows" });
  return { rows: upload(Uint32Array.from(rows)), places: upload(places), starts: upload(starts) };
}

/**
 * The rows of `x` [N, …] that `uses` takes: f32 [K, …]. The gradient of a row is the sum over its
 * uses. Throws ShapeError.
 */
export function takeRows(tape: Tape, x: Tensor, { rows, places, starts }: RowUses): Tensor {
  const [total, ...rest] = x.shape;
  const count = rows.shape[0], width = sizeOf(rest);
  expectShape("take rows", rows, [null], "u32");
  expectShape("take rows", places, [count], "u32");
  expectShape("take rows", starts, [total + 1], "u32");
  const { device } = tape;
  const y = tape.output([count, ...rest], x.label);
  device.run(kernel, "gather", { x, rows, y, count, width }, { threads: count * width });
  tape.record(y, [x], (dy) => {
    const dx = tape.gradientTarget(x);
    if (!dx) return;
    const args = { x: dy, places, starts, y: dx.tensor, count: total, width };
    const { accumulate } = dx;
    device.run(kernel, "sum_uses", { ...args, accumulate }, { threads: total * width });
  });
  return y;
}

/** Which rows go where: M of each, u32. */
export interface RowMoves {
  /** [M] */
  readonly from: Tensor;
  /** [M], distinct. */
  readonly to: Tensor;
}

/** Copies rows of `x` [N, …] to rows of `target` [N', …]. Not differentiable. Throws ShapeError. */
export function moveRows(device: Device, x: Tensor, target: Tensor, { from, to }: RowMoves): void {
  const [count] = to.shape, rest = x.shape.slice(1), width = sizeOf(rest);
  expectShape("move rows", x, x.shape);
  expectShape("move rows", from, [count], "u32");
  expectShape("move rows", to, [null], "u32");
  expectShape("move rows", target, [null, ...rest]);
  const args = { x, places: from, rows: to, y: target, count, width };
  device.run(kernel, "move_rows", args, { threads: count * width });
}
