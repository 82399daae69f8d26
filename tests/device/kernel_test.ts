import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { type Arguments, foldRows, Kernel } from "../../src/device/kernel.ts";
import type { Scope, Tensor } from "../../src/device/tensor.ts";
import { reshape } from "../../src/device/tensor.ts";
import { KernelError } from "../../src/errors.ts";
import { testDevice } from "../ops/harness.ts";
import { affine, broken } from "./kernels.ts";

const numbers = { count: 4, shift: 0, scale: 1 };

function pair(scope: Scope): { x: Tensor; y: Tensor } {
  return { x: scope.upload(Float32Array.of(1, 2, 3, 4)), y: scope.zeros([4]) };
}

Deno.test("kernel: arguments reach the variables of the same name, parameters with their type", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { x, y } = pair(scope);
  const args = { scale: 0.5, y, shift: -3, x, count: 3 };
  device.run(affine, "main", args, { threads: 4 });
  assertEquals(await device.readF32(y), Float32Array.of(-2.5, -2, -1.5, 0));
});

Deno.test("kernel: a parameter that the entry point does not use may be left out or given", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { x, y } = pair(scope);
  device.run(affine, "copy_x", { x, y }, { groups: [2] });
  assertEquals(await device.readF32(y), Float32Array.of(1, 2, 0, 0));
  device.run(affine, "copy_x", { x, y, count: 1 }, { groups: [3] });
  assertEquals(await device.readF32(y), Float32Array.of(1, 2, 3, 0));
});

Deno.test("kernel: arguments that do not fit are refused by name, and nothing is launched", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { x, y } = pair(scope);
  const gone = scope.zeros([4], { label: "gone" });
  scope.release(gone);
  const refused = (args: Arguments, says: string) => {
    const run = () => device.run(affine, "main", args, { threads: 4 });
    assertEquals(assertThrows(run, KernelError, says).kernel, "affine");
  };
  refused({ y, ...numbers }, "affine.main: binding x is missing");
  refused({ x, y, z: y, ...numbers }, "it has no binding z");
  refused({ x: 1, y, ...numbers }, "binding x should be a tensor");
  refused({ x: gone, y, ...numbers }, "gone [4] f32, bound as x, was released");
  refused({ x: y, y, ...numbers }, "is bound as y and as x, one of them writable");
  refused({ x: reshape(y, [2, 2]), y, ...numbers }, "is bound as y and as x");
  refused({ x, y, count: 4, shift: 0 }, "parameter scale is missing");
  refused({ x, y, ...numbers, speed: 1 }, "it has no parameter speed");
  refused({ x, y, ...numbers, count: x }, "it has no binding count");
  assertEquals(await device.readF32(y), new Float32Array(4));
  device.run(affine, "main", { x, y, ...numbers }, { threads: 4 });
  assertEquals(await device.readF32(y), Float32Array.of(1, 2, 3, 4));
});

Deno.test("kernel: one tensor may be read under two names but not written under two", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const source = (mode: string) => `
    @group(0) @binding(0) var<storage, ${mode}> a: array<f32>;
    @group(0) @binding(1) var<storage, ${mode}> b: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main() { y[0] = a[0] + b[0]; }`;
  const [x, y] = [scope.upload(Float32Array.of(3)), scope.zeros([1])];
  device.run(new Kernel("reads", source("read")), "main", { a: x, b: x, y }, { groups: [1] });
  assertEquals(await device.readF32(y), Float32Array.of(6));
  const writes = new Kernel("writes", source("read_write"));
  const run = () => device.run(writes, "main", { a: x, b: x, y }, { groups: [1] });
  assertThrows(run, KernelError, "is bound as b and as a");
});

Deno.test("kernel: a tensor over the binding limit is refused before the GPU sees it", async () => {
  const device = await testDevice();
  assert(device.maxBindingBytes <= 128 * 2 ** 20);
  using scope = device.scope("test");
  const x = scope.empty([device.maxBindingBytes / 4 + 1], { label: "huge" });
  const args = { x, y: scope.zeros([4]), ...numbers };
  const run = () => device.run(affine, "main", args, { threads: 4 });
  assertThrows(run, KernelError, `this device binds at most ${device.maxBindingBytes}`);
  await device.sync();
});

Deno.test("kernel: unknown entry points and overrides are refused, and the known ones named", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const args = { ...pair(scope), ...numbers };
  const run = (entry: string, constants = {}) => () =>
    device.run(affine, entry, args, { threads: 4, constants });
  assertThrows(run("mian"), KernelError, "it has no entry point mian; it has main, copy_x");
  assertThrows(run("main", { WIDTH: 8 }), KernelError, "it has no override WIDTH");
});

Deno.test("kernel: an override of the workgroup size changes the launch and not the result", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.from({ length: 301 }, (_, i) => i));
  for (const WG of [1, 64, 128]) {
    const y = scope.zeros([301]);
    const args = { x, y, count: 301, shift: 1, scale: 2 };
    device.run(affine, "main", args, { threads: 301, constants: { WG } });
    const expected = Float32Array.from({ length: 301 }, (_, i) => 2 * i + 1);
    assertEquals(await device.readF32(y), expected, `WG ${WG}`);
    assertEquals(affine.groupWidth(affine.entryPoint("main"), { WG }), WG);
  }
});

Deno.test("kernel: a workgroup size that is no number, constant or override is refused", () => {
  const kernel = new Kernel("odd", "@compute @workgroup_size(SIZE) fn main() {}");
  const width = () => kernel.groupWidth(kernel.entryPoint("main"));
  assertThrows(width, KernelError, `workgroup size "SIZE" is no number`);
});

Deno.test("kernel: workgroup counts outside 1 to 65,535 are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const args = { ...pair(scope), ...numbers };
  for (const groups of [[0], [65536], [1, 65536], [1, 1, 65536], [1.5], [NaN]] as const) {
    const run = () => device.run(affine, "main", args, { groups: groups as [number] });
    assertThrows(run, KernelError, "each must be 1 to 65535");
  }
  assertThrows(() => device.run(affine, "main", args, { threads: 0 }), KernelError, "each must be");
});

Deno.test("foldRows: a grid that covers every row, within the limit, with less than a grid row to spare", () => {
  assertEquals(foldRows(1), [1, 1]);
  assertEquals(foldRows(65535), [65535, 1]);
  assertEquals(foldRows(65536), [32768, 2]);
  for (const count of [131070, 131071, 1e6 + 1, 4e8 + 7, 65535 ** 2]) {
    const [x, y] = foldRows(count);
    assert(x <= 65535 && y <= 65535 && x * y >= count && x * y - count < y, `${count}: ${x} ${y}`);
  }
});

Deno.test("kernel: a compile error comes with kernel, line and excerpt at the next wait", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const y = scope.zeros([1]);
  device.run(broken, "main", { y }, { groups: [1] });
  const error = await assertRejects(() => device.readF32(y), KernelError, "broken:4");
  assertEquals([error.kernel, error.line], ["broken", 4]);
  assertMatch(error.message, /nonsense/);
  assertEquals(error.excerpt!.split("\n"), [
    "     3 | fn main() {",
    ">    4 |   y[0] = nonsense;",
    "     5 | }",
  ]);
  await device.sync();
  device.run(broken, "main", { y }, { groups: [1] });
  await assertRejects(() => device.sync(), KernelError, "broken.main");
});

Deno.test("kernel: a constant that the adapter cannot take is a KernelError of that kernel", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const args = { ...pair(scope), ...numbers };
  device.run(affine, "main", args, { threads: 4, constants: { WG: 2 ** 20 } });
  const error = await assertRejects(() => device.sync(), KernelError, "affine");
  assertEquals(error.kernel, "affine");
});
