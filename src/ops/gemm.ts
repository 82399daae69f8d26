/**
 * Matrix products of f32, one or many of a shape in one launch. Operands are packed first, so that the
 * product kernels read them front to back. Each product has two kernels: one for CPU adapters with
 * subgroups of eight lanes, and one through workgroup memory for all others.
 * @module
 */
import gemmSubgroupSource from "../../kernels/gemm_subgroup.wgsl" with { type: "text" };
import gemmTiledSource from "../../kernels/gemm_tiled.wgsl" with { type: "text" };
import gemmTnSubgroupSource from "../../kernels/gemm_tn_subgroup.wgsl" with { type: "text" };
import gemmTnTiledSource from "../../kernels/gemm_tn_tiled.wgsl" with { type: "text" };
import packRowsSource from "../../kernels/pack_rows.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";

/** A kernel with the rows and columns of the result that one workgroup computes. */
interface Variant {
  readonly kernel: Kernel;
  readonly rows: number;
  readonly columns: number;
}

/** Columns of a panel of the right operand, and of the result that a workgroup computes. */
export const PANEL = 64;

const gemm = {
  subgroup: variant("gemm_subgroup", gemmSubgroupSource, 32),
  tiled: variant("gemm_tiled", gemmTiledSource, 64),
};
const gemmTn = {
  subgroup: variant("gemm_tn_subgroup", gemmTnSubgroupSource, 16),
  tiled: variant("gemm_tn_tiled", gemmTnTiledSource, 32),
};
const packRowsKernel = new Kernel("pack_rows", packRowsSource);

/** Lanes that the subgroup kernels are written for. */
const SUBGROUP_SIZE = 8;

function variant(name: string, source: string, rows: number): Variant {
  return { kernel: new Kernel(name, source), rows, columns: PANEL };
}

function groupsOf(
  { rows, columns }: Variant,
  [m, n, count]: [number, number, number],
): [number, number, number] {
  return [Math.ceil(m / rows), Math.ceil(n / columns), count];
}

function hasSubgroups(device: Device): boolean {
  return device.info.subgroupSize === SUBGROUP_SIZE;
}

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

/** What becomes of a product: `c = alpha · product`, or `c += …` with `accumulate` 1. */
export interface ProductOptions {
  readonly alpha?: number;
  readonly accumulate?: 0 | 1;
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
    scope.device.run(packRowsKernel, "pack", { a_quads: tensor, packed: values, ...sizes }, {
      groups,
    });
  } else {
    scope.device.run(packRowsKernel, "pack_any", { a: tensor, packed: values, ...sizes }, {
      groups,
    });
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
  scope.device.run(
    packRowsKernel,
    "pack_transposed",
    { a_quads: tensor, packed: values, ...sizes },
    {
      groups: [Math.ceil(rows / 256), quads],
    },
  );
  return { values, rows, depth, count: 1 };
}

/**
 * `c[M, N] (+)= alpha · A · B` for each of the `count` operands that `a` holds. `panels` are right
 * operands as `panels.ts` packs them, each used by `share` consecutive products.
 */
export function product(
  device: Device,
  operands: { a: PackedRows; panels: Tensor; share?: number; columns: number; c: MatrixView },
  options: ProductOptions = {},
): void {
  const { a, panels, share = 1, columns, c } = operands;
  const { alpha = 1, accumulate = 0 } = options;
  const { tensor, stride, offset = 0, batch = 0 } = c;
  const args = {
    a: a.values,
    b: panels,
    m: a.rows,
    n: columns,
    k: a.depth,
    c_stride: stride,
    c_offset: offset,
    c_batch: batch,
    b_share: share,
    alpha,
    accumulate,
  };
  const chosen = hasSubgroups(device) ? gemm.subgroup : gemm.tiled;
  const groups = groupsOf(chosen, [a.rows, columns, a.count]);
  if (chosen === gemm.subgroup && allInQuads(columns, stride, offset, batch)) {
    device.run(chosen.kernel, "main_quads", { ...args, c_quads: tensor }, { groups });
  } else {
    device.run(chosen.kernel, "main", { ...args, c: tensor }, { groups });
  }
}

/**
 * `c[M, N] (+)= alpha · a[K, M]ᵀ · b[K, N]` for `count` operands. Nothing is packed: a column of `a`
 * and of `b` is as good to read as a row.
 */
export function transposedProduct(
  device: Device,
  operands: { a: MatrixView; b: MatrixView; c: MatrixView },
  shape: { m: number; n: number; k: number; count?: number },
  options: ProductOptions = {},
): void {
  const { m, n, k, count = 1 } = shape;
  const { alpha = 1, accumulate = 0 } = options;
  const { c } = operands;
  const left = { view: operands.a, width: m, cStride: c.stride };
  const right = { view: operands.b, width: n, cStride: 1 };
  // The kernels want the narrower operand first; C's strides put the result in its place.
  const [first, second] = m <= n ? [left, right] : [right, left];
  const steps = [left, right].flatMap((
    { view },
  ) => [view.stride, view.offset ?? 0, view.batch ?? 0]);
  const chosen = hasSubgroups(device) && allInQuads(...steps) ? gemmTn.subgroup : gemmTn.tiled;
  device.run(chosen.kernel, "main", {
    a: first.view.tensor,
    b: second.view.tensor,
    c: c.tensor,
    m: first.width,
    n: second.width,
    k,
    a_stride: first.view.stride,
    a_offset: first.view.offset ?? 0,
    a_batch: first.view.batch ?? 0,
    b_stride: second.view.stride,
    b_offset: second.view.offset ?? 0,
    b_batch: second.view.batch ?? 0,
    c_offset: c.offset ?? 0,
    c_batch: c.batch ?? 0,
    c_row_stride: first.cStride,
    c_column_stride: second.cStride,
    alpha,
    accumulate,
  }, { groups: groupsOf(chosen, [first.width, second.width, count]) });
}

/** Whether all offsets fall on whole vec4. */
function allInQuads(...values: number[]): boolean {
  return values.every((value) => value % 4 === 0);
}
