import { assertEquals } from "@std/assert";
import type { Scope } from "../../src/device/tensor.ts";
import { attention, type AttentionRows } from "../../src/ops/attention.ts";
import { attentionTiles } from "../../src/ops/attention_subgroup.ts";
import { add } from "../../src/ops/elementwise.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { rowsOf, visible } from "./attention_rows.ts";
import {
  assertClose,
  checkOp,
  seededValues,
  testDevice,
  testDeviceAsGpu,
  TOLERANCE,
} from "./harness.ts";

const headSize = 32;

/** Ready for the kernels of CPU adapters, where this is one. */
function tiledRows(scope: Scope, rows: AttentionRows): AttentionRows {
  return { ...rows, tiles: attentionTiles(scope, rows.spans) };
}

Deno.test("attention by subgroups: only on CPU adapters, in tiles of eight positions", async () => {
  const [device, gpu] = [await testDevice(), await testDeviceAsGpu()];
  using scope = device.scope("test");
  using onGpu = gpu.scope("test");
  assertEquals(attentionTiles(onGpu, rowsOf([9, 3]).spans), null);
  const whole = attentionTiles(scope, rowsOf([9, 3]).spans);
  if (!device.info.software) return assertEquals(whole, null);
  const expected = [[0, 0, 9, 0, 0], [0, 0, 9, 0, 8], [9, 9, 3, 0, 0]];
  assertEquals([...await device.readU32(whole!.queries)], expected.flat());
  assertEquals(whole!.keys, whole!.queries);
  // Seven keys before the two queries: one tile of queries, two of keys.
  const late = { queryBegin: 4, queryCount: 2, keyBegin: 1, keyCount: 9 };
  const tiles = attentionTiles(scope, [late])!;
  assertEquals([...await device.readU32(tiles.queries)], [4, 1, 9, 7, 7]);
  assertEquals([...await device.readU32(tiles.keys)], [4, 1, 9, 7, 0, 4, 1, 9, 7, 8]);
});

const CASES: { lengths: number[]; heads: number; kvHeads: number; window?: number }[] = [
  { lengths: [1], heads: 1, kvHeads: 1 },
  { lengths: [8, 1, 3], heads: 3, kvHeads: 1 },
  { lengths: [11, 2], heads: 4, kvHeads: 2 },
  { lengths: [10, 18], heads: 2, kvHeads: 1, window: 1 },
  { lengths: [18], heads: 2, kvHeads: 2, window: 5 },
  { lengths: [9, 17], heads: 1, kvHeads: 1, window: 9 },
];

for (const { lengths, heads, kvHeads, window = null } of CASES) {
  const seen = window === null ? "all rows before" : `a window of ${window}`;
  Deno.test(`attention by subgroups: sequences of ${lengths.join(", ")}, ${heads} heads over ${kvHeads}, ${seen}, and gradients`, () => {
    const rows = lengths.reduce((sum, length) => sum + length, 0);
    return checkOp({
      inputs: {
        q: [rows, heads, headSize],
        k: [rows, kvHeads, headSize],
        v: [rows, kvHeads, headSize],
      },
      run: (tape, { q, k, v }, scope) =>
        attention(tape, q, k, v, tiledRows(scope, rowsOf(lengths, window))),
      reference: ({ q, k, v }) =>
        reference.attention(q, k, v, { heads, kvHeads, headSize, ...visible(lengths, window) }),
    });
  });
}

const sizes = { heads: 2, kvHeads: 1, headSize };
for (const trained of ["q", "k", "v"] as const) {
  Deno.test(`attention by subgroups: where only ${trained} is trained, its gradient is the same`, () => {
    const shapes = { q: [6, 2, headSize], k: [6, 1, headSize], v: [6, 1, headSize] };
    const fixed = {
      q: seededValues(12 * headSize, 4),
      k: seededValues(6 * headSize, 5),
      v: seededValues(6 * headSize, 6),
    };
    return checkOp({
      inputs: { [trained]: shapes[trained] },
      run(tape, inputs, scope) {
        const tensor = (name: "q" | "k" | "v") =>
          inputs[name] ?? scope.upload(fixed[name], shapes[name]);
        const rows = tiledRows(scope, rowsOf([4, 2]));
        return attention(tape, tensor("q"), tensor("k"), tensor("v"), rows);
      },
      reference(inputs) {
        const { q, k, v } = { ...fixed, ...inputs };
        return reference.attention(q, k, v, { ...sizes, ...visible([4, 2], null) });
      },
    });
  });
}

Deno.test("attention by subgroups: gradients add to those of another use of q, k and v", () =>
  checkOp({
    inputs: { q: [5, 2, headSize], k: [5, 1, headSize], v: [5, 1, headSize] },
    run(tape, { q, k, v }, scope) {
      const wide = attention(tape, q, k, v, tiledRows(scope, rowsOf([5])));
      return add(tape, wide, attention(tape, q, v, k, tiledRows(scope, rowsOf([5], 3))));
    },
    reference: ({ q, k, v }) =>
      reference.add(
        reference.attention(q, k, v, { ...sizes, ...visible([5], null) }),
        reference.attention(q, v, k, { ...sizes, ...visible([5], 3) }),
      ),
  }));

Deno.test("attention by subgroups: sequences whose keys lie elsewhere than their queries, and rows of none", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [heads, kvHeads] = [4, 2];
  // The second sequence's keys come first; key rows 3, 4 and 11 belong to none.
  const spans = [
    { queryBegin: 0, queryCount: 6, keyBegin: 5, keyCount: 6 },
    { queryBegin: 6, queryCount: 3, keyBegin: 0, keyCount: 3 },
  ];
  const rows = tiledRows(scope, { spans, slidingWindow: 4 });
  const [q, k, v] = [[9, heads], [12, kvHeads], [12, kvHeads]].map(([rows, heads], i) => {
    const shape = [rows, heads, headSize];
    const tensor = scope.upload(seededValues(rows * heads * headSize, i + 1), shape);
    return { name: "qkv"[i], tensor, gradient: scope.empty(shape), decay: false };
  });
  const results = [];
  for (const  of of[rows, { spans, slidingWindow: 4 }]) {
    for (const { gradient } of [q, k, v]) device.clear(gradient);
    const tape = new Tape(scope, [q, k, v]);
    const o = attention(tape, q.tensor, k.tensor, v.tensor, of);
    tape.backward(o, scope.upload(seededValues(9 * heads * headSize, 7), o.shape));
    const made = [o, q.gradient, k.gradient, v.gradient];
    results.push(await Promise.all(made.map((tensor) => device.readF32(tensor))));
  }
  for (const [i, values] of results[0].entries()) {
    assertClose(["o", "dq", "dk", "dv"][i], values, results[1][i], TOLERANCE.gradient);
  }
});

Deno.test("attention by subgroups: a key hears from all of 2000 rows of 30 heads", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [rows, heads] = [2000, 30];
  const [q, k, v] = [heads, 1, 1].map((count) => scope.zeros([rows, count, headSize]));
  const gradient = scope.zeros(v.shape);
  const tape = new Tape(scope, [{ name: "v", tensor: v, gradient, decay: false }]);
  tape.backward(attention(tape, q, k, v, tiledRows(scope, rowsOf([rows]))));
  // Row i gives each of its i + 1 keys a weight of 1 / (i + 1), in every head.
  const expected = new Float64Array(rows * headSize);
  let sum = 0;
  for (let row = rows - 1; row >= 0; row--) {
    sum += heads / (row + 1);
    expected.fill(sum, row * headSize, (row + 1) * headSize);
  }
  assertClose("d v", await device.readF32(gradient), expected, TOLERANCE.gradient);
});
