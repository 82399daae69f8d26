/**
 * Right operands of matrix products: packed into panels of 64 columns, of f32 in a buffer or as texels,
 * or of NF4 codes as texels. Of the host's files the formats of weights differ here alone.
 * @module
 */
import denseSource from "../../kernels/panels_dense.wgsl" with { type: "text" };
import denseTexelsSource from "../../kernels/panels_dense_texels.wgsl" with { type: "text" };
import nf4Source from "../../kernels/panels_nf4.wgsl" with { type: "text" };
import nf4TexelsSource from "../../kernels/panels_nf4_texels.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { isTexels, Kernel, type Operand } from "../device/kernel.ts";
import type { Scope } from "../device/tensor.ts";
import { NF4_BLOCK_SIZE } from "../formats/nf4.ts";
import { PANEL, readsTexels } from "./gemm_variants.ts";
import { allInQuads, type MatrixView } from "./pack_rows.ts";
import { type DenseDType, DTYPE_CODES, type Nf4Weight, type Weight } from "./weight.ts";

const denseKernel = new Kernel("panels_dense", denseSource);
const denseTexelsKernel = new Kernel("panels_dense_texels", denseTexelsSource);
const nf4Kernel = new Kernel("panels_nf4", nf4Source);
const nf4TexelsKernel = new Kernel("panels_nf4_texels", nf4TexelsSource);

/** Texels of the table of code values, before the codes of NF4 panels. */
export const TABLE_TEXELS = 8;

/** Right operands as the product reads them. */
export interface Panels {
  readonly values: Operand;
  /** What they hold: values, or NF4 codes that the product restores; see `gemm_subgroup`'s NF4. */
  readonly nf4: 0 | 1 | 2;
}

/** Columns of the right operand B [depth, columns]: B = Wᵀ, or B = W if transposed. */
export interface PanelRange {
  /** Rows of the left operand: they decide where the product reads its panels from. */
  readonly rows: number;
  readonly transposed: boolean;
  readonly depth: number;
  readonly columnBegin: number;
  readonly columnCount: number;
}

/** Rows of a weight that lie in one buffer. */
export interface PanelSource {
  readonly rowBegin: number;
  readonly rowCount: number;
  readonly columns: number;
  /** Bytes of a panel of 64 columns, for a left operand of so many rows. */
  panelBytes(device: Device, of: { rows: number; depth: number }): number;
  /** A range of columns of B as panels, which live in `scope`. `columnBegin` is one panel's. */
  pack(scope: Scope, range: PanelRange): Panels;
}

/** The buffers of a weight, each with the way to pack it. */
export function panelSources(weight: Weight): PanelSource[] {
  const { rows, columns } = weight;
  if (weight.kind === "nf4") {
    return [{
      rowBegin: 0,
      rowCount: rows,
      columns,
      panelBytes: (device, { rows, depth }) =>
        isRestoredByProduct(device, weight, rows) ? 16 * codedTexels(1, depth) : valueBytes(depth),
      pack: (scope, range) => packNf4(scope, weight, range),
    }];
  }
  return weight.parts.map(({ rowBegin, rowCount, values }) => ({
    rowBegin,
    rowCount,
    columns,
    panelBytes: (_, { depth }) => valueBytes(depth),
    pack: (scope, range) =>
      packDense(scope, { tensor: values, stride: columns }, range, { dtype: weight.dtype }),
  }));
}

/** Packs a range of columns of each of `count` dense matrices W. */
export function packDense(
  scope: Scope,
  { tensor, stride, offset = 0, batch = 0 }: MatrixView,
  range: PanelRange,
  { dtype = "f32", count = 1 }: { dtype?: DenseDType; count?: number } = {},
): Panels {
  const packed = emptyPanels(scope, range, count);
  const panels: Panels = { values: packed, nf4: 0 };
  const place = { w_stride: stride, w_offset: offset, w_batch: batch };
  const args = { packed, ...place, ...sizesOf(range) };
  const launch = {
    groups: [...groupsOf(range, 16), count] as const,
    constants: { FORMAT: DTYPE_CODES[dtype], TRANSPOSED: Number(range.transposed) },
  };
  if (!isTexels(packed)) {
    scope.device.run(denseKernel, "pack", { w: tensor, ...args }, launch);
    return panels;
  }
  const { transposed, depth, columnBegin, columnCount } = range;
  const lengths = transposed ? [columnBegin, columnCount] : [depth];
  if (!allInQuads(stride, offset, batch, ...lengths)) {
    scope.device.run(denseTexelsKernel, "pack_any", { w: tensor, ...args }, launch);
  } else if (dtype === "f32") {
    scope.device.run(denseTexelsKernel, "pack_quads", { w_quads: tensor, ...args }, launch);
  } else {
    scope.device.run(denseTexelsKernel, "pack_halves", { w_halves: tensor, ...args }, launch);
  }
  return panels;
}

function packNf4(scope: Scope, weight: Nf4Weight, range: PanelRange): Panels {
  const { columns, codes, absmax, tables } = weight;
  const { rows, transposed, columnBegin, columnCount, depth } = range;
  const { device } = scope;
  const nested = weight.nested ?? tables; // bound but not read without double quantisation
  const scales = { absmax, nested, tables };
  const sizes = { columns, ...sizesOf(range) };
  const constants = { DOUBLE: weight.nested ? 1 : 0, TRANSPOSED: Number(transposed) };
  if (isRestoredByProduct(device, weight, rows)) {
    const panels = Math.ceil(columnCount / PANEL), quads = Math.ceil(depth / 4);
    const packed = scope.texels(codedTexels(panels, depth), { label: "NF4 panels" });
    const coded = { packed, ...sizes };
    device.run(
      nf4TexelsKernel,
      transposed ? "pack_codes_transposed" : "pack_codes",
      { code_quads: codes, ...coded },
      { groups: groupsOf(range, 256) },
    );
    const threads = Math.max(TABLE_TEXELS, panels * quads);
    device.run(nf4TexelsKernel, "pack_scales", { ...scales, ...coded }, { threads, constants });
    return { values: packed, nf4: transposed ? 2 : 1 };
  }
  const packed = emptyPanels(scope, range, 1);
  const args = { codes, ...scales, packed, ...sizes };
  if (isTexels(packed)) {
    const groups = groupsOf({ ...range, transposed: false }, 16);
    device.run(nf4TexelsKernel, "pack_values", args, { groups, constants });
  } else {
    // Whole words of eight codes are read at once where they lie within a row.
    const inWords = columns % 8 === 0 && (!transposed || columnBegin % 8 === 0);
    const groups = groupsOf(range, 64);
    device.run(nf4Kernel, inWords ? "pack" : "pack_any", args, { groups, constants });
  }
  return { values: packed, nf4: 0 };
}

/** Whether products restore the weight themselves: blocks of 64 must not cross its rows then. */
function isRestoredByProduct(device: Device, { columns }: Nf4Weight, rows: number): boolean {
  return readsTexels(device, rows) && columns % NF4_BLOCK_SIZE === 0;
}

/** Texels of coded panels: the table, then eight for codes and one for scales per four depths. */
function codedTexels(panels: number, depth: number): number {
  return TABLE_TEXELS + panels * Math.ceil(depth / 4) * 9;
}

/** Bytes of a panel of values. */
function valueBytes(depth: number): number {
  return PANEL * Math.ceil(depth / 4) * 4 * 4;
}

/** Room for panels where the product will read them; depth is padded to a multiple of 4. */
function emptyPanels(
  scope: Scope,
  { rows, columnCount, depth }: PanelRange,
  count: number,
): Operand {
  const panels = Math.ceil(columnCount / PANEL), quads = Math.ceil(depth / 4);
  const label = "panels";
  return readsTexels(scope.device, rows)
    ? scope.texels(count * panels * quads * PANEL, { label })
    : scope.empty([count, panels, quads * 4, PANEL], { label });
}

function sizesOf({ depth, columnBegin, columnCount }: PanelRange) {
  return { depth, column_begin: columnBegin, column_count: columnCount };
}

/** Workgroups along depth and columns; a transposed weight is walked the other way, row by row. */
function groupsOf(range: PanelRange, depthStep: number): [number, number] {
  const along = Math.ceil(range.depth / depthStep), across = Math.ceil(range.columnCount / PANEL);
  return range.transposed ? [across, along] : [along, across];
}
