import { assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { add } from "../../src/ops/elementwise.ts";
import { swiglu } from "../../src/ops/swiglu.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, checkOp, seededValues, testDevice, TOLERANCE } from "./harness.ts";

Deno.test("swiglu: values worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const ln3 = Math.log(3); // its sigmoid is 3/4, that of -ln 3 is 1/4
  const gate = scope.upload(Float32Array.of(0, ln3, -ln3));
  const up = scope.upload(Float32Array.of(5, 2, 4));
  const y = await device.readF32(swiglu(new Tape(scope), gate, up));
  assertClose("y", y, [0, 1.5 * ln3, -ln3], TOLERANCE.forward);
});

for (const shape of [[1, 1], [1, 64], [3, 7], [5, 129]]) {
  Deno.test(`swiglu: [${shape.join(", ")}] and its gradients`, () =>
    checkOp({
      inputs: { gate: shape, up: shape },
      run: (tape, { gate, up }) => swiglu(tape, gate, up),
      reference: ({ gate, up }) => reference.swiglu(gate, up),
    }));
}

Deno.test("swiglu: where only one input is trained, its gradient is the same", async () => {
  const other = seededValues(15, 8);
  await checkOp({
    inputs: { gate: [3, 5] },
    run: (tape, { gate }, scope) => swiglu(tape, gate, scope.upload(other, [3, 5])),
    reference: ({ gate }) => reference.swiglu(gate, other),
  });
  await checkOp({
    inputs: { up: [3, 5] },
    run: (tape, { up }, scope) => swiglu(tape, scope.upload(other, [3, 5]), up),
    reference: ({ up }) => reference.swiglu(other, up),
  });
});

Deno.test("swiglu: gradients add to those of other uses", () =>
  checkOp({
    inputs: { a: [2, 9], b: [2, 9] },
    run: (tape, { a, b }) => add(tape, swiglu(tape, a, b), swiglu(tape, b, a)),
    reference: ({ a, b }) => reference.add(reference.swiglu(a, b), reference.swiglu(b, a)),
  }));

Deno.test("swiglu: gates from saturated to far out of exp's range, and gradients", () =>
  checkOp({
    inputs: { gate: [8], up: [8] },
    values: { gate: [30, -30, 90, -90, 1000, -1000, 1e-20, 0], up: [1, 1, -1, -1, 1, 1, 1, 1] },
    run: (tape, { gate, up }) => swiglu(tape, gate, up),
    reference: ({ gate, up }) => reference.swiglu(gate, up),
  }));

Deno.test("swiglu: other shapes and dtypes are refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  const [gate, words] = [scope.zeros([2, 3]), scope.zeros([2, 3], { dtype: "u32" })];
  assertThrows(() => swiglu(tape, gate, scope.zeros([6])), ShapeError, "[2, 3] f32");
  assertThrows(() => swiglu(tape, gate, words), ShapeError, "[2, 3] f32");
  assertThrows(() => swiglu(tape, words, gate), ShapeError, "[2, 3] f32");
});
