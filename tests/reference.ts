/**
 * What every operation should compute, in plain loops over f64. Slow and obvious on purpose.
 * @module
 */
type Values = ArrayLike<number>;

/** `a + b`. */
export function add(a: Values, b: Values): Float64Array {
  return Float64Array.from(a, (value, i) => value + b[i]);
}

/** RMSNorm of rows of `width`. */
export function rmsnorm(x: Values, weight: Values, epsilon: number): Float64Array {
  const width = weight.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    let squares = 0;
    for (let c = 0; c < width; c++) squares += x[row + c] ** 2;
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let c = 0; c < width; c++) y[row + c] = weight[c] * x[row + c] * scale;
  }
  return y;
}

/** Rotary embedding of [rows, heads, size] in the half-split layout. */
export function rope(
  x: Values,
  positions: Values,
  sizes: { heads: number; headSize: number; theta: number },
): Float64Array {
  const { heads, headSize, theta } = sizes;
  const half = headSize / 2;
  const y = new Float64Array(x.length);
  for (let row = 0; row < positions.length; row++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < half; i++) {
        const angle = positions[row] * theta ** (-2 * i / headSize);
        const first = (row * heads + h) * headSize + i;
        const second = first + half;
        y[first] = x[first] * Math.cos(angle) - x[second] * Math.sin(angle);
        y[second] = x[second] * Math.cos(angle) + x[first] * Math.sin(angle);
      }
    }
  }
  return y;
}

/** `silu(gate) · up`. */
export function swiglu(gate: Values, up: Values): Float64Array {
  return Float64Array.from(gate, (g, i) => g / (1 + Math.exp(-g)) * up[i]);
}

/** `x[M, K] · w[N, K]ᵀ · scale`. */
export function multiply(
  x: Values,
  w: Values,
  sizes: { m: number; n: number; k: number; scale?: number },
): Float64Array {
  const { m, n, k, scale = 1 } = sizes;
  const y = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[row * k + i] * w[column * k + i];
      y[row * n + column] = sum * scale;
    }
  }
  return y;
}

/** Matrix transpose of [rows, columns]. */
export function transpose(x: Values, rows: number, columns: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
  }
  return y;
}

/** Attention of query rows over the keys `keyBegin[i]` to `keyEnd[i]` - 1. */
export function attention(
  q: Values,
  k: Values,
  v: Values,
  options: { heads: number; kvHeads: number; headSize: number; keyBegin: Values; keyEnd: Values },
): Float64Array {
  const { heads, kvHeads, headSize, keyBegin, keyEnd } = options;
  const o = new Float64Array(q.length);
  for (let row = 0; row < keyBegin.length; row++) {
    for (let h = 0; h < heads; h++) {
      const group = Math.floor(h / (heads / kvHeads));
      const at = (row * heads + h) * headSize;
      const keys = Array.from(
        { length: keyEnd[row] - keyBegin[row] },
        (_, j) => ((keyBegin[row] + j) * kvHeads + group) * headSize,
      );
      const scores = keys.map((key) => {
        let sum = 0;
        for (let d = 0; d < headSize; d++) sum += q[at + d] * k[key + d];
        return sum / Math.sqrt(headSize);
      });
      const weights = softmax(scores);
      keys.forEach((key, j) => {
        for (let d = 0; d < headSize; d++) o[at + d] += weights[j] * v[key + d];
      });
    }
  }
  return o;
}

function softmax(scores: readonly number[]): number[] {
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Cross-entropy per row of [targets.length, V] logits. */
export function crossEntropy(logits: Values, targets: Values): Float64Array {
  const vocabulary = logits.length / targets.length;
  return Float64Array.from(targets, (target, row) => {
    const scores = Array.from({ length: vocabulary }, (_, v) => logits[row * vocabulary + v]);
    return -Math.log(softmax(scores)[target]);
  });
}

/** The rows `rows` of a matrix of `width` columns. */
export function gatherRows(x: Values, rows: Values, width: number): Float64Array {
  return Float64Array.from(
    { length: rows.length * width },
    (_, i) => x[rows[Math.floor(i / width)] * width + i % width],
  );
}

/** The random 32-bit word of element `i`: PCG-RXS-M-XS of the element, mixed with the seed, again. */
export function randomWord(i: number, seed: number): number {
  return pcg((pcg(i) ^ seed) >>> 0);
}

function pcg(value: number): number {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** `x / (1 - p)` where the random word of element `begin + i` is at least p · 2³², else 0. */
export function dropout(
  x: Values,
  { probability, seed, begin = 0 }: { probability: number; seed: number; begin?: number },
): Float64Array {
  return Float64Array.from(
    x,
    (value, i) =>
      randomWord(begin + i, seed) >= probability * 2 ** 32 ? value / (1 - probability) : 0,
  );
}

/** The 2-norm over all gradients, and the factor that clips it as in PyTorch (`maxNorm` 0: 1). */
export function clipping(
  gradients: readonly Values[],
  maxNorm: number,
): { norm: number; factor: number } {
  let squares = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) squares += gradient[i] ** 2;
  }
  const norm = Math.sqrt(squares);
  return { norm, factor: maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1 };
}

/** One step of AdamW as in PyTorch, in place. */
export function adamw(
  state: { weight: Float64Array; m: Float64Array; v: Float64Array },
  gradient: Values,
  options: {
    learningRate: number;
    weightDecay: number;
    step: number;
    beta1: number;
    beta2: number;
    epsilon: number;
  },
): void {
  const { weight, m, v } = state;
  const { learningRate, weightDecay, step, beta1, beta2, epsilon } = options;
  for (let i = 0; i < weight.length; i++) {
    m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
    v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] ** 2;
    const mean = m[i] / (1 - beta1 ** step);
    const variance = v[i] / (1 - beta2 ** step);
    weight[i] -= learningRate * weightDecay * weight[i];
    weight[i] -= learningRate * mean / (Math.sqrt(variance) + epsilon);
  }
}
