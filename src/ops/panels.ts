/**
 * Right operands of matrix products: packed into f32 panels of 64 columns, in a buffer or as texels.
 * Here alone the formats of weights differ.
 * @module
 */
import denseSource from "../../kernels/panels_dense.wgsl" with { type: "text" };
import denseTexelsSource from "../../kernels/panels_dense_texels.wgsl" with { type: "text" };
import nf4Source from "../../kernels/panels_nf4.wgsl" with { type: "text" };
import nf4TexelsSource from "../../kernels/panels_nf4_texels.wgsl" with { type: "text" };
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
  /** A range of columns of B as panels, which live in `scope`. */
  pack(scope: Scope, range: PanelRange): Operand;
}

/** The buffers of a weight, each with the way to unpack it. */
export function panelSources(weight: Weight): PanelSource[] {
  const { rows, columns } = weight;
  if (weight.kind === "nf4") {
    const pack = (scope: Scope, range: PanelRange) => packNf4(scope, weight, range);
    return [{ rowBegin: 0, rowCount: rows, columns, pack }];
  }
  return weight.parts.map(({ rowBegin, rowCount, values }) => ({
    rowBegin,
    rowCount,
    columns,
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
): Operand {
  const packed = emptyPanels(scope, range, count);
  const place = { w_stride: stride, w_offset: offset, w_batch: batch };
  const args = { packed, ...place, ...sizesOf(range) };
  const launch = {
    groups: [...groupsOf(range, 16), count] as const,
    constants: { FORMAT: DTYPE_CODES[dtype], TRANSPOSED: Number(range.transposed) },
  };
  if (!isTexels(packed)) {
    scope.device.run(denseKernel, "pack", { w: tensor, ...args }, launch);
    return packed;
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
  return packed;
}

function packNf4(scope: Scope, weight: Nf4Weight, range: PanelRange): Operand {
  const { columns, codes, absmax, tables } = weight;
  const packed = emptyPanels(scope, range, 1);
  const nested = weight.nested ?? tables; // bound but not read without double quantisation
  const args = { absmax, nested, tables, packed, columns, ...sizesOf(range) };
  const { transposed, columnBegin } = range;
  const constants = { DOUBLE: weight.nested ? 1 : 0, TRANSPOSED: Number(transposed) };
  if (!isTexels(packed)) {
    // Whole words of eight codes are read at once where they lie within a row.
    const inWords = columns % 8 === 0 && (!transposed || columnBegin % 8 === 0);
    const groups = groupsOf(range, 64);
    const entry = inWords ? "pack" : "pack_any";
    scope.device.run(nf4Kernel, entry, { codes, ...args }, { groups, constants });
  } else if (columns % NF4_BLOCK_SIZE === 0 && (!transposed || columnBegin % PANEL === 0)) {
    const groups = groupsOf(range, transposed ? 64 : 128);
    const entry = transposed ? "pack_transposed" : "pack";
    scope.device.run(nf4TexelsKernel, entry, { code_quads: codes, ...args }, { groups, constants });
  } else {
    const groups = groupsOf({ ...range, transposed: false }, 16);
    scope.device.run(nf4TexelsKernel, "pack_any", { codes, ...args }, { groups, constants });
  }
  return packed;
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
