import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { growingRopeTable, rope, ropeTable } from "../../src/ops/rope.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, checkOp, seededValues, testDevice, TOLERANCE } from "./harness.ts";

Deno.test("rope: two heads worked out by hand, in the half-split layout", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  // D 4 and theta 100: pair (0, 2) turns by the position, pair (1, 3) by a tenth of it.
  const table = ropeTable(scope, { positions: 4, headSize: 4, theta: 100 });
  const x = scope.upload(Float32Array.of(1, 0, 0, 0, 0, 2, 0, 1), [1, 2, 4]);
  const y = rope(new Tape(scope), x, scope.upload(Uint32Array.of(3)), table);
  const [cos, sin] = [Math.cos(0.3), Math.sin(0.3)];
  const expected = [Math.cos(3), 0, Math.sin(3), 0, 0, 2 * cos - sin, 0, cos + 2 * sin];
  assertClose("y", await device.readF32(y), expected, TOLERANCE.forward);
});

for (const [rows, heads, headSize] of [[1, 1, 2], [3, 2, 6], [5, 3, 8], [17, 4, 10]]) {
  Deno.test(`rope: [${rows}, ${heads}, ${headSize}] and its gradient`, () => {
    const positions = Uint32Array.from({ length: rows }, (_, i) => (i * 7 + 2) % 19);
    const theta = 10000;
    return checkOp({
      inputs: { x: [rows, heads, headSize] },
      run(tape, { x }, scope) {
        const table = ropeTable(scope, { positions: 19, headSize, theta });
        return rope(tape, x, scope.upload(positions), table);
      },
      reference: ({ x }) => reference.rope(x, positions, { heads, headSize, theta }),
    });
  });
}

Deno.test("rope: the gradient adds up where a tensor is rotated twice", () =>
  checkOp({
    inputs: { x: [2, 1, 4] },
    run(tape, { x }, scope) {
      const table = ropeTable(scope, { positions: 9, headSize: 4, theta: 50 });
      const once = rope(tape, x, scope.upload(Uint32Array.of(1, 8)), table);
      return rope(tape, once, scope.upload(Uint32Array.of(0, 5)), table);
    },
    reference: ({ x }) => reference.rope(x, [1, 13], { heads: 1, headSize: 4, theta: 50 }),
  }));

Deno.test("rope: position 0 changes nothing, and far positions keep the length", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const table = ropeTable(scope, { positions: 32768, headSize: 16, theta: 1e6 });
  const values = seededValues(32, 5);
  const x = scope.upload(values, [2, 1, 16]);
  const y = await device.readF32(
    rope(new Tape(scope), x, scope.upload(Uint32Array.of(0, 32767)), table),
  );
  assertEquals(y.subarray(0, 16), values.subarray(0, 16));
  const squares = (v: Float32Array) => v.reduce((sum, value) => sum + value * value, 0);
  const lengths = [squares(y.subarray(16)), squares(values.subarray(16))];
  assertClose("squared length", [lengths[0]], [lengths[1]], TOLERANCE.forward);
});

Deno.test("ropeTable: angles are rounded to f32 before the cosine, as in transformers", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const table = ropeTable(scope, { positions: 30001, headSize: 4, theta: 10000 });
  const cosines = await device.readF32(table.cosines);
  const sines = await device.readF32(table.sines);
  const { fround, cos, sin } = Math;
  for (const position of [0, 1, 1000, 29999, 30000]) {
    const angles = [position, fround(position * fround(0.01))];
    const at = 2 * position;
    assertEquals([...cosines.subarray(at, at + 2)], angles.map((angle) => fround(cos(angle))));
    assertEquals([...sines.subarray(at, at + 2)], angles.map((angle) => fround(sin(angle))));
  }
});

Deno.test("growingRopeTable: keeps a table that is long enough and replaces one that is not", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tableFor = growingRopeTable(scope, { headSize: 8, theta: 10000 });
  const short = tableFor(10);
  const values = await device.readF32(short.cosines);
  assert(tableFor(short.cosines.shape[0]) === short);
  const long = tableFor(short.cosines.shape[0] + 1);
  assert(long.cosines.shape[0] >= 2 * short.cosines.shape[0]);
  assert(short.cosines.storage.released && short.sines.storage.released);
  assertEquals((await device.readF32(long.cosines)).subarray(0, values.length), values);
  assert(tableFor(5000).sines.shape[0] >= 5000);
});

Deno.test("rope: odd head sizes, other tables and positions of the wrong kind are refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  const table = ropeTable(scope, { positions: 4, headSize: 4, theta: 100 });
  const positions = scope.zeros([2], { dtype: "u32" });
  const x = scope.zeros([2, 1, 4]);
  assertThrows(() => rope(tape, scope.zeros([2, 1, 3]), positions, table), ShapeError, "3 is odd");
  assertThrows(() => rope(tape, scope.zeros([2, 4]), positions, table), ShapeError, "any, any");
  assertThrows(() => rope(tape, scope.zeros([3, 1, 4]), positions, table), ShapeError, "[3] u32");
  assertThrows(() => rope(tape, x, scope.zeros([2]), table), ShapeError, "[2] u32");
  assertThrows(() => rope(tape, scope.zeros([2, 1, 8]), positions, table), ShapeError, "[any, 4]");
});
