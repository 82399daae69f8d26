/**
 * Weights of linear layers and embeddings as they lie on the GPU. Whether a weight is dense or NF4 is
 * known here and in the matrix products, and nowhere else.
 * @module
 */
import { byteLengthOf, type DType, type Tensor } from "../device/tensor.ts";

/** Dtypes of dense weights. 16-bit weights stay 16-bit in memory and are widened when used. */
export type DenseDType = Extract<DType, "f32" | "f16" | "bf16">;

/** How kernels name the dtypes: the value of their FORMAT override. */
export const DTYPE_CODES: Readonly<Record<DenseDType, number>> = { f32: 0, f16: 1, bf16: 2 };

/** Consecutive rows of a dense weight, few enough for one binding. */
export interface DensePart {
  readonly rowBegin: number;
  readonly rowCount: number;
  /** [rowCount, columns]. */
  readonly values: Tensor;
}

/** A matrix [rows, columns] stored as it is. Linear layers: rows are outputs, columns inputs. */
export interface DenseWeight {
  readonly kind: "dense";
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: DenseDType;
  readonly parts: readonly DensePart[];
}

/** A matrix [rows, columns] in bitsandbytes' NF4 format, blocks of 64. */
export interface Nf4Weight {
  readonly kind: "nf4";
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Two codes a byte, the first in the high half: u8 [⌈rows·columns/2⌉]. */
  readonly codes: Tensor;
  /** Scale per block: f32, or u8 where the scales are quantised too. */
  readonly absmax: Tensor;
  /** Double quantisation: the offset, then a scale per 256 blocks; f32. */
  readonly nested: Tensor | null;
  /** The 16 codes' values, then the 256 values of the scale map; f32 [272]. */
  readonly tables: Tensor;
  /** The dtype it had before it was quantised; restored values are f32 all the same. */
  readonly dtype: DenseDType;
}

/** A frozen or trainable matrix. */
export type Weight = DenseWeight | Nf4Weight;

/** Bytes of GPU memory a weight takes. */
export function weightBytes(weight: Weight): number {
  const tensors = weight.kind === "dense"
    ? weight.parts.map((part) => part.values)
    : [weight.codes, weight.absmax, ...(weight.nested ? [weight.nested] : [])];
  return tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
}

/** Splits [rows, columns] into row ranges of at most `maxBytes` each. */
export function splitRows(
  shape: { rows: number; columns: number; dtype: DType },
  maxBytes: number,
): { rowBegin: number; rowCount: number }[] {
  const { rows, columns, dtype } = shape;
  // An even row count keeps the parts of 16-bit weights on whole words.
  const most = Math.max(2, Math.floor(maxBytes / byteLengthOf([columns], dtype) / 2) * 2);
  const ranges: { rowBegin: number; rowCount: number }[] = [];
  for (let rowBegin = 0; rowBegin < rows; rowBegin += most) {
    ranges.push({ rowBegin, rowCount: Math.min(most, rows - rowBegin) });
  }
  return ranges;
}
