/**
 * Matrix products of f32, one or many of a shape in one launch. Operands are packed first, so that the
 * product kernels read them front to back. Each product has two kernels, one for CPU adapters with
 * subgroups of eight lanes and one through workgroup memory for all others, and these several sizes.
 * @module
 */
import type { Device } from "../device/device.ts";
import { isTexels } from "../device/kernel.ts";
import {
  PANEL,
  type ProductVariant,
  productVariant,
  tnSubgroup,
  tnTiled,
  transposedChoice,
} from "./gemm_variants.ts";
import { allInQuads, type MatrixView, type PackedRows } from "./pack_rows.ts";
import type { Panels } from "./panels.ts";
import { chosenVariant } from "./variants.ts";

function groupsOf(
  { rows, columns }: ProductVariant,
  [m, n, count]: [number, number, number],
): [number, number, number] {
  return [Math.ceil(m / rows), Math.ceil(n / columns), count];
}

/** What becomes of a product: `c = alpha · product`, or `c += …` with `accumulate` 1. */
export interface ProductOptions {
  readonly alpha?: number;
  readonly accumulate?: 0 | 1;
}

/**
 * `c[M, N] (+)= alpha · A · B` for each of the `count` operands that `a` holds. `panels` are right
 * operands as `panels.ts` packs them, each used by `share` consecutive products.
 */
export function product(
  device: Device,
  operands: { a: PackedRows; panels: Panels; share?: number; columns: number; c: MatrixView },
  options: ProductOptions = {},
): void {
  const { a, panels, share = 1, columns, c } = operands;
  const { alpha = 1, accumulate = 0 } = options;
  const { tensor, stride, offset = 0, batch = 0 } = c;
  const args = {
    a: a.values,
    b: panels.values,
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
  const chosen = productVariant(device, a.rows);
  const { kernel, constants } = chosen;
  const groups = groupsOf(chosen, [a.rows, columns, a.count]);
  if (isTexels(a.values)) {
    const HALVES = columns <= PANEL / 2 ? 1 : 2;
    const launch = { groups, constants: { ...constants, HALVES, NF4: panels.nf4 } };
    const inQuads = allInQuads(columns, stride, offset, batch);
    if (inQuads) device.run(kernel, "main_quads", { ...args, c_quads: tensor }, launch);
    else device.run(kernel, "main", { ...args, c: tensor }, launch);
  } else {
    device.run(kernel, "main", { ...args, c: tensor }, { groups, constants });
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
  const wanted = chosenVariant(device, transposedChoice);
  const chosen = wanted !== tnSubgroup || allInQuads(...steps) ? wanted : tnTiled;
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
  }, {
    groups: groupsOf(chosen, [first.width, second.width, count]),
    constants: chosen.constants,
  });
}
