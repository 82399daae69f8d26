import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { countingDevice } from "../../src/device/counting.ts";
import type { Device } from "../../src/device/device.ts";
import type { Arguments } from "../../src/device/kernel.ts";
import { openDevice } from "../../src/device/open.ts";
import { DeviceError, KernelError, ShapeError } from "../../src/errors.ts";
import { seededValues, testDevice } from "../ops/harness.ts";
import { affine, texelKernel } from "./kernels.ts";

Deno.test("texels: what a launch writes, the next one and the host read, across rows", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const count = 2500;
  const values = seededValues(4 * count, 1);
  const [x, y] = [scope.texels(count), scope.texels(count)];
  const tensor = scope.upload(values);
  device.run(texelKernel, "put", { values: tensor, y: x, count }, { threads: count });
  device.run(texelKernel, "relay", { x, y, count }, { threads: count });
  assertEquals(await device.readTexels(y), values);
});

Deno.test("texels: a tensor is copied, whole rows and a part of one, after what wrote it", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  for (const count of [3, 1024, 2500]) {
    const values = seededValues(4 * count, count);
    const texels = scope.texelsOf(scope.upload(values, [count, 4]));
    assertEquals(await device.readTexels(texels), values);
  }
  const y = scope.zeros([4]);
  const x = scope.upload(Float32Array.of(1, 2, 3, 4));
  device.run(affine, "main", { x, y, count: 4, shift: 1, scale: 2 }, { threads: 4 });
  assertEquals(await device.readTexels(scope.texelsOf(y)), Float32Array.of(3, 5, 7, 9));
  assertThrows(() => scope.texelsOf(scope.empty([6])), ShapeError, "1.5 is not a number of texels");
});

Deno.test("texels: counted by whole rows, given back with their scope, and lent again", async () => {
  using device = await openDevice();
  const lend = () => {
    using scope = device.scope("test");
    const { storage } = scope.texels(1025);
    assertEquals([device.liveBytes, scope.byteLength], [32768, 32768]);
    return storage.gpu;
  };
  const first = lend();
  assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [0, 32768, 32768]);
  assertEquals(lend(), first);
  device.resetPeak();
  assertEquals(device.heldBytes, 0);
});

Deno.test("texels: operands that do not fit are refused by name", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.texels(4, { label: "x" }), y = scope.texels(4);
  const gone = scope.texels(4, { label: "gone" });
  scope.release(gone);
  const tensor = scope.zeros([4], { label: "t" });
  const refused = (entry: string, args: Arguments, says: string) => {
    const run = () => device.run(texelKernel, entry, { count: 4, ...args }, { threads: 4 });
    assertThrows(run, KernelError, says);
  };
  refused("relay", { x: tensor, y }, "texels.relay: binding x should be texels");
  refused("put", { values: x, y }, "texels.put: binding values should be a tensor");
  refused("relay", { x: gone, y }, "gone of 4 texels, bound as x, was released");
  refused("relay", { x, y: x }, "x of 4 texels is bound as y and as x, one of them writable");
  assertThrows(() => scope.texels(0), ShapeError, "0 is not a number of texels");
  const most = 128 * 2 ** 20 / 16;
  assertThrows(
    () => scope.texels(most + 1),
    DeviceError,
    "bytes in one texture, at most 134217728",
  );
  assertEquals(scope.texels(most).storage.capacity, 128 * 2 ** 20);
  await assertRejects(() => device.readTexels(gone), ShapeError, "gone: its memory was given back");
});

Deno.test("texels: a counting device counts them like the GPU", async () => {
  using device = await openDevice();
  using counting = countingDevice(device);
  const work = async (on: Device) => {
    using scope = on.scope("test");
    const x = scope.texels(3000), values = scope.zeros([12000]);
    on.run(texelKernel, "put", { values, y: x, count: 3000 }, { threads: 3000 });
    const read = await on.readTexels(x);
    return [read.length, on.liveBytes, on.peakBytes];
  };
  assertEquals(await work(counting), await work(device));
});
