import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { concatenate } from "../../src/ops/concatenate.ts";
import { add } from "../../src/ops/elementwise.ts";
import { Tape } from "../../src/ops/tape.ts";
import { checkOp, testDevice } from "./harness.ts";

Deno.test("concatenate: vectors end to end, in their order", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [a, b] = [scope.upload(Float32Array.of(1, 2)), scope.upload(Float32Array.of(3))];
  const y = concatenate(new Tape(scope), [b, a, b]);
  assertEquals(y.shape, [4]);
  assertEquals(await device.readF32(y), Float32Array.of(3, 1, 2, 3));
});

for (const lengths of [[1], [1, 1], [3, 65, 7]]) {
  Deno.test(`concatenate: vectors of ${lengths.join(", ")}, and their gradients`, () =>
    checkOp({
      inputs: Object.fromEntries(lengths.map((length, i) => [`x${i}`, [length]])),
      run: (tape, inputs) => concatenate(tape, Object.values(inputs)),
      reference: (inputs) => Object.values(inputs).flatMap((values) => [...values]),
    }));
}

Deno.test("concatenate: gradients of a vector that comes twice, and of computed ones, add up", () =>
  checkOp({
    inputs: { a: [3], b: [3] },
    run: (tape, { a, b }) => concatenate(tape, [a, add(tape, a, b), a]),
    reference: ({ a, b }) => [...a, ...a.map((value, i) => value + b[i]), ...a],
  }));

Deno.test("concatenate: nothing, and what is no vector of f32, is refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  assertThrows(() => concatenate(tape, []), ShapeError, "there are no vectors");
  assertThrows(() => concatenate(tape, [scope.zeros([2, 1])]), ShapeError, "[any] f32");
  const words = scope.zeros([2], { dtype: "u32" });
  assertThrows(() => concatenate(tape, [scope.zeros([2]), words]), ShapeError, "[any] f32");
});
