import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { argmax, NO_INDEX } from "../../src/ops/argmax.ts";
import { GuardedScope, seededValues, testDevice } from "./harness.ts";

async function indices(values: ArrayLike<number>, width: number): Promise<number[]> {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const x = scope.upload(Float32Array.from(values), [values.length / width, width]);
  const y = argmax(scope, x);
  const result = [...await device.readU32(y)];
  await scope.checkGuards();
  return result;
}

/** The first index of the largest value of each row. */
function expectedIndices(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => {
    const slice = values.subarray(row * width, (row + 1) * width);
    return slice.indexOf(slice.reduce((most, value) => Math.max(most, value), -Infinity));
  });
}

Deno.test("argmax: rows looked at by hand; the first one wins a tie", async () => {
  assertEquals(await indices([1, 3, 2, -5, -5, -7, 0, -0, 0], 3), [1, 0, 0]);
});

for (const [rows, width] of [[1, 1], [3, 7], [5, 64], [2, 65], [7, 1000], [2, 100003]]) {
  Deno.test(`argmax: [${rows}, ${width}]`, async () => {
    const values = seededValues(rows * width, rows);
    assertEquals(await indices(values, width), expectedIndices(values, width));
  });
}

Deno.test("argmax: the first on ties wherever the lanes of a workgroup meet them", async () => {
  const width = 200;
  const rows = [[199, 64], [65, 1], [128, 64, 0], [63, 127], [130, 67, 194]];
  const values = new Float32Array(rows.length * width);
  rows.forEach((places, row) => places.forEach((place) => values[row * width + place] = 5));
  assertEquals(await indices(values, width), rows.map((places) => Math.min(...places)));
});

Deno.test("argmax: a row whose largest value is no finite number has no index", async () => {
  const lowest = -3.4028234663852886e38;
  const highest = -lowest;
  const rows: [number[], number][] = [
    [[-Infinity, lowest, lowest], 1],
    [[lowest, highest, -Infinity], 1],
    [[-1e-45, -0, 1e-45], 2],
    [[-Infinity, -Infinity, -Infinity], NO_INDEX],
    [[-Infinity, -3e38, Infinity], NO_INDEX],
    [[NaN, 1, 2], NO_INDEX],
    [[5, NaN, NaN], NO_INDEX],
    [[NaN, NaN, NaN], NO_INDEX],
  ];
  const values = rows.flatMap(([row]) => row);
  assertEquals(await indices(values, 3), rows.map(([, index]) => index));
});

Deno.test("argmax: NaN of either sign, wherever it is in a long row", async () => {
  const width = 1000;
  const bits = new Uint32Array(6 * width);
  const places = [0, 63, 64, 500, 999];
  places.forEach((place, row) => bits[row * width + place] = row % 2 ? 0xffc00000 : 0x7fc00001);
  const values = new Float32Array(bits.buffer);
  assertEquals(await indices(values, width), [...places.map(() => NO_INDEX), 0]);
});

Deno.test("argmax: more rows than one axis of workgroups", async () => {
  const values = seededValues(65537 * 2, 3);
  assertEquals(await indices(values, 2), expectedIndices(values, 2));
});

Deno.test("argmax: what is no matrix of f32 is refused", async () => {
  using scope = (await testDevice()).scope("test");
  assertThrows(() => argmax(scope, scope.zeros([3])), ShapeError, "[any, any] f32");
  const words = scope.zeros([1, 3], { dtype: "u32" });
  assertThrows(() => argmax(scope, words), ShapeError, "[any, any] f32");
});
