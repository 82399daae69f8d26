/**
 * Right operands of matrix products: packed into f32 panels of 64 columns. Here alone the formats of
 * weights differ.
 * @module
 */
import denseSource from "../../kernels/panels_dense.wgsl" with { type: "text" };
import nf4Source from "../../kernels/panels_nf4.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import { PANEL } from "./gemm.ts";
import type { MatrixView } from "./pack_rows.ts";
import { type DenseDType, DTYPE_CODES, type Nf4Weight, type Weight } from "./weight.ts";

const denseKernel = new Kernel("panels_dense", denseSource);
const nf4Kernel = new Kernel("panels_nf4", nf4Source);

/** Columns of the right operand B [depth, columns]: B = Wᵀ, or B = W if transposed. */
export interface PanelRange {
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
  pack(scope: Scope, range: PanelRange): Tensor;
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
): Tensor {
  const packed = emptyPanels(scope, range, count);
  const place = { w_stride: stride, w_offset: offset, w_batch: batch };
  scope.device.run(denseKernel, "pack", { w: tensor, packed, ...place, ...sizesOf(range) }, {
    groups: [...groupsOf(range, 16), count],
    constants: { FORMAT: DTYPE_CODES[dtype], TRANSPOSED: Number(range.transposed) },
  });
  return packed;
}

function packNf4(scope: Scope, weight: Nf4Weight, range: PanelRange): Tensor {
  const { columns, codes, absmax, tables } = weight;
  const packed = emptyPanels(scope, range, 1);
  const nested = weight.nested ?? tables; // bound but not read without double quantisation
  // Whole words of eight codes are read at once where they lie within a row.
  const inWords = columns % 8 === 0 && (!range.transposed || range.columnBegin % 8 === 0);
  const args = { codes, absmax, nested, tables, packed, columns, ...sizesOf(range) };
  scope.device.run(nf4Kernel, inWords ? "pack" : "pack_any", args, {
    groups: groupsOf(range, 64),
    constants: { DOUBLE: weight.nested ? 1 : 0, TRANSPOSED: Number(range.transposed) },
  });
  return packed;
}

/** Room for panels; depth is padded to a multiple of 4. */
function emptyPanels(scope: Scope, { columnCount, depth }: PanelRange, count: number): Tensor {
  const shape = [count, Math.ceil(columnCount / PANEL), Math.ceil(depth / 4) * 4, PANEL];
  return scope.empty(shape, { label: "panels" });
}

function sizesOf({ depth, columnBegin, columnCount }: PanelRange) {
  return { depth, column_begin: columnBegin, column_count: columnCount };
}

/** Workgroups along depth and columns; a transposed weight is walked the other way, row by row. */
function groupsOf(range: PanelRange, depthStep: number): [number, number] {
  const along = Math.ceil(range.depth / depthStep), across = Math.ceil(range.columnCount / PANEL);
  return range.transposed ? [across, along] : [along, across];
}
