/**
 * Matrix products of f32, one or many of a shape in one launch. Operands are packed first, so that the
 * product kernels read them front to back. Each product has two kernels, one for CPU adapters with
 * subgroups of eight lanes and one through workgroup memory for all others, and these several sizes.
 * @module
 */
import gemmSubgroupSource from "../../kernels/gemm_subgroup.wgsl" with { type: "text" };
import gemmTiledSource from "../../kernels/gemm_tiled.wgsl" with { type: "text" };
import gemmTnSubgroupSource from "../../kernels/gemm_tn_subgroup.wgsl" with { type: "text" };
import gemmTnTiledSource from "../../kernels/gemm_tn_tiled.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Tensor } from "../device/tensor.ts";
import { allInQuads, type MatrixView, type PackedRows } from "./pack_rows.ts";
import { type Choice, chosenVariant, runsSubgroupKernels, type Variant } from "./variants.ts";

/** A variant with the rows and columns of the result that one workgroup computes. */
interface ProductVariant extends Variant {
  readonly rows: number;
  readonly columns: number;
}

/** Columns of a panel of the right operand. */
export const PANEL = 64;

/** Bytes of workgroup memory that a row or column of a tile takes: sixteen depths of f32. */
const TILE_LINE_BYTES = 64;

const kernels = {
  subgroup: new Kernel("gemm_subgroup", gemmSubgroupSource),
  tiled: new Kernel("gemm_tiled", gemmTiledSource),
  tnSubgroup: new Kernel("gemm_tn_subgroup", gemmTnSubgroupSource),
  tnTiled: new Kernel("gemm_tn_tiled", gemmTnTiledSource),
};

function subgroupVariant(rows: number): ProductVariant {
  return {
    name: `subgroup-${rows}x${PANEL}`,
    kernel: kernels.subgroup,
    constants: { ROWS: rows },
    rows,
    columns: PANEL,
    runsOn: runsSubgroupKernels,
  };
}

/** `quads` vec4 of eight rows each are one invocation's. */
function tiledVariant(rows: number, columns: number, quads: number): ProductVariant {
  const WG = rows / 8 * columns / 4 / quads;
  return {
    name: `tiled-${rows}x${columns}-8x${4 * quads}`,
    kernel: kernels.tiled,
    constants: { ROWS: rows, COLUMNS: columns, QUADS: quads, WG },
    rows,
    columns,
    runsOn: ({ gpu: { limits } }) =>
      WG <= limits.maxComputeInvocationsPerWorkgroup &&
      (rows + columns) * TILE_LINE_BYTES <= limits.maxComputeWorkgroupStorageSize,
  };
}

function tnTiledVariant(rows: number): ProductVariant {
  const constants = { ROWS: rows, WG: 4 * rows };
  const runsOn = ({ gpu: { limits } }: Device) =>
    constants.WG <= limits.maxComputeInvocationsPerWorkgroup;
  const name = `tiled-${rows}x64-4x4`;
  return { name, kernel: kernels.tnTiled, constants, rows, columns: 64, runsOn };
}

const subgroup8 = subgroupVariant(8), subgroup16 = subgroupVariant(16);
const subgroup32 = subgroupVariant(32), tiled64 = tiledVariant(64, 64, 1);

const gemmVariants: readonly ProductVariant[] = [
  subgroup32,
  subgroup8,
  subgroup16,
  subgroupVariant(24),
  subgroupVariant(40),
  tiled64,
  tiledVariant(8, 128, 1),
  tiledVariant(16, 64, 1),
  tiledVariant(16, 128, 1),
  tiledVariant(32, 64, 1),
  tiledVariant(32, 128, 2),
  tiledVariant(64, 64, 2),
  tiledVariant(64, 128, 2),
  tiledVariant(128, 64, 1),
  tiledVariant(128, 64, 2),
  tiledVariant(128, 128, 2),
];

/** A choice for products of at most so many rows. */
export interface ProductChoice extends Choice<ProductVariant> {
  readonly rows: number;
}

/** Products by the rows of their left operands; what has more than the last takes the last. */
export const productChoices: readonly ProductChoice[] = [
  { rows: 8, bySubgroups: subgroup8 },
  { rows: 16, bySubgroups: subgroup16 },
  { rows: 32, bySubgroups: subgroup32 },
  { rows: 128, bySubgroups: subgroup32 },
  { rows: 512, bySubgroups: subgroup32 },
].map(({ rows, bySubgroups }) => ({
  name: `gemm_${rows}_rows`,
  rows,
  variants: gemmVariants,
  defaultFor: (device) => runsSubgroupKernels(device) ? bySubgroups : tiled64,
}));

const tnSubgroup: ProductVariant = {
  name: "subgroup-16x64",
  kernel: kernels.tnSubgroup,
  constants: {},
  rows: 16,
  columns: 64,
  runsOn: runsSubgroupKernels,
};
const tnTiled = tnTiledVariant(32);

/** Products of a transposed matrix. */
export const transposedChoice: Choice<ProductVariant> = {
  name: "gemm_tn",
  variants: [tnSubgroup, tnTiled, tnTiledVariant(16), tnTiledVariant(64)],
  defaultFor: (device) => runsSubgroupKernels(device) ? tnSubgroup : tnTiled,
};

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
  const choice = productChoices.find(({ rows }) => a.rows <= rows) ?? productChoices.at(-1)!;
  const chosen = chosenVariant(device, choice);
  const { kernel, constants } = chosen;
  const groups = groupsOf(chosen, [a.rows, columns, a.count]);
  if (kernel === kernels.subgroup) {
    const launch = { groups, constants: { ...constants, HALVES: columns <= PANEL / 2 ? 1 : 2 } };
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
