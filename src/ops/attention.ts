/**
 * Causal attention.
 * @module
 */
import { ShapeError } from "../errors.ts";
import { expectShape, type Tensor } from "../device/tensor.ts";
import { attentionDecode, type DecodingRows } from "./attention_decode.ts";
import { attentionByProducts } from "./attention_products.ts";
import {
  attentionBySubgroups,
  type AttentionTiles,
  runsBySubgroups,
} from "./attention_subgroup.ts";
import { type RowUses, takeRows } from "./rows.ts";
import type { Tape } from "./tape.ts";

/** The rows of one sequence: its last query sees its last key, the one before the last but one, … */
export interface AttentionSpan {
  readonly queryBegin: number;
  readonly queryCount: number;
  readonly keyBegin: number;
  /** At least `queryCount`; more where earlier keys come from a cache. */
  readonly keyCount: number;
}

/** Which rows see which. Spans share no query; in training they share no key either. */
export interface AttentionRows {
  readonly spans: readonly AttentionSpan[];
  /** The keys that spans count, where these are not the rows of `k` and `v` as they are. */
  readonly keys?: RowUses | null;
  /** Keys that a query sees at most, itself included; null for all before it. */
  readonly slidingWindow: number | null;
  /** The same where each span is one new row over cached ones and no gradient is wanted. */
  readonly decoding?: DecodingRows;
  /** What `attentionTiles` makes of the spans; without it, other kernels are used. */
  readonly tiles?: AttentionTiles | null;
}

/** Queries [N, H, D], keys and values [K, G, D]. */
export interface AttentionOperands {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/**
 * Softmax attention of `q` [N, H, D] over `k`, `v` [K, G, D] with H a multiple of G (head h reads
 * key head floor(h / (H/G))), scaled by 1/√D. Sequences lie end to end without padding. Scores exist
 * for a tile of queries at a time, so memory is linear in the tokens. Throws ShapeError.
 * Sources: arXiv:2205.14135, arXiv:2305.13245.
 */
export function attention(
  tape: Tape,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  rows: AttentionRows,
): Tensor {
  const { keys } = rows;
  const operands = keys
    ? { q, k: takeRows(tape, k, keys), v: takeRows(tape, v, keys) }
    : { q, k, v };
  checkShapes(operands, rows);
  if (rows.decoding && !tape.recording && q.shape[2] % 4 === 0) {
    return attentionDecode(tape, operands, rows.decoding);
  }
  if (runsBySubgroups(operands, rows)) return attentionBySubgroups(tape, operands, rows);
  return attentionByProducts(tape, operands, rows);
}

function checkShapes({ q, k, v }: AttentionOperands, { spans }: AttentionRows): void {
  expectShape("attention", q, [null, null, null]);
  const [rows, heads, headSize] = q.shape;
  expectShape("attention", k, [null, null, headSize]);
  expectShape("attention", v, k.shape);
  const [keyRows, kvHeads] = k.shape;
  if (heads % kvHeads !== 0) {
    throw new ShapeError(
      `Cannot run attention: ${heads} query heads are no multiple of ${kvHeads} key heads`,
    );
  }
  for (const { queryBegin, queryCount, keyBegin, keyCount } of spans) {
    const fits = queryCount >= 1 && keyCount >= queryCount && queryBegin + queryCount <= rows &&
      keyBegin + keyCount <= keyRows;
    if (fits) continue;
    throw new ShapeError(
      `Cannot run attention: queries ${queryBegin} + ${queryCount} of ${rows} over keys ` +
        `${keyBegin} + ${keyCount} of ${keyRows} do not fit`,
    );
  }
}
