/**
 * Sampling a token from logits.
 * @module
 */

/** How to sample. */
export interface SampleOptions {
  /** Above 0. */
  readonly temperature: number;
  /** Keeps the likeliest tokens that together reach this probability; 1 keeps all. */
  readonly topP: number;
  /** Keeps this many likeliest tokens; 0 keeps all. */
  readonly topK: number;
  /** In [0, 1): decides the token. */
  readonly uniform: number;
}

/**
 * Draws an index from softmax(logits / temperature) cut to top-k, then to top-p (at least one token
 * stays), as transformers orders them. Source of top-p: Holtzman et al. 2020, arXiv:1904.09751.
 */
export function sampleToken(logits: Float32Array, options: SampleOptions): number {
  const { temperature, topP, topK, uniform } = options;
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  if (topK > 0) order.length = Math.min(order.length, topK);
  const highest = logits[order[0]];
  const weights = order.map((id) => Math.exp((logits[id] - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let kept = 0, mass = 0;
  while (kept < order.length && (kept === 0 || mass < topP * total)) mass += weights[kept++];
  let left = uniform * mass;
  for (let i = 0; i < kept; i++) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[kept - 1];
}
