/**
 * Attention of heads of size 32 on CPU adapters: all sequences in a launch or two, and no scores in
 * memory.
 * @module
 */
import source from "../../kernels/attention_subgroup.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionRows, AttentionSpan } from "./attention.ts";
import type { GradientTarget, Tape } from "./tape.ts";
import { runsSubgroupKernels, SUBGROUP_LANES } from "./variants.ts";

const kernel = new Kernel("attention_subgroup", source);

/** Numbers of a head that the kernels are written for. */
const HEAD_SIZE = 32;
/** Rounds of loops that an adapter runs for sure: see kernels/README.md. */
const MAX_ROUNDS = 60_000;
const MAX_GROUPS = 65_535;

/**
 * The tiles of eight rows into which the kernels cut sequences, u32 [T, 4] in `scope`: see the kernel's
 * header. Null where the device does not run these kernels, or a sequence has keys before its queries.
 */
export function attentionTiles(scope: Scope, spans: readonly AttentionSpan[]): Tensor | null {
  const isWhole = spans.every(({ queryCount, keyCount }) => queryCount === keyCount);
  if (!runsSubgroupKernels(scope.device) || !isWhole) return null;
  const tiles = spans.flatMap(({ queryBegin, keyBegin, queryCount }) =>
    Array.from(
      { length: Math.ceil(queryCount / SUBGROUP_LANES) },
      (_, i) => [queryBegin, keyBegin, queryCount, i * SUBGROUP_LANES],
    )
  );
  return scope.upload(Uint32Array.from(tiles.flat()), [tiles.length, 4], { label: "tiles" });
}

interface Operands {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Whether {@linkcode attentionBySubgroups} can compute this. */
export function runsBySubgroups({ q, k }: Operands, { spans, tiles }: AttentionRows): boolean {
  if (!tiles) return false;
  const [, heads, headSize] = q.shape;
  const passes = Math.max(2, heads / k.shape[1]);
  return headSize === HEAD_SIZE && tiles.shape[0] <= MAX_GROUPS &&
    spans.every(({ keyCount }) => passes * keyCount <= MAX_ROUNDS);
}

/** As `attention`, with its shapes checked. */
export function attentionBySubgroups(tape: Tape, operands: Operands, rows: AttentionRows): Tensor {
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
    tiles,
    ...operands,
  };
  const covered = rows.spans.reduce((sum, { keyCount }) => sum + keyCount, 0);
  const isCovered = ({ shape }: Tensor) => shape[0] === covered;
  const byHeads = (count: number) => ({ groups: [tiles.shape[0], count, 1] as const });
  const o = tape.output(q.shape, "attention");
  const lse = tape.output([queries, heads], "log sum of attention");
  device.run(kernel, "forward", { ...args, o, lse }, byHeads(heads));
  tape.record(o, [q, k, v], (dO) => {
    using scope = device.scope("attention");
    const dq = openTarget(q), dk = openTarget(k), dv = openTarget(v);
    const stats = scope.empty([queries, heads, 2], { label: "statistics of attention" });
    const backward = { ...args, d_o: dO, stats };
    device.run(kernel, "backward_rows", {
      ...backward,
      lse,
      dq: dq.tensor,
      accumulate_dq: dq.accumulate,
    }, byHeads(heads));
    device.run(kernel, "backward_keys", {
      ...backward,
      dk: dk.tensor,
      dv: dv.tensor,
      accumulate_dk: dk.accumulate,
      accumulate_dv: dv.accumulate,
    }, byHeads(kvHeads));

    // A kernel writes all its results, so it needs a place even for one that is not wanted.
    function openTarget(x: Tensor): GradientTarget {
      const target = tape.gradientTarget(x) ?? { tensor: scope.empty(x.shape), accumulate: 0 };
      // Rows of no sequence are not written.
      if (!isCovered(x) && target.accumulate === 0) device.clear(target.tensor);
      return target;
    }
  });
  return o;
}
