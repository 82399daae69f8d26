import { assert, assertEquals } from "@std/assert";
import { sumF32 } from "../../src/formats/sum.ts";

/** 24-bit fractions from a linear congruential generator, so that Python can make the same. */
function seeded(count: number): Float32Array {
  const values = new Float32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state >>> 8) / 2 ** 24;
  }
  return values;
}

Deno.test("sumF32 adds in PyTorch's order: same bits as torch.sum on one thread", () => {
  // torch 2.13, torch.set_num_threads(1), torch.tensor(seeded(count)).sum()
  const expected: [number, number][] = [
    [1, 0.236455500125885],
    [3, 1.1099681854248047],
    [7, 3.009675979614258],
    [8, 3.5658648014068604],
    [9, 3.582357883453369],
    [31, 14.393519401550293],
    [64, 30.58368492126465],
    [65, 31.377962112426758],
    [172, 85.24383544921875],
    [320, 162.89361572265625],
    [1000, 511.0780029296875],
    [2047, 1023.364501953125],
    [4096, 2038.36279296875],
    [32768, 16343.41796875],
    [70001, 34960.703125],
    [262144, 131014.3359375],
  ];
  for (const [count, sum] of expected) assertEquals(sumF32(seeded(count)), sum, `${count} values`);
});

Deno.test("sumF32 of nothing is 0, and of whole numbers is exact", () => {
  assertEquals(sumF32(new Float32Array()), 0);
  for (const count of [1, 7, 8, 9, 31, 32, 33, 1000, 4097]) {
    const whole = Float32Array.from({ length: count }, (_, i) => i % 5 - 1);
    assertEquals(sumF32(whole), whole.reduce((a, b) => a + b, 0));
  }
});

Deno.test("sumF32 loses less than a plain running sum", () => {
  const values = seeded(300_001);
  const exact = values.reduce((a, b) => a + b, 0);
  const plain = values.reduce((a, b) => Math.fround(a + b), 0);
  assert(Math.abs(sumF32(values) - exact) < Math.abs(plain - exact) / 10);
});
