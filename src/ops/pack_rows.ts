/**
 * Left operands of matrix products, packed so that the product kernels read them front to back.
 * @module
 */
import source from "../../kernels/pack_rows.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";

const kernel = new Kernel("pack_rows", source);

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
  readonly values: Tensor;
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
  const quads = Math.ceil(depth / 4), octets = Math.ceil(rows / 8);
  const values = scope.empty([count, octets, quads, 8, 4], { label: "packed rows" });
  const sizes = { m: rows, k: depth, a_stride: stride, a_offset: offset, a_batch: batch };
  const groups = [Math.ceil(quads / 8), octets, count] as const;
  if (allInQuads(depth, stride, offset, batch)) {
    scope.device.run(kernel, "pack", { a_quads: tensor, packed: values, ...sizes }, { groups });
  } else {
    scope.device.run(kernel, "pack_any", { a: tensor, packed: values, ...sizes }, { groups });
  }
  return { values, rows, depth, count };
}

/** Packs the left operand Bᵀ [rows, depth] of a `view` of B [depth, rows], all in multiples of 4. */
export function packTransposedRows(
  scope: Scope,
  { tensor, stride, offset = 0 }: MatrixView,
  { rows, depth }: { rows: number; depth: number },
): PackedRows {
  const quads = Math.ceil(depth / 4), octets = Math.ceil(rows / 8);
  const shape = [1, octets, quads, 8, 4];
  // Rows past the last are written by nothing where it is the fourth of its eight.
  const values = rows % 8 === 0 ? scope.empty(shape) : scope.zeros(shape);
  const sizes = { m: rows, k: depth, a_stride: stride, a_offset: offset, a_batch: 0 };
  scope.device.run(kernel, "pack_transposed", { a_quads: tensor, packed: values, ...sizes }, {
    groups: [Math.ceil(rows / 256), quads],
  });
  return { values, rows, depth, count: 1 };
}

/** Whether all offsets fall on whole vec4. */
export function allInQuads(...values: number[]): boolean {
  return values.every((value) => value % 4 === 0);
}
