/**
 * Attention of heads of size 32 on CPU adapters: all sequences in a launch or two, and no scores in
 * memory.
 * @module
 */
import source from "../../kernels/attention_subgroup.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionOperands, AttentionRows, AttentionSpan } from "./attention.ts";
import type { GradientTarget, Tape } from "./tape.ts";
import { runsSubgroupKernels, SUBGROUP_LANES } from "./variants.ts";

const kernel = new Kernel("attention_subgroup", source);

/** Numbers of a head that the kernels are written for. */
const HEAD_SIZE = 32;
/** Rounds of loops that an adapter runs for sure: see kernels/README.md. */
const MAX_ROUNDS = 60_000;
const MAX_GROUPS = 65_535;

/** How the kernels cut sequences into tiles of eight rows; see the kernel's header. */
export interface AttentionTiles {
  /** Of queries: u32 [T, 5]. */
  readonly queries: Tensor;
  /** Of keys: u32 [T', 5]; the same where each span has as many queries as keys. */
  readonly keys: Tensor;
}

/** The tiles of `spans`, in `scope`; null where the device does not run these kernels. */
export function attentionTiles(
  scope: Scope,
  spans: readonly AttentionSpan[],
): AttentionTiles | null {
  if (!runsSubgroupKernels(scope.device)) return null;
  const upload = (tiles: number[][]) =>
    scope.upload(Uint32Array.from(tiles.flat()), [tiles.length, 5], { label: "tiles" });
  const isWhole = spans.every(({ queryCount, keyCount }) => queryCount === keyCount);
  const queries = upload(
    spans.flatMap((span) => tilesOf(span, span.keyCount - span.queryCount)),
  );
  return { queries, keys: isWhole ? queries : upload(spans.flatMap((span) => tilesOf(span, 0))) };
}

/** The tiles of a span's positions from `begin` on. */
function tilesOf(
  { queryBegin, queryCount, keyBegin, keyCount }: AttentionSpan,
  begin: number,
): number[][] {
  const keysBefore = keyCount - queryCount;
  return Array.from({ length: Math.ceil((keyCount - begin) / SUBGROUP_LANES) }, (_, i) => {
    const first = begin + i * SUBGROUP_LANES;
    return [queryBegin, keyBegin, keyCount, keysBefore, first];
  });
}

/** Whether {@linkcode attentionBySubgroups} can compute this. */
export function runsBySubgroups(
  { q, k }: AttentionOperands,
  { spans, tiles }: AttentionRows,
): boolean {
  if (!tiles) return false;
  const [, heads, headSize] = q.shape;
  const passes = Math.max(2, heads / k.shape[1]);
  const most = Math.max(tiles.queries.shape[0], tiles.keys.shape[0]);
  return headSize === HEAD_SIZE && most <= MAX_GROUPS &&
    spans.every(({ keyCount }) => passes * keyCount <= MAX_ROUNDS);
}

/** As `attention`, with its shapes checked. */
export function attentionBySubgroups(
  tape: Tape,
  operands: AttentionOperands,
  rows: AttentionRows,
): Tensor {
  const { device } = tape;
  const { q, k, v } = operands;
  const [queries, heads] = q.shape;
  const kvHeads = k.shape[1];
  const tiles = rows.tiles!;
  const args = {
    heads,
    kv_heads: kvHeads,
    window: Math.min(rows.slidingWindow ?? 0xffffffff, 0xffffffff),
    scale: 1 / Math.sqrt(HEAD_SIZE),
  };
  const forQueries = { groups: [tiles.queries.shape[0], heads, 1] as const };
  const forKeys = { groups: [tiles.keys.shape[0], kvHeads, 1] as const };
  const o = tape.output(q.shape, "attention");
  const lse = tape.output([queries, heads], "log sum of attention");
  {
    using scope = device.scope("attention");
    const texels = texelsOf(scope, operands);
    device.run(kernel, "forward", { ...args, ...texels, tiles: tiles.queries, o, lse }, forQueries);
  }
  tape.record(o, [q, k, v], (dO) => {
    using scope = device.scope("attention");
    const covered = { queries: 0, keys: 0 };
    for (const { queryCount, keyCount } of rows.spans) {
      covered.queries += queryCount;
      covered.keys += keyCount;
    }
    const dq = openTarget(q, covered.queries);
    const dk = openTarget(k, covered.keys), dv = openTarget(v, covered.keys);
    const stats = scope.empty([queries, heads, 2], { label: "statistics of attention" });
    const texels = { ...texelsOf(scope, operands), d_o: scope.texelsOf(dO) };
    const backward = { ...args, ...texels, stats };
    device.run(kernel, "backward_rows", {
      ...backward,
      tiles: tiles.queries,
      lse,
      dq: dq.tensor,
      accumulate_dq: dq.accumulate,
    }, forQueries);
    device.run(kernel, "backward_keys", {
      ...backward,
      tiles: tiles.keys,
      dk: dk.tensor,
      dv: dv.tensor,
      accumulate_dk: dk.accumulate,
      accumulate_dv: dv.accumulate,
    }, forKeys);

    // A kernel writes all its results, so it needs a place even for one that is not wanted.
    function openTarget(x: Tensor, covered: number): GradientTarget {
      const target = tape.gradientTarget(x) ?? { tensor: scope.empty(x.shape), accumulate: 0 };
      // Rows of no sequence are not written.
      if (x.shape[0] > covered && target.accumulate === 0) device.clear(target.tensor);
      return target;
    }
  });
  return o;
}

/** The operands as the kernel reads them; they live in `scope`. */
function texelsOf(scope: Scope, { q, k, v }: AttentionOperands) {
  return { q: scope.texelsOf(q), k: scope.texelsOf(k), v: scope.texelsOf(v) };
}
