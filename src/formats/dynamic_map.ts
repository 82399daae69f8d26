/**
 * The dynamic 8-bit types of bitsandbytes, in which it stores the scales of NF4 weights and the moments
 * of 8-bit optimizers: many values near 0, few near 1.
 *
 * Source: bitsandbytes 0.50 (`create_dynamic_map`) and Dettmers 2015, arXiv:1511.04561.
 * @module
 */

/** Elements that share a scale. */
export const DYNAMIC_BLOCK_SIZE = 256;

/**
 * The 256 values that codes stand for, ascending: for i = 0…6 the midpoints of 2^i (signed) or 2^(i+1)
 * (unsigned) equal parts of [0.1, 1], times 10^(i-6), with both signs or one; and 0 and 1.
 */
export function dynamicMap({ signed }: { signed: boolean }): Float32Array<ArrayBuffer> {
  const values = [0, 1];
  for (let i = 0; i < 7; i++) {
    const scale = Math.fround(10 ** (i - 6));
    const parts = signed ? 2 ** i : 2 ** (i + 1);
    for (const mean of midpoints(linspace(Math.fround(0.1), 1, parts + 1))) {
      const value = Math.fround(scale * mean);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return new Float32Array(values).sort();
}

/** The midpoint of each value and the next: f32 [n - 1]. */
export function midpoints(values: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: values.length - 1 },
    (_, i) => Math.fround(values[i] + values[i + 1]) / 2,
  );
}

/**
 * Equally spaced f32 values as PyTorch computes them: an f32 step, counted from the nearer end, with
 * one rounding per value (a fused multiply-add).
 */
function linspace(start: number, end: number, count: number): Float32Array<ArrayBuffer> {
  const step = Math.fround((end - start) / (count - 1));
  return Float32Array.from(
    { length: count },
    (_, i) => i < count / 2 ? start + step * i : end - step * (count - 1 - i),
  );
}
