import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Tensor } from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { linear } from "../../src/ops/linear.ts";
import { addUniformNoise, applyDropout, type Dropout } from "../../src/ops/noise.ts";
import { Tape } from "../../src/ops/tape.ts";
import type { DenseWeight } from "../../src/ops/weight.ts";
import * as reference from "../reference.ts";
import {
  assertClose,
  checkOp,
  GuardedScope,
  seededValues,
  testDevice,
  TOLERANCE,
} from "./harness.ts";

async function dropped(values: Float32Array, options: Dropout): Promise<Float32Array> {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const y = scope.empty([values.length]);
  applyDropout(device, { x: scope.upload(values), y, ...options });
  const result = await device.readF32(y);
  await scope.checkGuards();
  return result;
}

const ones = (count: number) => new Float32Array(count).fill(1);

Deno.test("dropout: one half zeroes or doubles, as the random words say", async () => {
  const words = Array.from({ length: 8 }, (_, i) => reference.randomWord(i, 5));
  const expected = Float32Array.from(words, (word, i) => word < 2 ** 31 ? 0 : 2 * (i + 1));
  const values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  assertEquals(await dropped(values, { probability: 0.5, seed: 5 }), expected);
});

for (const [count, probability, seed] of [[1, 0.3, 0], [65, 0.1, 1], [5000, 0.05, 0xffffffff]]) {
  Deno.test(`dropout: ${count} elements at ${probability} with seed ${seed}`, async () => {
    const values = seededValues(count, 4);
    const expected = reference.dropout(values, { probability, seed });
    const actual = await dropped(values, { probability, seed });
    const isZero = (values: Iterable<number>) => [...values].map((value) => value === 0);
    assertEquals(isZero(actual), isZero(expected));
    assertClose("y", actual, expected, TOLERANCE.forward);
  });
}

Deno.test("dropout: zero keeps every bit, nearly one keeps nearly nothing", async () => {
  const values = seededValues(1000, 2);
  assertEquals(await dropped(values, { probability: 0, seed: 9 }), values);
  const kept = await dropped(ones(1000), { probability: 1 - 2 ** -30, seed: 9 });
  assertEquals(kept, new Float32Array(1000));
});

Deno.test("dropout: masks of 200,000 elements drop their share, and seeds and neighbours are unrelated", async () => {
  const count = 200_000;
  // Shares of independent elements are within 5 standard deviations of their mean.
  const check = (share: number, expected: number, what: string) => {
    const deviation = Math.sqrt(expected * (1 - expected) / count);
    assert(Math.abs(share - expected) < 5 * deviation, `${what}: ${share}, not ${expected}`);
  };
  for (const probability of [0.05, 0.5]) {
    const [a, b] = [
      await dropped(ones(count), { probability, seed: 1 }),
      await dropped(ones(count), { probability, seed: 2 }),
    ];
    const share = (test: (i: number) => boolean) => a.filter((_, i) => test(i)).length / count;
    check(share((i) => a[i] === 0), probability, "dropped");
    check(share((i) => a[i] === 0 && b[i] === 0), probability ** 2, "dropped under both seeds");
    for (const step of [1, 2, 64, 4096]) {
      const both = share((i) => a[i] === 0 && a[(i + step) % count] === 0);
      check(both, probability ** 2, `dropped together with the one ${step} further`);
    }
  }
});

Deno.test("dropout: a part of a tensor sees its part of the mask", async () => {
  const values = seededValues(300, 6);
  const options = { probability: 0.4, seed: 3 };
  const whole = await dropped(values, options);
  const part = await dropped(values.slice(100, 250), { ...options, begin: 100 });
  assertEquals(part, whole.slice(100, 250));
  assertClose("y", part, reference.dropout(values, options).slice(100, 250), TOLERANCE.forward);
});

Deno.test("dropout: accumulate adds to what is there", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const options = { probability: 0.4, seed: 3 };
  const y = scope.upload(ones(100));
  applyDropout(device, { x: scope.upload(ones(100)), y, accumulate: 1, ...options });
  const expected = reference.dropout(ones(100), options).map((value) => value + 1);
  assertClose("y", await device.readF32(y), expected, TOLERANCE.forward);
});

function dense(values: Tensor): DenseWeight {
  const [rows, columns] = values.shape;
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  return { kind: "dense", name: "test.weight", rows, columns, dtype: "f32", parts };
}

Deno.test("dropout: inside LoRA, result and gradients see one mask", () => {
  const [n, o, i, rank] = [5, 4, 6, 2];
  const dropout = { probability: 0.3, seed: 11 };
  return checkOp({
    inputs: { x: [n, i], w: [o, i], a: [rank, i], b: [o, rank] },
    run: (tape, { x, w, a, b }) =>
      linear(tape, x, { weight: dense(w), lora: { a, b, rank, scaling: 2, dropout } }),
    reference({ x, w, a, b }) {
      const masked = reference.dropout(x, dropout);
      const hidden = reference.multiply(masked, a, { m: n, n: rank, k: i });
      const update = reference.multiply(hidden, b, { m: n, n: o, k: rank, scale: 2 });
      return reference.add(reference.multiply(x, w, { m: n, n: o, k: i }), update);
    },
  });
});

for (const [rows, width] of [[1, 1], [3, 7], [5, 65]]) {
  Deno.test(`addUniformNoise: [${rows}, ${width}] with a scale per row, and its gradient`, () => {
    const scales = Float32Array.from({ length: rows }, (_, row) => row / 2);
    return checkOp({
      inputs: { x: [rows, width] },
      run: (tape, { x }, scope) => addUniformNoise(tape, x, scope.upload(scales), 77),
      reference: ({ x }) =>
        x.map((value, i) => {
          const u = Math.floor(reference.randomWord(i, 77) / 256) / 2 ** 23 - 1;
          return value + u * scales[Math.floor(i / width)];
        }),
    });
  });
}

Deno.test("addUniformNoise: spread evenly over [-scale, scale)", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const count = 100_000;
  const [x, scales] = [scope.zeros([1, count]), scope.upload(Float32Array.of(3))];
  const noise = await device.readF32(addUniformNoise(new Tape(scope), x, scales, 1));
  const bins = new Array(10).fill(0);
  for (const value of noise) bins[Math.floor((value + 3) / 0.6)]++;
  assertEquals(bins.length, 10, "some noise is outside");
  const deviation = Math.sqrt(count * 0.1 * 0.9);
  for (const bin of bins) assert(Math.abs(bin - count / 10) < 5 * deviation, `${bins}`);
});

Deno.test("noise: shapes that do not fit are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tape = new Tape(scope);
  const x = scope.zeros([2, 3]);
  assertThrows(() => addUniformNoise(tape, scope.zeros([6]), x, 1), ShapeError, "[any, any]");
  assertThrows(() => addUniformNoise(tape, x, scope.zeros([3]), 1), ShapeError, "[2] f32");
  const drop = (y: Tensor) => () => applyDropout(device, { x, y, probability: 0.5, seed: 1 });
  assertThrows(drop(scope.zeros([2, 2])), ShapeError, "[2, 3] f32");
});
