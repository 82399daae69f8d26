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

/** Whether all offsets fall on whole vec4. */
export function allInQuads(...values: number[]): boolean {
  return values.every((value) => value % 4 === 0);
}
