/**
 * Attention as matrix products around a softmax: for any head size, on any adapter.
 * @module
 */
import source from "../../kernels/attention_products.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionOperands, AttentionRows, AttentionSpan } from "./attention.ts";
import { product, type ProductOptions, transposedProduct } from "./gemm.ts";
import { packRows } from "./pack_rows.ts";
import { packDense, type Panels } from "./panels.ts";
import { launchRows } from "./row_launch.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("attention_products", source);

/** Bytes of scores that exist at once. */
const MAX_SCORE_BYTES = 16 * 2 ** 20;
const MIN_TILE_ROWS = 32;

interface Sizes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/** As `attention`, with its shapes checked. */
export function attentionByProducts(
  tape: Tape,
  { q, k, v }: AttentionOperands,
  rows: AttentionRows,
): Tensor {
  const [, heads, headSize] = q.shape;
  const sizes = { heads, kvHeads: k.shape[1], headSize };
  const o = tape.output(q.shape, "attention");
  for (const tile of tilesOf(rows, sizes)) {
    using scope = tape.device.scope("attention");
    const weights = attentionWeights(scope, tile, { q, k, sizes });
    const panels = panelsOf(scope, v, tile, { sizes, transposed: true });
    multiplyRows(scope, weights, tile, { panels, target: o, sizes });
  }
  tape.record(o, [q, k, v], (dO) => {
    const gradients = { dq: openTarget(tape, q), dk: openTarget(tape, k), dv: openTarget(tape, v) };
    for (const tile of tilesOf(rows, sizes)) {
      backwardTile(tape.device, tile, { q, k, v, dO, sizes, ...gradients });
    }
  });
  return o;
}

/** Consecutive queries of a span, and all keys that any of them sees. */
interface Tile extends AttentionSpan {
  /** Keys padded to a multiple of 4: the length of a row of scores. */
  readonly stride: number;
  /** The last key, counted from `keyBegin`, that the first query sees. */
  readonly diagonal: number;
  readonly window: number;
}

function tilesOf({ spans, slidingWindow }: AttentionRows, { heads }: Sizes): Tile[] {
  const window = Math.min(slidingWindow ?? 0xffffffff, 0xffffffff);
  return spans.flatMap((span) => {
    const byMemory = Math.floor(MAX_SCORE_BYTES / (4 * heads * span.keyCount));
    const most = Math.max(MIN_TILE_ROWS, byMemory - byMemory % MIN_TILE_ROWS);
    const tiles: Tile[] = [];
    for (let begin = 0; begin < span.queryCount; begin += most) {
      const queryCount = Math.min(most, span.queryCount - begin);
      // Keys are counted from the span's first one.
      const last = span.keyCount - span.queryCount + begin;
      const firstKey = Math.max(0, last - window + 1);
      const keyCount = last + queryCount - firstKey;
      tiles.push({
        queryBegin: span.queryBegin + begin,
        queryCount,
        keyBegin: span.keyBegin + firstKey,
        keyCount,
        stride: Math.ceil(keyCount / 4) * 4,
        diagonal: last - firstKey,
        window,
      });
    }
    return tiles;
  });
}

/** Rows of one head of `x` [N, heads, D], and from there to the next head. */
function headRows(x: Tensor, firstRow: number) {
  const [, heads, headSize] = x.shape;
  const stride = heads * headSize;
  return { tensor: x, stride, offset: firstRow * stride, batch: headSize };
}

/** Rows of scores [H, R, keys]. */
function scoreRows(scores: Tensor, { queryCount, stride }: Tile) {
  return { tensor: scores, stride, batch: queryCount * stride };
}

/** Keys or values of the tile as panels, one set per key head. */
function panelsOf(
  scope: Scope,
  x: Tensor,
  { queryCount, keyBegin, keyCount }: Tile,
  { sizes, transposed }: { sizes: Sizes; transposed: boolean },
): Panels {
  const { kvHeads, headSize } = sizes;
  const [depth, columnCount] = transposed ? [keyCount, headSize] : [headSize, keyCount];
  const range = { rows: queryCount, transposed, depth, columnBegin: 0, columnCount };
  return packDense(scope, headRows(x, keyBegin), range, { count: kvHeads });
}

/** `rows · columnsᵀ · alpha` for all heads, of the tile's rows of two [N, …, D]: [H, R, stride]. */
function rowProducts(
  scope: Scope,
  tile: Tile,
  { rows, columns, sizes, alpha }: { rows: Tensor; columns: Tensor; sizes: Sizes; alpha: number },
): Tensor {
  const { heads, kvHeads, headSize } = sizes;
  const { queryBegin, queryCount, stride } = tile;
  const products = scope.empty([heads, queryCount, stride], { label: "scores" });
  const shape = { rows: queryCount, depth: headSize, count: heads };
  const a = packRows(scope, headRows(rows, queryBegin), shape);
  const panels = panelsOf(scope, columns, tile, { sizes, transposed: false });
  const c = scoreRows(products, tile);
  // Panels have zeros past the last key, so whole rows can be written.
  product(scope.device, { a, panels, share: heads / kvHeads, columns: stride, c }, { alpha });
  return products;
}

/** The softmax of the tile's scores: [H, R, stride], 0 where a row does not see a key. */
function attentionWeights(
  scope: Scope,
  tile: Tile,
  { q, k, sizes }: { q: Tensor; k: Tensor; sizes: Sizes },
): Tensor {
  const { heads, headSize } = sizes;
  const alpha = 1 / Math.sqrt(headSize);
  const scores = rowProducts(scope, tile, { rows: q, columns: k, sizes, alpha });
  runOnRows(scope.device, "softmax", { scores }, { tile, heads });
  return scores;
}

function runOnRows(
  device: Device,
  entryPoint: string,
  tensors: Record<string, Tensor>,
  { tile, heads }: { tile: Tile; heads: number },
): void {
  const { queryCount: rows, stride, diagonal, window } = tile;
  const args = { ...tensors, rows, heads, stride, diagonal, window };
  device.run(kernel, entryPoint, args, launchRows(device, rows * heads, stride));
}

/** `scores · panels` for all heads, into the tile's rows of `target` [N, H, D]. */
function multiplyRows(
  scope: Scope,
  scores: Tensor,
  tile: Tile,
  { panels, target, sizes, ...options }: ProductOptions & {
    panels: Panels;
    target: Tensor;
    sizes: Sizes;
  },
): void {
  const { heads, kvHeads, headSize } = sizes;
  const { queryBegin, queryCount, stride } = tile;
  const shape = { rows: queryCount, depth: stride, count: heads };
  const a = packRows(scope, scoreRows(scores, tile), shape);
  const share = heads / kvHeads;
  const c = headRows(target, queryBegin);
  product(scope.device, { a, panels, share, columns: headSize, c }, options);
}

/** Where a gradient is summed over tiles: cleared first if it has no value yet, null if unwanted. */
function openTarget(tape: Tape, x: Tensor): Tensor | null {
  const target = tape.gradientTarget(x);
  if (target && !target.accumulate) tape.device.clear(target.tensor);
  return target?.tensor ?? null;
}

interface BackwardInputs {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly dO: Tensor;
  readonly sizes: Sizes;
  readonly dq: Tensor | null;
  readonly dk: Tensor | null;
  readonly dv: Tensor | null;
}

function backwardTile(device: Device, tile: Tile, inputs: BackwardInputs): void {
  const { q, k, v, dO, sizes, dq, dk, dv } = inputs;
  using scope = device.scope("attention tile");
  const weights = attentionWeights(scope, tile, { q, k, sizes });
  if (dv) multiplyColumns(device, weights, tile, { rows: dO, target: dv, sizes });
  if (!dq && !dk) return;
  const dScores = rowProducts(scope, tile, { rows: dO, columns: v, sizes, alpha: 1 });
  const { heads, headSize } = sizes;
  runOnRows(device, "softmax_backward", { weights, d_weights: dScores }, { tile, heads });
  const alpha = 1 / Math.sqrt(headSize);
  if (dq) {
    const panels = panelsOf(scope, k, tile, { sizes, transposed: true });
    multiplyRows(scope, dScores, tile, { panels, target: dq, sizes, alpha, accumulate: 1 });
  }
  if (dk) multiplyColumns(device, dScores, tile, { rows: q, target: dk, sizes, alpha });
}

/** Adds `scoresᵀ · rows`, summed over the heads that share a key head, to `target` [K, G, D]. */
function multiplyColumns(
  device: Device,
  scores: Tensor,
  tile: Tile,
  { rows, target, sizes, alpha }: { rows: Tensor; target: Tensor; sizes: Sizes; alpha?: number },
): void {
  const { heads, kvHeads, headSize } = sizes;
  const { queryBegin, queryCount, keyBegin, keyCount } = tile;
  const share = heads / kvHeads;
  const shape = { m: keyCount, n: headSize, k: queryCount, count: kvHeads };
  for (let head = 0; head < share; head++) {
    const a = scoreRows(scores, tile), b = headRows(rows, queryBegin);
    transposedProduct(
      device,
      {
        a: { ...a, offset: head * a.batch, batch: share * a.batch },
        b: { ...b, offset: b.offset + head * b.batch, batch: share * b.batch },
        c: headRows(target, keyBegin),
      },
      shape,
      { alpha, accumulate: 1 },
    );
  }
}
