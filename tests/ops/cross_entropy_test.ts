import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { add } from "../../src/ops/elementwise.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import {
  assertClose,
  checkOp,
  seededValues,
  testDevice,
  testDeviceAsGpu,
  TOLERANCE,
} from "./harness.ts";

async function losses(logits: Float32Array, targets: Uint32Array): Promise<Float32Array> {
  const device = await testDevice();
  using scope = device.scope("test");
  const shape = [targets.length, logits.length / targets.length];
  const y = crossEntropy(new Tape(scope), scope.upload(logits, shape), scope.upload(targets));
  return await device.readF32(y);
}

Deno.test("cross-entropy: rows worked out by hand", async () => {
  // Logits 0 and ln 3 are chances of 1/4 and 3/4.
  const logits = Float32Array.of(0, Math.log(3), 0, Math.log(3));
  const actual = await losses(logits, Uint32Array.of(0, 1));
  assertClose("losses", actual, [Math.log(4), Math.log(4 / 3)], TOLERANCE.forward);
});

for (const [suffix, open] of Object.entries({ "": testDevice, ", as on a GPU": testDeviceAsGpu })) {
  for (const [rows, vocabulary] of [[1, 1], [1, 64], [3, 7], [5, 129], [2, 600]]) {
    Deno.test(`cross-entropy: [${rows}, ${vocabulary}] and its gradient${suffix}`, async () => {
      const targets = Uint32Array.from({ length: rows }, (_, i) => (i * 31 + 5) % vocabulary);
      return checkOp({
        device: await open(),
        inputs: { logits: [rows, vocabulary] },
        run: (tape, { logits }, scope) => crossEntropy(tape, logits, scope.upload(targets)),
        reference: ({ logits }) => reference.crossEntropy(logits, targets),
      });
    });
  }
}

Deno.test("cross-entropy: the gradient adds to that of another use of the logits", () =>
  checkOp({
    inputs: { logits: [2, 5] },
    run(tape, { logits }, scope) {
      const first = crossEntropy(tape, logits, scope.upload(Uint32Array.of(1, 4)));
      return add(tape, first, crossEntropy(tape, logits, scope.upload(Uint32Array.of(0, 4))));
    },
    reference: ({ logits }) =>
      reference.add(
        reference.crossEntropy(logits, [1, 4]),
        reference.crossEntropy(logits, [0, 4]),
      ),
  }));

for (const shift of [1000, -1000]) {
  Deno.test(`cross-entropy: ${shift} added to all logits does not blur loss or gradient`, () =>
    checkOp({
      inputs: { logits: [2, 67] },
      values: { logits: seededValues(134, 3).map((value) => 4 * value + shift) },
      run: (tape, { logits }, scope) =>
        crossEntropy(tape, logits, scope.upload(Uint32Array.of(66, 9))),
      reference: ({ logits }) => reference.crossEntropy(logits, [66, 9]),
    }));
}

Deno.test("cross-entropy: logits too far apart for exp give the distance as loss", async () => {
  const logits = Float32Array.of(1e4, -1e4, 0, 1e4, -1e4, 0, 3e38, -3e37, 0);
  const actual = await losses(logits, Uint32Array.of(1, 0, 1));
  assertClose("losses", actual.subarray(0, 2), [2e4, 0], TOLERANCE.forward);
  assertClose("loss", [actual[2] / 3.3e38], [1], TOLERANCE.forward);
});

Deno.test("cross-entropy: a chance of zero has a gradient of minus one at its target", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const logits = scope.upload(Float32Array.of(2e4, 0, -2e4), [1, 3]);
  const gradient = scope.zeros([1, 3]);
  const tape = new Tape(scope, [{ name: "logits", tensor: logits, gradient, decay: false }]);
  tape.backward(crossEntropy(tape, logits, scope.upload(Uint32Array.of(1))));
  assertEquals(await device.readF32(gradient), Float32Array.of(1, -1, 0));
});

for (const vocabulary of [32000, 100003]) {
  Deno.test(`cross-entropy: ${vocabulary} equal logits have a loss of ln ${vocabulary}`, async () => {
    const actual = await losses(new Float32Array(vocabulary), Uint32Array.of(vocabulary - 1));
    assertClose("loss", actual, [Math.log(vocabulary)], TOLERANCE.forward);
  });
}

Deno.test("cross-entropy: more rows than one axis of workgroups", async () => {
  const rows = 65537;
  const logits = Float32Array.from({ length: 2 * rows }, (_, i) => i % 2 === 0 ? 0 : i % 5);
  const actual = await losses(logits, new Uint32Array(rows).fill(1));
  const expected = actual.map((_, row) => Math.log(1 + Math.exp(-((2 * row + 1) % 5))));
  assertClose("losses", actual, expected, TOLERANCE.forward);
});

Deno.test("cross-entropy: a target outside the vocabulary makes its own loss NaN and no other", async () => {
  const actual = await losses(new Float32Array(12), Uint32Array.of(2, 3, 0xffffffff, 0));
  assertEquals([...actual].map(Number.isNaN), [false, true, true, false]);
  assert(actual[0] === actual[3]);
});

Deno.test("cross-entropy: logits that are no matrix, and targets that do not fit, are refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  const [logits, targets] = [scope.zeros([2, 3]), scope.zeros([2], { dtype: "u32" })];
  const three = scope.zeros([3], { dtype: "u32" });
  assertThrows(() => crossEntropy(tape, scope.zeros([6]), targets), ShapeError, "[any, any] f32");
  assertThrows(() => crossEntropy(tape, logits, three), ShapeError, "[2] u32");
  assertThrows(() => crossEntropy(tape, logits, scope.zeros([2])), ShapeError, "[2] u32");
});
