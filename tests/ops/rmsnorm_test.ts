import { assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { rmsnorm } from "../../src/ops/rmsnorm.ts";
import { Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, checkOp, testDevice, testDeviceAsGpu } from "./harness.ts";

Deno.test("rmsnorm: a row worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(3, 4), [1, 2]);
  const weight = scope.upload(Float32Array.of(1, 2));
  const y = rmsnorm(new Tape(scope), x, weight, 0);
  // mean square 12.5, root 3.5355
  assertClose("y", await device.readF32(y), [3 / 3.5355339, 8 / 3.5355339], 1e-6);
});

for (const [rows, width] of [[1, 1], [1, 64], [3, 7], [5, 129]]) {
  Deno.test(`rmsnorm: [${rows}, ${width}] and its gradients`, () =>
    checkOp({
      inputs: { x: [rows, width], weight: [width] },
      run: (tape, { x, weight }) => rmsnorm(tape, x, weight, 1e-5),
      reference: ({ x, weight }) => reference.rmsnorm(x, weight, 1e-5),
    }));
}

for (const [rows, width] of [[1, 1], [3, 7], [5, 129]]) {
  Deno.test(`rmsnorm: [${rows}, ${width}] and its gradients, as on a GPU`, async () =>
    checkOp({
      device: await testDeviceAsGpu(),
      inputs: { x: [rows, width], weight: [width] },
      run: (tape, { x, weight }) => rmsnorm(tape, x, weight, 1e-5),
      reference: ({ x, weight }) => reference.rmsnorm(x, weight, 1e-5),
    }));
}

Deno.test("rmsnorm: the weight's gradient counts every one of 70,000 rows", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [rows, width] = [70_000, 2];
  const x = scope.upload(new Float32Array(rows * width).fill(2), [rows, width]);
  const tensor = scope.upload(Float32Array.of(1, 1));
  const gradient = scope.zeros([width]);
  const tape = new Tape(scope, [{ name: "weight", tensor, gradient, decay: false }]);
  tape.backward(rmsnorm(tape, x, tensor, 0));
  assertClose("d weight", await device.readF32(gradient), [rows, rows], 1e-6);
});

Deno.test("rmsnorm: huge and tiny rows stay finite", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(1e18, -1e18, 0, 0, 1e-18, 1e-18), [3, 2]);
  const weight = scope.upload(Float32Array.of(1, 1));
  const y = await device.readF32(rmsnorm(new Tape(scope), x, weight, 1e-5));
  assertClose("y", y, [1, -1, 0, 0, 1e-18 / Math.sqrt(1e-5), 1e-18 / Math.sqrt(1e-5)], 1e-6);
});

Deno.test("rmsnorm: a weight of another width is refused", async () => {
  using scope = (await testDevice()).scope("test");
  const x = scope.zeros([2, 4]), weight = scope.zeros([3]);
  assertThrows(() => rmsnorm(new Tape(scope), x, weight, 1e-5), ShapeError, "[4] f32");
});
