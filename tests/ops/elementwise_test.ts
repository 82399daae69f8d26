import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { accumulateInto, add, fill } from "../../src/ops/elementwise.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { checkOp, GuardedScope, testDevice } from "./harness.ts";

Deno.test("add: a sum worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [a, b] = [Float32Array.of(1, -2, 0.5), Float32Array.of(3, 2, 0.25)];
  const y = add(new Tape(scope), scope.upload(a), scope.upload(b));
  assertEquals(await device.readF32(y), Float32Array.of(4, 0, 0.75));
});

for (const shape of [[1], [64], [3, 7], [5, 129], [2, 3, 11]]) {
  Deno.test(`add: [${shape.join(", ")}] and its gradients`, () =>
    checkOp({
      inputs: { a: shape, b: shape },
      run: (tape, { a, b }) => add(tape, a, b),
      reference: ({ a, b }) => reference.add(a, b),
    }));
}

Deno.test("add: a tensor to itself has twice the gradient", () =>
  checkOp({
    inputs: { a: [3, 5] },
    run: (tape, { a }) => add(tape, a, a),
    reference: ({ a }) => reference.add(a, a),
  }));

Deno.test("add: the largest floats overflow to infinity, and infinities stay", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const a = scope.upload(Float32Array.of(3e38, 3e38, -Infinity));
  const b = scope.upload(Float32Array.of(3e38, -3e38, 1));
  const y = add(new Tape(scope), a, b);
  assertEquals(await device.readF32(y), Float32Array.of(Infinity, 0, -Infinity));
});

Deno.test("accumulateInto and fill: every element, and none past the end", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  for (const length of [1, 63, 65, 1000]) {
    const target = scope.empty([length]);
    fill(device, target, -2.5);
    const source = scope.upload(Float32Array.from({ length }, (_, i) => i));
    accumulateInto(device, target, source);
    accumulateInto(device, target, source);
    const expected = Float32Array.from({ length }, (_, i) => 2 * i - 2.5);
    assertEquals(await device.readF32(target), expected);
  }
  await scope.checkGuards();
});

Deno.test("add, accumulateInto and fill: more elements than one axis of workgroups reaches", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const shape = [65535 * 64 + 1];
  const [a, b] = [scope.empty(shape), scope.empty(shape)];
  fill(device, a, 1);
  fill(device, b, 2);
  const y = add(new Tape(scope), a, b);
  accumulateInto(device, y, b);
  assert((await device.readF32(y)).every((value) => value === 5));
  await scope.checkGuards();
});

Deno.test("add and accumulateInto: other shapes and dtypes are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tape = new Tape(scope);
  const [a, b, words] = [
    scope.zeros([2, 3]),
    scope.zeros([3, 2]),
    scope.zeros([2, 3], { dtype: "u32" }),
  ];
  assertThrows(() => add(tape, a, b), ShapeError, "[2, 3] f32");
  assertThrows(() => add(tape, a, words), ShapeError, "[2, 3] f32");
  assertThrows(() => add(tape, words, a), ShapeError, "[2, 3] f32");
  assertThrows(() => accumulateInto(device, a, b), ShapeError, "[2, 3] f32");
});
