import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { add } from "../../src/ops/elementwise.ts";
import { gatherRows, moveRows, rowUses, takeRows } from "../../src/ops/rows.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { checkOp, GuardedScope, seededValues, testDevice } from "./harness.ts";

Deno.test("gatherRows: rows picked by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
  const y = gatherRows(new Tape(scope), x, scope.upload(Uint32Array.of(2, 0)));
  assertEquals(await device.readF32(y), Float32Array.of(5, 6, 1, 2));
});

for (const [n, c, ...rows] of [[1, 1, 0], [5, 7, 4, 0, 3], [9, 65, 8], [70, 3, 69, 1, 64, 0]]) {
  Deno.test(`gatherRows: ${rows.length} of ${n} rows of ${c}, and the gradient`, () =>
    checkOp({
      inputs: { x: [n, c] },
      run: (tape, { x }, scope) => gatherRows(tape, x, scope.upload(Uint32Array.from(rows))),
      reference: ({ x }) => reference.gatherRows(x, rows, c),
    }));
}

Deno.test("gatherRows: rows never picked have a gradient of zero, where the input is computed too", () =>
  checkOp({
    inputs: { a: [6, 5], b: [6, 5] },
    run: (tape, { a, b }, scope) =>
      gatherRows(tape, add(tape, a, b), scope.upload(Uint32Array.of(4, 1))),
    reference: ({ a, b }) => reference.gatherRows(reference.add(a, b), [4, 1], 5),
  }));

Deno.test("gatherRows: gradients of two picks add up", () =>
  checkOp({
    inputs: { x: [4, 3] },
    run(tape, { x }, scope) {
      const first = gatherRows(tape, x, scope.upload(Uint32Array.of(3, 1)));
      return add(tape, first, gatherRows(tape, x, scope.upload(Uint32Array.of(0, 3))));
    },
    reference: ({ x }) =>
      reference.add(reference.gatherRows(x, [3, 1], 3), reference.gatherRows(x, [0, 3], 3)),
  }));

for (
  const { n, shape, rows } of [
    { n: 1, shape: [3], rows: [0, 0, 0, 0] },
    { n: 4, shape: [5], rows: [2, 0, 2, 3, 2] },
    { n: 3, shape: [2, 3], rows: [1] },
    { n: 70, shape: [1], rows: Array.from({ length: 200 }, (_, i) => (i * i) % 70) },
  ]
) {
  const width = shape.reduce((product, length) => product * length, 1);
  Deno.test(`takeRows: ${rows.length} times of ${n} rows of ${shape}, and the gradient`, () =>
    checkOp({
      inputs: { x: [n, ...shape] },
      run: (tape, { x }, scope) => takeRows(tape, x, rowUses(scope, rows, n)),
      reference: ({ x }) => reference.gatherRows(x, rows, width),
    }));
}

Deno.test("takeRows: gradients add to those of another use", () =>
  checkOp({
    inputs: { x: [4, 3] },
    run(tape, { x }, scope) {
      const first = takeRows(tape, x, rowUses(scope, [3, 1, 3], 4));
      return add(tape, first, takeRows(tape, x, rowUses(scope, [0, 3, 3], 4)));
    },
    reference: ({ x }) =>
      reference.add(reference.gatherRows(x, [3, 1, 3], 3), reference.gatherRows(x, [0, 3, 3], 3)),
  }));

Deno.test("moveRows: rows land where they belong, the others stay, as in a KV cache", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const cache = scope.upload(new Float32Array(5 * 6).fill(-1), [5, 2, 3]);
  const values = seededValues(12, 2);
  const [from, to] = [[0, 1, 0], [3, 1, 4]];
  const [fromRows, toRows] = [from, to].map((rows) => scope.upload(Uint32Array.from(rows)));
  moveRows(device, scope.upload(values, [2, 2, 3]), cache, { from: fromRows, to: toRows });
  const expected = new Float32Array(30).fill(-1);
  to.forEach((row, i) => expected.set(values.subarray(6 * from[i], 6 * from[i] + 6), 6 * row));
  assertEquals(await device.readF32(cache), expected);
  await scope.checkGuards();
});

Deno.test("rows: shapes and dtypes that do not fit are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tape = new Tape(scope);
  const [x, rows] = [scope.zeros([4, 2]), scope.zeros([2], { dtype: "u32" })];
  assertThrows(() => gatherRows(tape, scope.zeros([8]), rows), ShapeError, "[any, any] f32");
  assertThrows(() => gatherRows(tape, x, scope.zeros([2])), ShapeError, "[any] u32");
  const target = scope.zeros([9, 2]);
  const four = scope.zeros([4], { dtype: "u32" });
  const moves = { from: rows, to: rows };
  assertThrows(() => moveRows(device, x, target, { from: four, to: rows }), ShapeError, "[2] u32");
  assertThrows(() => moveRows(device, x, scope.zeros([9, 3]), moves), ShapeError, "[any, 2]");
  const uses = rowUses(scope, [1, 1, 0], 4);
  assertThrows(() => takeRows(tape, scope.zeros([3, 2]), uses), ShapeError, "[4] u32");
  const wrong = { ...uses, places: rows };
  assertThrows(() => takeRows(tape, x, wrong), ShapeError, "[3] u32");
  const words = scope.zeros([2, 2], { dtype: "u32" });
  assertThrows(() => moveRows(device, words, target, moves), ShapeError, "[2, 2] f32");
});
