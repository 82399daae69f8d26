import { assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { attentionDecode, decodingRows } from "../../src/ops/attention_decode.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, GuardedScope, seededValues, testDevice, TOLERANCE } from "./harness.ts";

interface Case {
  /** Cached rows of each sequence. */
  readonly keys: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly window?: number;
}

const CASES: readonly Case[] = [
  { keys: [1], heads: 1, kvHeads: 1, headSize: 4 },
  { keys: [9], heads: 4, kvHeads: 2, headSize: 8 },
  { keys: [3, 1, 70], heads: 6, kvHeads: 2, headSize: 32 },
  { keys: [3, 1, 70], heads: 6, kvHeads: 2, headSize: 32, window: 3 },
  { keys: [700, 13], heads: 2, kvHeads: 1, headSize: 128, window: 500 },
  { keys: [20_000], heads: 1, kvHeads: 1, headSize: 4 },
];

for (const { keys, heads, kvHeads, headSize, window } of CASES) {
  const seen = window === undefined ? "" : ` in a window of ${window}`;
  Deno.test(`attention_decode: rows over caches of ${keys}${seen}, ${heads} heads over ${kvHeads} of size ${headSize}`, async () => {
    const device = await testDevice();
    using scope = new GuardedScope(device, "test");
    // Each sequence has room for one more row, which is not to be read.
    let rows = 0;
    const spans = keys.map((keyCount) => {
      const keyBegin = rows;
      rows += keyCount + 1;
      return { keyBegin, keyCount };
    });
    const width = kvHeads * headSize;
    const q = seededValues(keys.length * heads * headSize, 1);
    const [k, v] = [2, 3].map((seed) => {
      const values = seededValues(rows * width, seed);
      for (const { keyBegin, keyCount } of spans) {
        values.fill(NaN, (keyBegin + keyCount) * width, (keyBegin + keyCount + 1) * width);
      }
      return values;
    });
    const tensors = {
      q: scope.upload(q, [keys.length, heads, headSize]),
      k: scope.upload(k, [rows, kvHeads, headSize]),
      v: scope.upload(v, [rows, kvHeads, headSize]),
    };
    const o = attentionDecode(
      new Tape(scope),
      tensors,
      decodingRows(scope, spans, window ?? null),
    );
    const keyEnd = spans.map(({ keyBegin, keyCount }) => keyBegin + keyCount);
    const keyBegin = spans.map(({ keyBegin, keyCount }) =>
      keyBegin + Math.max(0, keyCount - (window ?? keyCount))
    );
    const options = { heads, kvHeads, headSize, keyBegin, keyEnd };
    const expected = reference.attention(q, k, v, options);
    assertClose("o", await device.readF32(o), expected, TOLERANCE.forward);
    await scope.checkGuards();
  });
}

Deno.test("attention_decode: scores of any size choose or share", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const kv = Float32Array.of(1, 2, 3, 4, 3, 4, 5, 6);
  for (const size of [0, 1e-20, 3e4, -3e4, 1e30, -1e30]) {
    const tensors = {
      q: scope.upload(new Float32Array(4).fill(size), [1, 1, 4]),
      k: scope.upload(new Float32Array(8).fill(1), [2, 1, 4]),
      v: scope.upload(kv, [2, 1, 4]),
    };
    const rows = decodingRows(scope, [{ keyBegin: 0, keyCount: 2 }], null);
    const o = attentionDecode(new Tape(scope), tensors, rows);
    assertClose(`scores of ${size}`, await device.readF32(o), [2, 3, 4, 5], TOLERANCE.forward);
  }
});

Deno.test("attention_decode: shapes that do not fit are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const rows = decodingRows(scope, [{ keyBegin: 0, keyCount: 2 }], null);
  const run = (heads: number, kvHeads: number, headSize: number, sequences = 1) => () =>
    attentionDecode(new Tape(scope), {
      q: scope.zeros([sequences, heads, headSize]),
      k: scope.zeros([2, kvHeads, headSize]),
      v: scope.zeros([2, kvHeads, headSize]),
    }, rows);
  assertThrows(run(3, 2, 4), ShapeError);
  assertThrows(run(2, 1, 6), ShapeError);
  assertThrows(run(2, 1, 4, 2), ShapeError);
});
