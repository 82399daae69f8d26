import { assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { attention, type AttentionRows } from "../../src/ops/attention.ts";
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

/** One sequence whose queries are its last rows, its keys beginning at row `keyBegin`. */
function cachedRows(
  { queries, keys, keyBegin = 0 }: { queries: number; keys: number; keyBegin?: number },
  slidingWindow: number | null = null,
): AttentionRows {
  return {
    spans: [{ queryBegin: 0, queryCount: queries, keyBegin, keyCount: keys }],
    slidingWindow,
  };
}

Deno.test("attention: two rows worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  // The second row's scores are 0 and ln 3 (after the scale of 1/2): weights 1/4 and 3/4.
  const q = scope.upload(Float32Array.of(9, 9, 9, 9, 2, 0, 0, 0), [2, 1, 4]);
  const k = scope.upload(Float32Array.of(0, 5, 5, 5, Math.log(3), 7, 7, 7), [2, 1, 4]);
  const v = scope.upload(Float32Array.of(4, 0, 0, 8, 0, 4, 0, 8), [2, 1, 4]);
  const o = attention(new Tape(scope), q, k, v, rowsOf([2]));
  const expected = [4, 0, 0, 8, 1, 3, 0, 8];
  assertClose("o", await device.readF32(o), expected, TOLERANCE.forward);
});

const CASES: {
  lengths: number[];
  heads: number;
  kvHeads: number;
  headSize: number;
  window?: number;
}[] = [
  { lengths: [1], heads: 1, kvHeads: 1, headSize: 4 },
  { lengths: [5], heads: 2, kvHeads: 2, headSize: 8 },
  { lengths: [5], heads: 2, kvHeads: 1, headSize: 8, window: 1 },
  { lengths: [7], heads: 4, kvHeads: 1, headSize: 4, window: 3 },
  { lengths: [1, 1, 1], heads: 4, kvHeads: 2, headSize: 4 },
  { lengths: [4, 1, 6], heads: 2, kvHeads: 1, headSize: 4 },
  { lengths: [4, 1, 6], heads: 4, kvHeads: 2, headSize: 4, window: 3 },
  { lengths: [2, 5], heads: 2, kvHeads: 2, headSize: 4, window: 1 },
  { lengths: [67, 3], heads: 1, kvHeads: 1, headSize: 4 },
  { lengths: [40, 30], heads: 2, kvHeads: 1, headSize: 4, window: 3 },
  { lengths: [2, 3], heads: 2, kvHeads: 1, headSize: 64 },
  { lengths: [3, 1], heads: 4, kvHeads: 1, headSize: 128, window: 3 },
  { lengths: [4, 3], heads: 2, kvHeads: 1, headSize: 6 },
  { lengths: [6], heads: 2, kvHeads: 2, headSize: 3, window: 3 },
];

for (const { lengths, heads, kvHeads, headSize, window = null } of CASES) {
  const seen = window === null ? "all rows before" : `a window of ${window}`;
  Deno.test(`attention: sequences of ${lengths.join(", ")}, ${heads} heads over ${kvHeads} of size ${headSize}, ${seen}, and gradients`, () => {
    const rows = lengths.reduce((sum, length) => sum + length, 0);
    return checkOp({
      inputs: {
        q: [rows, heads, headSize],
        k: [rows, kvHeads, headSize],
        v: [rows, kvHeads, headSize],
      },
      run: (tape, { q, k, v }) => attention(tape, q, k, v, rowsOf(lengths, window)),
      reference: ({ q, k, v }) =>
        reference.attention(q, k, v, { heads, kvHeads, headSize, ...visible(lengths, window) }),
    });
  });
}

Deno.test("attention: the same as on a GPU", async () => {
  const [lengths, window] = [[4, 1, 6], 3];
  const sizes = { heads: 4, kvHeads: 2, headSize: 6 };
  await checkOp({
    device: await testDeviceAsGpu(),
    inputs: { q: [11, 4, 6], k: [11, 2, 6], v: [11, 2, 6] },
    run: (tape, { q, k, v }) => attention(tape, q, k, v, rowsOf(lengths, window)),
    reference: ({ q, k, v }) =>
      reference.attention(q, k, v, { ...sizes, ...visible(lengths, window) }),
  });
});

const small = { heads: 2, kvHeads: 1, headSize: 4 };

for (const trained of ["q", "k", "v"] as const) {
  Deno.test(`attention: where only ${trained} is trained, its gradient is the same`, () => {
    const shapes = { q: [6, 2, 4], k: [6, 1, 4], v: [6, 1, 4] };
    const fixed = { q: seededValues(48, 4), k: seededValues(24, 5), v: seededValues(24, 6) };
    return checkOp({
      inputs: { [trained]: shapes[trained] },
      run(tape, inputs, scope) {
        const tensor = (name: "q" | "k" | "v") =>
          inputs[name] ?? scope.upload(fixed[name], shapes[name]);
        return attention(tape, tensor("q"), tensor("k"), tensor("v"), rowsOf([4, 2]));
      },
      reference(inputs) {
        const { q, k, v } = { ...fixed, ...inputs };
        return reference.attention(q, k, v, { ...small, ...visible([4, 2], null) });
      },
    });
  });
}

Deno.test("attention: gradients add to those of another use of q, k and v", () =>
  checkOp({
    inputs: { q: [5, 2, 4], k: [5, 1, 4], v: [5, 1, 4] },
    run(tape, { q, k, v }) {
      const wide = attention(tape, q, k, v, rowsOf([5]));
      return add(tape, wide, attention(tape, q, v, k, rowsOf([5], 3)));
    },
    reference: ({ q, k, v }) =>
      reference.add(
        reference.attention(q, k, v, { ...small, ...visible([5], null) }),
        reference.attention(q, v, k, { ...small, ...visible([5], 3) }),
      ),
  }));

Deno.test("attention: a row that sees one key is that key's value, whatever the score", () =>
  checkOp({
    inputs: { q: [3, 2, 4], k: [3, 1, 4], v: [3, 1, 4] },
    values: { q: seededValues(24, 1).map((value) => 1e4 * value) },
    run: (tape, { q, k, v }) => attention(tape, q, k, v, rowsOf([3], 1)),
    reference: ({ v }) =>
      Float64Array.from({ length: 24 }, (_, i) => v[4 * Math.floor(i / 8) + i % 4]),
  }));

Deno.test("attention: scores in the ten-thousands choose the best key", () =>
  checkOp({
    inputs: { q: [4, 1, 4], k: [4, 1, 4], v: [4, 1, 4] },
    values: {
      q: [3e4, 0, 0, 0, 3e4, 0, 0, 0, -3e4, 0, 0, 0, 3e4, 0, 0, 0],
      k: [1, 0, 0, 0, -1, 0, 0, 0, -2, 0, 0, 0, 2, 0, 0, 0],
    },
    run: (tape, { q, k, v }) => attention(tape, q, k, v, rowsOf([4])),
    reference: ({ q, k, v }) =>
      reference.attention(q, k, v, {
        heads: 1,
        kvHeads: 1,
        headSize: 4,
        ...visible([4], null),
      }),
  }));

Deno.test("attention: equal scores share, however large or small they are", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  for (const size of [0, 1e-20, 1, -1, 3e4, -3e4, 1e30, -1e30]) {
    const q = scope.upload(new Float32Array(12).fill(size), [3, 1, 4]);
    const k = scope.upload(new Float32Array(12).fill(1), [3, 1, 4]);
    const v = scope.upload(Float32Array.of(1, 2, 3, 4, 3, 4, 5, 6, 2, 0, -2, 8), [3, 1, 4]);
    const o = attention(new Tape(scope), q, k, v, rowsOf([3]));
    const expected = [1, 2, 3, 4, 2, 3, 4, 5, 2, 2, 2, 6];
    assertClose(`scores of ${size}`, await device.readF32(o), expected, TOLERANCE.forward);
  }
});

Deno.test("attention: queries over a longer cache of keys, more than one workgroup of them", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const sizes = { heads: 4, kvHeads: 2, headSize: 8 };
  for (const [rows, keys] of [[1, 1], [1, 9], [2, 9], [3, 700], [40, 100]]) {
    for (const window of [null, 3]) {
      const keyEnd = Array.from({ length: rows }, (_, i) => keys - rows + i + 1);
      const keyBegin = keyEnd.map((end) => window === null ? 0 : Math.max(0, end - window));
      const [q, k, v] = [
        seededValues(rows * 32, 1),
        seededValues(keys * 16, 2),
        seededValues(keys * 16, 3),
      ];
      const o = attention(
        new Tape(scope),
        scope.upload(q, [rows, 4, 8]),
        scope.upload(k, [keys, 2, 8]),
        scope.upload(v, [keys, 2, 8]),
        cachedRows({ queries: rows, keys }, window),
      );
      const expected = reference.attention(q, k, v, { ...sizes, keyBegin, keyEnd });
      assertClose(`${rows} over ${keys}`, await device.readF32(o), expected, TOLERANCE.forward);
    }
  }
});

for (const [headSize, keys] of [[4, 20000], [128, 4096], [256, 600]]) {
  Deno.test(`attention: a query reads all of ${keys} keys of size ${headSize}, and so does its gradient`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    // A query of zero weighs all keys alike; key and value j are all x[j].
    const x = Array.from({ length: keys }, (_, j) => j / keys - 0.25);
    const rows = Float32Array.from({ length: keys * headSize }, (_, i) => x[~~(i / headSize)]);
    const kv = scope.upload(rows, [keys, 1, headSize]);
    const q = scope.zeros([1, 1, headSize]);
    const gradient = scope.zeros(q.shape);
    const tape = new Tape(scope, [{ name: "q", tensor: q, gradient, decay: false }]);
    const o = attention(tape, q, kv, kv, cachedRows({ queries: 1, keys }));
    tape.backward(o);
    const mean = x.reduce((sum, value) => sum + value / keys, 0);
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2 / keys, 0);
    const expected = new Array(headSize).fill(mean);
    assertClose("o", await device.readF32(o), expected, TOLERANCE.forward);
    // dq = Σ p · (do·v - mean of do·v) · k / √D with do·v = D · x
    const dq = new Array(headSize).fill(Math.sqrt(headSize) * variance);
    assertClose("d q", await device.readF32(gradient), dq, TOLERANCE.gradient);
  });
}

// Loops of many rounds end silently on some adapters; these are sizes at which that was once seen.
for (const [headSize, heads, rows] of [[4, 4, 1500], [128, 4, 300], [128, 2, 1100]]) {
  Deno.test(`attention: a key hears from all of ${rows} rows with ${heads} heads of size ${headSize}`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    const [q, k, v] = [heads, 1, 1].map((count) => scope.zeros([rows, count, headSize]));
    const gradient = scope.zeros(v.shape);
    const tape = new Tape(scope, [{ name: "v", tensor: v, gradient, decay: false }]);
    tape.backward(attention(tape, q, k, v, rowsOf([rows])));
    // Row i gives each of its i + 1 keys a weight of 1 / (i + 1), in every head.
    const expected = new Float64Array(rows * headSize);
    let sum = 0;
    for (let row = rows - 1; row >= 0; row--) {
      sum += heads / (row + 1);
      expected.fill(sum, row * headSize, (row + 1) * headSize);
    }
    assertClose("d v", await device.readF32(gradient), expected, TOLERANCE.gradient);
  });
}

Deno.test("attention: what lies behind the visible keys does not matter, not even NaN", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const cache = new Float32Array(4 * 4).fill(NaN);
  cache.set([1, 2, 3, 4], 4);
  const kv = scope.upload(cache, [4, 1, 4]);
  const q = scope.upload(Float32Array.of(1, 1, 1, 1), [1, 1, 4]);
  const o = attention(new Tape(scope), q, kv, kv, cachedRows({ queries: 1, keys: 1, keyBegin: 1 }));
  assertClose("o", await device.readF32(o), [1, 2, 3, 4], TOLERANCE.forward);
});

Deno.test("attention: a long sequence is cut into tiles of queries", async () => {
  // 1,100 rows of 32 heads make more scores than exist at once; finite differences would take
  // forever, so one row and one key are compared with sums over plain loops.
  const device = await testDevice();
  using scope = device.scope("test");
  const [rows, heads, headSize, window] = [1100, 32, 4, 900];
  const shape = [rows, heads, headSize];
  const [q, k, v, seed] = [1, 2, 3, 4].map((n) => seededValues(rows * heads * headSize, n));
  const tensors = [q, k, v].map((values) => scope.upload(values, shape));
  const parameters = tensors.map((tensor, i) => {
    return { name: "qkv"[i], tensor, gradient: scope.zeros(shape), decay: false };
  });
  const tape = new Tape(scope, parameters);
  const [tq, tk, tv] = tensors;
  const o = attention(tape, tq, tk, tv, rowsOf([rows], window));
  tape.backward(o, scope.upload(seed, shape));
  const only = (values: Float32Array, head: number) =>
    Float64Array.from({ length: rows * headSize }, (_, i) => {
      return values[(Math.floor(i / headSize) * heads + head) * headSize + i % headSize];
    });
  for (const head of [0, 31]) {
    const options = { heads: 1, kvHeads: 1, headSize, ...visible([rows], window) };
    const [hq, hk, hv] = [q, k, v].map((values) => only(values, head));
    const expected = reference.attention(hq, hk, hv, options);
    const actual = only(await device.readF32(o), head);
    assertClose("o", actual, expected, TOLERANCE.forward);
    // d v[j] = Σ over i of p[i, j] · d o[i]: with values that are 1 for key 5 alone, o is p[., 5].
    const single = Float64Array.from(hv, (_, i) => Number(Math.floor(i / headSize) === 5));
    const weights = reference.attention(hq, hk, single, options);
    const hSeed = only(seed, head);
    const dv = new Float64Array(headSize);
    hSeed.forEach((value, i) => dv[i % headSize] += weights[i] * value);
    const gradient = only(await device.readF32(parameters[2].gradient), head);
    assertClose("d v", gradient.slice(5 * headSize, 6 * headSize), dv, TOLERANCE.gradient);
  }
});

Deno.test("attention: shapes and spans that do not fit are refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  const run = (q: number[], k: number[], v: number[] = k, of = rowsOf([3])) => () =>
    attention(tape, scope.zeros(q), scope.zeros(k), scope.zeros(v), of);
  assertThrows(run([3, 8], [3, 1, 8]), ShapeError, "[any, any, any]");
  assertThrows(run([3, 2, 8], [3, 1, 4]), ShapeError, "[any, any, 8]");
  assertThrows(run([3, 2, 8], [3, 1, 8], [4, 1, 8]), ShapeError, "[3, 1, 8]");
  assertThrows(run([3, 3, 8], [3, 2, 8]), ShapeError, "3 query heads are no multiple of 2");
  assertThrows(run([2, 1, 8], [3, 1, 8]), ShapeError, "queries 0 + 3 of 2");
  assertThrows(run([3, 1, 8], [2, 1, 8]), ShapeError, "keys 0 + 3 of 2");
  const short = cachedRows({ queries: 3, keys: 2 });
  assertThrows(run([3, 1, 8], [3, 1, 8], [3, 1, 8], short), ShapeError, "do not fit");
});
