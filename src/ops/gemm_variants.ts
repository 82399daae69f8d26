/**
 * The kernels of matrix products, each in several sizes, and which of them a device runs.
 * @module
 */
import gemmSubgroupSource from "../../kernels/gemm_subgroup.wgsl" with { type: "text" };
import gemmTiledSource from "../../kernels/gemm_tiled.wgsl" with { type: "text" };
import gemmTnSubgroupSource from "../../kernels/gemm_tn_subgroup.wgsl" with { type: "text" };
import gemmTnTiledSource from "../../kernels/gemm_tn_tiled.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { type Choice, chosenVariant, runsSubgroupKernels, type Variant } from "./variants.ts";

/** A variant with the rows and columns of the result that one workgroup computes. */
export interface ProductVariant extends Variant {
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

/** The variant that a device runs for products whose left operands have so many rows. */
export function productVariant(device: Device, rows: number): ProductVariant {
  const choice = productChoices.find((choice) => rows <= choice.rows) ?? productChoices.at(-1)!;
  return chosenVariant(device, choice);
}

/** Whether that variant reads its operands as texels; else it reads them from buffers. */
export function readsTexels(device: Device, rows: number): boolean {
  return productVariant(device, rows).kernel === kernels.subgroup;
}

export const tnSubgroup: ProductVariant = {
  name: "subgroup-16x64",
  kernel: kernels.tnSubgroup,
  constants: {},
  rows: 16,
  columns: 64,
  runsOn: runsSubgroupKernels,
};
export const tnTiled = tnTiledVariant(32);

/** Products of a transposed matrix. */
export const transposedChoice: Choice<ProductVariant> = {
  name: "gemm_tn",
  variants: [tnSubgroup, tnTiled, tnTiledVariant(16), tnTiledVariant(64)],
  defaultFor: (device) => runsSubgroupKernels(device) ? tnSubgroup : tnTiled,
};
