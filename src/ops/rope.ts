/**
 * Rotary position embedding.
 * @module
 */
import source from "../../kernels/rope.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Scope, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("rope", source);

/** Cosines and sines [positions, D/2] of the rotation angles. */
export interface RopeTable {
  readonly cosines: Tensor;
  readonly sines: Tensor;
}

/**
 * The table for positions 0 to `positions` - 1: angle = position · theta^(-2i/D), in f32 as in
 * transformers, its cosine and sine taken in f64 and rounded.
 */
export function ropeTable(
  scope: Scope,
  options: { positions: number; headSize: number; theta: number },
): RopeTable {
  const { positions, headSize, theta } = options;
  const half = headSize / 2;
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => Math.fround(1 / Math.fround(theta ** Math.fround(2 * i / headSize))),
  );
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return {
    cosines: scope.upload(cosines, [positions, half], { label: "rope cosines" }),
    sines: scope.upload(sines, [positions, half], { label: "rope sines" }),
  };
}

/**
 * Gives a table that covers at least `positions` positions, making a longer one (in `scope`) where
 * the present one is too short. Earlier tables may not be used after that.
 */
export function growingRopeTable(
  scope: Scope,
  options: { headSize: number; theta: number },
): (positions: number) => RopeTable {
  let table: RopeTable | null = null;
  return (positions) => {
    const known = table?.cosines.shape[0] ?? 0;
    if (table && positions <= known) return table;
    if (table) {
      scope.release(table.cosines);
      scope.release(table.sines);
    }
    return table = ropeTable(scope, { ...options, positions: Math.max(positions, 2 * known, 256) });
  };
}

/**
 * Rotates `x` [N, heads, D] by its rows' `positions` [N] (u32, below the table's length), D even.
 * Throws ShapeError. Source: arXiv:2104.09864, in transformers' half-split layout.
 */
export function rope(tape: Tape, x: Tensor, positions: Tensor, table: RopeTable): Tensor {
  expectShape("rope", x, [null, null, null]);
  const [rows, heads, headSize] = x.shape;
  if (headSize % 2 !== 0) throw new ShapeError(`Cannot run rope: head size ${headSize} is odd`);
  expectShape("rope", positions, [rows], "u32");
  expectShape("rope", table.cosines, [null, headSize / 2]);
  const { device } = tape;
  const y = tape.output(x.shape, "rope");
  const rotate = (x: Tensor, y: Tensor, direction: 1 | -1, accumulate: 0 | 1) => {
    const half_size = headSize / 2;
    const args = { x, y, positions, ...table, rows, heads, half_size, direction, accumulate };
    device.run(kernel, "rotate", args, { threads: rows * heads * half_size });
  };
  rotate(x, y, 1, 0);
  tape.record(y, [x], (dy) => {
    const dx = tape.gradientTarget(x);
    if (dx) rotate(dy, dx.tensor, -1, dx.accumulate);
  });
  return y;
}
