/**
 * A float32 sum whose last bit is that of PyTorch, which the offset of double quantisation is
 * compared by. Floating-point addition depends on its order; this is the order of PyTorch's x86 CPU
 * kernel on one thread (ATen/native/cpu/SumKernel.cpp; from 32768 elements on, more threads would
 * split the sum and change it).
 * @module
 */

/**
 * The sum of `values` [n] in float32, added in PyTorch's order: 8 lanes of 4 interleaved cascades,
 * the rest after the last whole 8 first.
 */
export function sumF32(values: Float32Array): number {
  const lanes = values.length < 8 ? 1 : 8;
  const rows = Math.floor(values.length / lanes);
  const quads = Math.floor(rows / 4);
  let total = 0;
  for (let i = rows * lanes; i < values.length; i++) total = Math.fround(total + values[i]);
  for (let lane = 0; lane < lanes; lane++) {
    const partial = [0, 1, 2, 3].map((k) => cascade(values, k * lanes + lane, 4 * lanes, quads));
    for (let row = quads * 4; row < rows; row++) {
      partial[0] = Math.fround(partial[0] + values[row * lanes + lane]);
    }
    const sum = partial.reduce((a, b) => Math.fround(a + b));
    total = Math.fround(total + sum);
  }
  return total;
}

/** Sums `count` strided values over four levels, each of which takes the sums of the one before. */
function cascade(values: Float32Array, begin: number, stride: number, count: number): number {
  const bits = Math.max(4, Math.floor(Math.ceil(Math.log2(Math.max(count, 1))) / 4));
  const mask = 2 ** bits - 1;
  const levels = new Float32Array(4);
  for (let i = 1; i <= count; i++) {
    levels[0] += values[begin + (i - 1) * stride];
    if ((i & mask) !== 0) continue;
    for (let level = 1; level < 4; level++) {
      levels[level] += levels[level - 1];
      levels[level - 1] = 0;
      if ((i & mask * 2 ** (level * bits)) !== 0) break;
    }
  }
  return levels.reduce((a, b) => Math.fround(a + b));
}
