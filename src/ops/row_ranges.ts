/**
 * Parts of a matrix by rows.
 * @module
 */
import type { Device } from "../device/device.ts";
import type { Scope, Tensor } from "../device/tensor.ts";

/** Rows `begin` to `end` (exclusive) of a matrix. */
export interface RowRange {
  readonly begin: number;
  readonly end: number;
}

/** Cuts the rows of `x` [N, C] into ranges of at most `maxRows`, as even as can be. */
export function rowRanges(x: Tensor, maxRows: number): RowRange[] {
  const rows = x.shape[0];
  const count = Math.ceil(rows / maxRows);
  return Array.from({ length: count }, (_, i) => ({
    begin: Math.floor(i * rows / count),
    end: Math.floor((i + 1) * rows / count),
  }));
}

/** A copy of some rows of the f32 matrix `x`. */
export function copyRows(scope: Scope, x: Tensor, { begin, end }: RowRange): Tensor {
  const width = x.shape[1];
  const rows = scope.empty([end - begin, width], { label: x.label });
  scope.device.copy(x, rows, { sourceOffset: 4 * begin * width, byteLength: rows.byteLength });
  return rows;
}

/** Overwrites some rows of the f32 matrix `x`. */
export function writeRows(device: Device, x: Tensor, { begin }: RowRange, rows: Tensor): void {
  device.copy(rows, x, { targetOffset: 4 * begin * x.shape[1] });
}
