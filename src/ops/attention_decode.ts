/**
 * Attention of decoding: all sequences, each with one new row, in two launches.
 * @module
 */
import source from "../../kernels/attention_decode.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, type Scope, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("attention_decode", source);

/** What the new row of each sequence sees. */
export interface DecodingRows {
  /** u32 [S, 2]: the first cached row that it sees, and how many, at least one. */
  readonly spans: Tensor;
  /** The most rows that any of them sees. */
  readonly longest: number;
}

/** A span of cached rows. */
export interface CachedSpan {
  readonly keyBegin: number;
  readonly keyCount: number;
}

/** Uploads what the last row of each span sees, itself included, into `scope`. */
export function decodingRows(
  scope: Scope,
  spans: readonly CachedSpan[],
  slidingWindow: number | null,
): DecodingRows {
  const seen = spans.map(({ keyBegin, keyCount }) => {
    const count = Math.min(keyCount, slidingWindow ?? keyCount);
    return [keyBegin + keyCount - count, count];
  });
  return {
    spans: scope.upload(Uint32Array.from(seen.flat()), [spans.length, 2]),
    longest: Math.max(...seen.map(([, count]) => count)),
  };
}

/**
 * Softmax attention of `q` [S, H, D], row s over the cached rows of `k`, `v` [rows, G, D] that
 * `decoding` tells, scaled by 1/√D; D is a multiple of 4. Gives [S, H, D] and no gradients.
 * Throws ShapeError.
 */
export function attentionDecode(
  tape: Tape,
  { q, k, v }: { q: Tensor; k: Tensor; v: Tensor },
  { spans, longest }: DecodingRows,
): Tensor {
  const [sequences, heads, headSize] = q.shape;
  expectShape("attention of decoding", k, [null, null, headSize]);
  expectShape("attention of decoding", v, k.shape);
  expectShape("attention of decoding", spans, [sequences, 2], "u32");
  const kvHeads = k.shape[1];
  if (heads % kvHeads !== 0 || headSize % 4 !== 0) {
    throw new ShapeError(
      `Cannot run attention of decoding: ${heads} query heads over ${kvHeads} key heads of size ` +
        `${headSize}; heads must divide, and their size be a multiple of 4`,
    );
  }
  const o = tape.output(q.shape, "attention");
  using scope = tape.device.scope("attention of decoding");
  const stride = Math.ceil(longest / 4) * 4;
  const scores = scope.empty([sequences, heads, stride], { label: "scores" });
  const quads = headSize / 4;
  const sizes = { sequences, heads, kv_heads: kvHeads, quads, stride };
  const args = { ...sizes, spans, scale: 1 / Math.sqrt(headSize) };
  tape.device.run(kernel, "score", { ...args, q, k, scores }, {
    threads: sequences * heads * stride,
  });
  tape.device.run(kernel, "mix", { ...args, v, finished: scores, o }, {
    threads: sequences * heads * quads,
  });
  return o;
}
