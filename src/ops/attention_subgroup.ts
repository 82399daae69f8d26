/**
 * Attention of heads of size 32 on CPU adapters: all sequences in a launch or two, and no scores in
 * memory.
 * @module
 */
import source from "../../kernels/attention_subgroup.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionRows, AttentionSpan } from "./attention.ts";
import type { GradientTarget, Tape } from "./tape.ts";

const kernel = new Kernel("attention_subgroup", source);

/** Lanes of a subgroup, and rows of a tile. */
const LANES = 8;
const HEAD_SIZE = 32;
/** Rounds of loops that an adapter runs for sure: see kernels/README.md. */
const MAX_ROUNDS = 60_000;
const MAX_GROUPS = 65_535;

interface Operands {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Whether {@linkcode attentionBySubgroups} can compute this. */
export function runsBySubgroups(device: Device, { q, k }: Operands, rows: AttentionRows): boolean {
  const [, heads, headSize] = q.shape;
  const share = heads / k.shape[1];
  return device.info.subgroupSize === LANES && headSize === HEAD_SIZE &&
    rows.spans.every(({ queryCount, keyCount }) =>
      queryCount === keyCount && keyCount * Math.max(2, share) <= MAX_ROUNDS
    ) && tileCount(rows.spans) <= MAX_GROUPS;
}

/** As `attention`, with its shapes checked. */
export function attentionBySubgroups(tape: Tape, operands: Operands, rows: AttentionRows): Tensor {
  const { device } = tape;
  const { q, k, v } = operands;
  const [queries, heads] = q.shape;
  const kvHeads = k.shape[1];
  const tiles = tileCount(rows.spans);
  const sizes = {
    heads,
    kv_heads: kvHeads,
    window: Math.min(rows.slidingWindow ?? 0xffffffff, 0xffffffff),
    scale: 1 / Math.sqrt(HEAD_SIZE),
  };
  const o = tape.output(q.shape, "attention");
  const lse = tape.output([queries, heads], "log sum of attention");
  {
    using scope = device.scope("attention");
    const args = { ...sizes, tiles: tileTable(scope, rows.spans), q, k, v, o, lse };
    device.run(kernel, "forward", args, { groups: [tiles, heads, 1] });
  }
  tape.record(o, [q, k, v], (dO) => {
    using scope = device.scope("attention");
    const args = { ...sizes, tiles: tileTable(scope, rows.spans), q, k, v, d_o: dO };
    const target = (x: Tensor): GradientTarget =>
      tape.gradientTarget(x) ?? { tensor: scope.empty(x.shape), accumulate: 0 };
    const dq = target(q), dk = target(k), dv = target(v);
    const stats = scope.empty([queries, heads, 2], { label: "statistics of attention" });
    device.run(kernel, "backward_rows", {
      ...args,
      lse,
      stats,
      dq: dq.tensor,
      accumulate_dq: dq.accumulate,
    }, { groups: [tiles, heads, 1] });
    device.run(kernel, "backward_keys", {
      ...args,
      stats,
      dk: dk.tensor,
      dv: dv.tensor,
      accumulate_dk: dk.accumulate,
      accumulate_dv: dv.accumulate,
    }, { groups: [tiles, kvHeads, 1] });
  });
  return o;
}

function tileCount(spans: readonly AttentionSpan[]): number {
  return spans.reduce((sum, { queryCount }) => sum + Math.ceil(queryCount / LANES), 0);
}

/** Eight rows of a sequence each, u32 [T, 4]: as the kernel's header says. */
function tileTable(scope: Scope, spans: readonly AttentionSpan[]): Tensor {
  const tiles = spans.flatMap(({ queryBegin, keyBegin, queryCount }) =>
    Array.from(
      { length: Math.ceil(queryCount / LANES) },
      (_, i) => [queryBegin, keyBegin, queryCount, i * LANES],
    )
  );
  return scope.upload(Uint32Array.from(tiles.flat()), [tiles.length, 4]);
}
