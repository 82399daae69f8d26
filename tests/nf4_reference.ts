/**
 * NF4 of bitsandbytes in plain loops of float32 arithmetic that give its bytes: what the GPU kernels
 * are held against.
 * @module
 */
import { FormatError, ShapeError } from "../src/errors.ts";
import { dynamicMap } from "../src/formats/dynamic_map.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../src/formats/half.ts";
import {
  type FloatDtype,
  NESTED_BLOCK_SIZE,
  NF4_BLOCK_SIZE,
  NF4_CODES,
} from "../src/formats/nf4.ts";
import { sumF32 } from "../src/formats/sum.ts";

/** The 15 f32 midpoints between neighbouring codes. A value on one takes the lower code. */
export const NF4_MIDPOINTS: Float32Array<ArrayBuffer> = midpoints(NF4_CODES);

const DYNAMIC_MAP = dynamicMap({ signed: true });
const DYNAMIC_MIDPOINTS = midpoints(DYNAMIC_MAP);

/** Stands in for an absmax of zero, so that no block divides by it. */
const TINY = Math.fround(1e-38);

/** A weight of n elements as NF4. */
export interface Nf4Blocks {
  /** Two codes a byte, the first in the high nibble: ceil(n / 2) bytes. */
  readonly packed: Uint8Array<ArrayBuffer>;
  /** One scale per block: ceil(n / blockSize). */
  readonly absmax: Float32Array<ArrayBuffer>;
}

/** The absmax values of a weight (m of them) under double quantisation. */
export interface NestedAbsmax {
  /** An index into {@linkcode dynamicMap} per absmax: m bytes. */
  readonly absmax: Uint8Array<ArrayBuffer>;
  /** One scale per 256: ceil(m / 256). */
  readonly nestedAbsmax: Float32Array<ArrayBuffer>;
  /** The mean of the absmax values, an f32. */
  readonly nestedOffset: number;
}

/**
 * Quantises `values` [n] (any shape, row-major) to NF4. An odd count is padded with the code of 0.
 * Throws {@linkcode FormatError} where a value is NaN or infinite, {@linkcode ShapeError} for a
 * blockSize that is no positive integer.
 */
export function quantizeNf4(
  values: Float32Array,
  { blockSize = NF4_BLOCK_SIZE }: { readonly blockSize?: number } = {},
): Nf4Blocks {
  checkBlockSize(blockSize);
  const { codes, absmax } = quantizeBlocks(values, blockSize, NF4_MIDPOINTS);
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  for (let k = 0; k < packed.length; k++) packed[k] = codes[2 * k] << 4 | (codes[2 * k + 1] ?? 7);
  return { packed, absmax };
}

/** What {@linkcode dequantizeNf4} is to give. */
export interface DequantizeOptions {
  /** Elements to restore: n. */
  readonly count: number;
  readonly blockSize?: number;
  /** Default float32. */
  readonly dtype?: FloatDtype;
}

/**
 * Restores a weight: code × absmax in f32, rounded to `dtype` but given as float32 [n].
 * Throws {@linkcode ShapeError} where packed or absmax do not fit `count`.
 */
export function dequantizeNf4(
  { packed, absmax }: Nf4Blocks,
  { count, blockSize = NF4_BLOCK_SIZE, dtype = "float32" }: DequantizeOptions,
): Float32Array<ArrayBuffer> {
  checkBlockSize(blockSize);
  checkLength("packed codes", packed.length, Math.ceil(count / 2));
  checkLength("absmax", absmax.length, Math.ceil(count / blockSize));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const code = i % 2 === 0 ? packed[i >> 1] >> 4 : packed[i >> 1] & 15;
    values[i] = NF4_CODES[code] * absmax[Math.floor(i / blockSize)];
  }
  return roundTo(values, dtype);
}

/**
 * Quantises absmax values [m] to 8 bits: their mean is taken off, and the rest is stored in blocks of
 * 256 as index into {@linkcode dynamicMap} and one scale.
 * Throws {@linkcode FormatError} where a value, or the mean, is not finite.
 *
 * numerics: as the PyTorch form of bitsandbytes, which finds the nearest entry. Its compiled CPU form
 * takes the other neighbour for a few values close to a midpoint.
 */
export function doubleQuantize(absmax: Float32Array): NestedAbsmax {
  const nestedOffset = absmax.length === 0 ? 0 : Math.fround(sumF32(absmax) / absmax.length);
  if (!Number.isFinite(nestedOffset)) {
    throw new FormatError(
      "Cannot quantise absmax to 8 bits: their mean is not finite; " +
        "the weights are damaged, fetch them again",
    );
  }
  const { codes, absmax: nestedAbsmax } = quantizeBlocks(
    absmax.map((value) => value - nestedOffset),
    NESTED_BLOCK_SIZE,
    DYNAMIC_MIDPOINTS,
  );
  return { absmax: codes, nestedAbsmax, nestedOffset };
}

/**
 * Restores absmax values [m]: map × scale, rounded to f32, then plus the offset.
 * Throws {@linkcode ShapeError} where the scales do not fit their number.
 */
export function doubleDequantize(
  { absmax, nestedAbsmax, nestedOffset }: NestedAbsmax,
): Float32Array<ArrayBuffer> {
  checkLength("nested absmax", nestedAbsmax.length, Math.ceil(absmax.length / NESTED_BLOCK_SIZE));
  return Float32Array.from(absmax, (code, i) => {
    const scale = nestedAbsmax[Math.floor(i / NESTED_BLOCK_SIZE)];
    return Math.fround(DYNAMIC_MAP[code] * scale) + nestedOffset;
  });
}

/**
 * Per block, the largest magnitude, and per element the number of `bounds` below element / absmax.
 * As in bitsandbytes, full blocks multiply by the reciprocal, and only a short last one divides and
 * stores {@linkcode TINY} where it is all zero.
 */
function quantizeBlocks(
  values: Float32Array,
  blockSize: number,
  bounds: Float32Array,
): { codes: Uint8Array<ArrayBuffer>; absmax: Float32Array<ArrayBuffer> } {
  const codes = new Uint8Array(values.length);
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize;
    const end = Math.min(begin + blockSize, values.length);
    let most = 0;
    for (let i = begin; i < end; i++) {
      if (!Number.isFinite(values[i])) throw notFinite(values[i], i);
      most = Math.max(most, Math.abs(values[i]));
    }
    const divisor = Math.max(most, TINY);
    const short = end - begin < blockSize;
    absmax[block] = short ? divisor : most;
    const reciprocal = Math.fround(1 / divisor);
    for (let i = begin; i < end; i++) {
      const scaled = Math.fround(short ? values[i] / divisor : values[i] * reciprocal);
      codes[i] = countBelow(bounds, scaled);
    }
  }
  return { codes, absmax };
}

/** How many of 2^k - 1 ascending bounds are strictly below `value`. */
function countBelow(bounds: Float32Array, value: number): number {
  let count = 0;
  for (let step = bounds.length + 1 >> 1; step > 0; step >>= 1) {
    if (bounds[count + step - 1] < value) count += step;
  }
  return count;
}

function roundTo(values: Float32Array<ArrayBuffer>, dtype: FloatDtype): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case "float32":
      return values;
    case "bfloat16":
      return decodeBf16(encodeBf16(values));
    case "float16":
      return decodeF16(encodeF16(values));
  }
}

function checkBlockSize(blockSize: number): void {
  if (Number.isSafeInteger(blockSize) && blockSize > 0) return;
  throw new ShapeError(
    `Cannot use NF4 blocks of ${blockSize} elements: not a positive integer; use ${NF4_BLOCK_SIZE}`,
  );
}

function checkLength(what: string, length: number, expected: number): void {
  if (length === expected) return;
  throw new ShapeError(
    `Cannot dequantise NF4: ${length} ${what} where the shape needs ${expected}; ` +
      "check that the tensors belong together",
  );
}

function notFinite(value: number, index: number): FormatError {
  return new FormatError(
    `Cannot quantise to NF4: element ${index} is ${value}; ` +
      "the weights are damaged, fetch them again",
  );
}

function midpoints(values: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: values.length - 1 },
    (_, i) => Math.fround(values[i] + values[i + 1]) / 2,
  );
}
