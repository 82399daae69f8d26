/**
 * Causal attention.
 * @module
 */
import source from "../../kernels/attention.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("attention", source);
const MAX_HEAD_SIZE = 256;

/**
 * Which rows see which: query row i sees keys `keyBegin[i]` to `keyEnd[i]` - 1; in training key row j
 * is seen by queries j to `queryEnd[j]` - 1. u32 [N]. Sequence ends, causality and sliding windows
 * are all said this way, so rows of different sequences can lie end to end without padding.
 */
export interface AttentionRanges {
  readonly keyBegin: Tensor;
  readonly keyEnd: Tensor;
  /** Needed where gradients are wanted. */
  readonly queryEnd?: Tensor;
}

/**
 * Softmax attention of `q` [N, H, D] over `k`, `v` [K, G, D] with H a multiple of G (head h reads
 * key head floor(h / (H/G))), scaled by 1/√D. D is a multiple of 4 up to 256. Scores are never stored.
 * Throws ShapeError. Sources: arXiv:2205.14135, arXiv:2305.13245.
 */
export function attention(
  tape: Tape,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  ranges: AttentionRanges,
): Tensor {
  expectShape("attention", q, [null, null, null]);
  const [rows, heads, headSize] = q.shape;
  expectShape("attention", k, [null, null, headSize]);
  expectShape("attention", v, k.shape);
  const [keyRows, kvHeads] = k.shape;
  if (headSize % 4 !== 0 || headSize > MAX_HEAD_SIZE || heads % kvHeads !== 0) {
    throw new ShapeError(
      `Cannot run attention: ${heads} query heads over ${kvHeads} key heads of size ${headSize}; the ` +
        `first must be a multiple of the second, the size a multiple of 4 up to ${MAX_HEAD_SIZE}`,
    );
  }
  const { keyBegin: key_begin, keyEnd: key_end, queryEnd: query_end } = ranges;
  for (const range of [key_begin, key_end]) expectShape("attention", range, [rows], "u32");
  const { device } = tape;
  const constants = { QUARTERS: headSize / 4 };
  const scale = 1 / Math.sqrt(headSize);
  const sizes = { rows, heads, kv_heads: kvHeads, scale };
  const perQuery = { threads: rows * heads, constants };
  const o = tape.output(q.shape, "attention");
  const log_sum = tape.output([rows, heads], "attention log sums");
  device.run(
    kernel,
    "forward",
    { q, k, v, key_begin, key_end, o, log_sums: log_sum, ...sizes },
    perQuery,
  );
  tape.record(o, [q, k, v], (d_output) => {
    if (!query_end) throw new ShapeError("Cannot differentiate attention: queryEnd is missing");
    expectShape("attention", query_end, [keyRows], "u32");
    using scope = device.scope("attention backward");
    const delta = scope.empty([rows, heads]);
    device.run(
      kernel,
      "backward_delta",
      { output: o, d_output, deltas: delta, rows, heads },
      perQuery,
    );
    const shared = { q, k, v, log_sum, delta, d_output, ...sizes };
    const dq = tape.gradientTarget(q);
    if (dq) {
      const args = { ...shared, key_begin, key_end, dq: dq.tensor, accumulate_q: dq.accumulate };
      device.run(kernel, "backward_q", args, perQuery);
    }
    // One kernel writes both, so it needs both even where only one is wanted.
    const discard = () => ({ tensor: scope.empty(k.shape), accumulate: 0 });
    const dk = tape.gradientTarget(k), dv = tape.gradientTarget(v);
    if (!dk && !dv) return;
    const { tensor: dkTensor, accumulate: accumulate_k } = dk ?? discard();
    const { tensor: dvTensor, accumulate: accumulate_v } = dv ?? discard();
    const args = { ...shared, query_end, dk: dkTensor, dv: dvTensor, accumulate_k, accumulate_v };
    const perKey = { threads: keyRows * kvHeads, constants };
    device.run(kernel, "backward_kv", { ...args, rows: keyRows }, perKey);
  });
  return o;
}
