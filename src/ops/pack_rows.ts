/**
 * Left operands of matrix products, packed so that the product kernels read them front to back.
 * @module
 */
import source from "../../kernels/pack_rows.wgsl" with { type: "text" };
import texelsSource from "../../kernels/pack_rows_texels.wgsl" with { type: "text" };
import { Kernel, type Operand } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import { readsTexels } from "./gemm_variants.ts";

const kernel = new Kernel("pack_rows", source);
const texelsKernel = new Kernel("pack_rows_texels", texelsSource);

/** Matrices inside a row-major f32 tensor, in elements. */
export interface MatrixView {
  readonly tensor: Tensor;
  /** From one row to the next. */
  readonly stride: number;
  /** To the first element. Default 0. */
  readonly offset?: number;
  /** From one matrix to the next. Default 0. */
  readonly batch?: number;
}

/** Left operands [rows, depth] as the product reads them. */
export interface PackedRows {
  readonly values: Operand;
  readonly rows: number;
  readonly depth: number;
  /** How many matrices. */
  readonly count: number;
}

/** Packs `count` left operands [rows, depth]; the result lives in `scope`. */
export function packRows(
  scope: Scope,
  view: MatrixView,
  shape: { rows: number; depth: number; count?: number },
): PackedRows {
  const { rows, depth, count = 1 } = shape;
  const { tensor, stride, offset = 0, batch = 0 } = view;
  const packed = emptyRows(scope, { rows, depth, count });
  const sizes = { m: rows, k: depth, a_stride: stride, a_offset: offset, a_batch: batch };
  const groups = [Math.ceil(depth / 32), Math.ceil(rows / 8), count] as const;
  const inQuads = allInQuads(depth, stride, offset, batch);
  const args = { packed: packed.values, ...sizes };
  if (inQuads) scope.device.run(packed.kernel, "pack", { a_quads: tensor, ...args }, { groups });
  else scope.device.run(packed.kernel, "pack_any", { a: tensor, ...args }, { groups });
  return { values: packed.values, rows, depth, count };
}

/** Packs the left operand Bᵀ [rows, depth] of a `view` of B [depth, rows], all in multiples of 4. */
export function packTransposedRows(
  scope: Scope,
  { tensor, stride, offset = 0 }: MatrixView,
  { rows, depth }: { rows: number; depth: number },
): PackedRows {
  const packed = emptyRows(scope, { rows, depth, count: 1 });
  scope.device.run(packed.kernel, "pack_transposed", {
    a_quads: tensor,
    packed: packed.values,
    m: rows,
    k: depth,
    a_stride: stride,
    a_offset: offset,
    a_batch: 0,
  }, { groups: [Math.ceil(rows / 256), Math.ceil(depth / 4)] });
  return { values: packed.values, rows, depth, count: 1 };
}

/** Room for packed rows where the product will read them, and the kernel that writes there. */
function emptyRows(
  scope: Scope,
  { rows, depth, count }: { rows: number; depth: number; count: number },
): { values: Operand; kernel: Kernel } {
  const quads = Math.ceil(depth / 4), octets = Math.ceil(rows / 8);
  const label = "packed rows";
  return readsTexels(scope.device, rows)
    ? { values: scope.texels(count * octets * quads * 8, { label }), kernel: texelsKernel }
    : { values: scope.empty([count, octets, quads, 8, 4], { label }), kernel };
}

/** Whether all offsets fall on whole vec4. */
export function allInQuads(...values: number[]): boolean {
  return values.every((value) => value % 4 === 0);
}
