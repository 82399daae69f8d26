/**
 * Sampling a token from logits.
 * @module
 */

/** Which tokens may be drawn, and how likely each is. */
export interface FilterOptions {
  /** Above 0; the logits are divided by it. */
  readonly temperature: number;
  /** Keeps the likeliest tokens that together reach this probability; 1 keeps all. */
  readonly topP: number;
  /** Keeps this many likeliest tokens, and those as likely as the last of them; 0 keeps all. */
  readonly topK: number;
}

/** How to sample. */
export interface SampleOptions extends FilterOptions {
  /** In [0, 1): decides the token. */
  readonly uniform: number;
}

/** The tokens that are left, the likeliest first, of equal ones the lower id. */
export interface Candidates {
  readonly ids: Uint32Array;
  /** In proportion to the probabilities; they add up to `total`. */
  readonly weights: Float64Array;
  readonly total: number;
}

/**
 * softmax(logits / temperature) cut to top-k, then to top-p of what is left; one token stays at
 * least. Order and ties are those of the logits processors of transformers. Null where a logit is NaN
 * or +∞, or all are -∞. Source of top-p: Holtzman et al. 2020, arXiv:1904.09751.
 */
export function filterTokens(logits: Float32Array, options: FilterOptions): Candidates | null {
  const { temperature, topP, topK } = options;
  const ids = descending(logits);
  if (ids === null) return null;
  let kept = ids.length;
  if (topK > 0 && topK < kept) {
    const last = logits[ids[topK - 1]];
    for (kept = topK; kept < ids.length && logits[ids[kept]] === last;) kept++;
  }
  const highest = logits[ids[0]];
  const weights = new Float64Array(kept);
  let total = 0;
  for (let i = 0; i < kept; i++) {
    total += weights[i] = Math.exp((logits[ids[i]] - highest) / temperature);
  }
  if (topP < 1) {
    const wanted = topP * total;
    total = weights[0];
    for (kept = 1; kept < weights.length && total < wanted;) total += weights[kept++];
  }
  return { ids: ids.subarray(0, kept), weights: weights.subarray(0, kept), total };
}

/** Draws an index from {@linkcode filterTokens}; null where that is. */
export function sampleToken(logits: Float32Array, options: SampleOptions): number | null {
  const candidates = filterTokens(logits, options);
  if (candidates === null) return null;
  const { ids, weights, total } = candidates;
  let left = options.uniform * total;
  for (let i = 0; i < ids.length; i++) {
    left -= weights[i];
    if (left < 0) return ids[i];
  }
  return ids[ids.length - 1];
}

const INFINITY_BITS = 0x7f800000;
/** More than any vocabulary has; with 32 bits of rank it leaves a float64 exact. */
const PLACES = 2 ** 20;

/**
 * Indices from the largest to the least value, the lower one first on ties; null if there is NaN or
 * +∞, or only -∞. Sorts numbers made of the value's rank and the index, which needs no comparator.
 */
function descending(values: Float32Array): Uint32Array | null {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const keys = new Float64Array(values.length);
  for (let i = 0; i < keys.length; i++) {
    const magnitude = bits[i] & 0x7fffffff;
    const negative = bits[i] !== magnitude;
    if (magnitude > INFINITY_BITS || (magnitude === INFINITY_BITS && !negative)) return null;
    keys[i] = (negative ? -magnitude : magnitude) * PLACES + (PLACES - 1 - i);
  }
  keys.sort();
  const order = new Uint32Array(keys.length);
  for (let i = 0; i < order.length; i++) {
    const key = keys[keys.length - 1 - i];
    order[i] = PLACES - 1 - (key - Math.floor(key / PLACES) * PLACES);
  }
  return values[order[0]] === -Infinity ? null : order;
}
