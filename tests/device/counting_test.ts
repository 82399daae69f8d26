import { assertEquals, assertThrows } from "@std/assert";
import { countingDevice } from "../../src/device/counting.ts";
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { DeviceError, KernelError } from "../../src/errors.ts";
import { packRows } from "../../src/ops/pack_rows.ts";
import { affine } from "./kernels.ts";

/** Some work with memory that comes and goes; the memory in use after each part of it. */
async function work(device: Device): Promise<number[]> {
  const seen: number[] = [];
  const look = () => seen.push(device.liveBytes, device.heldBytes, device.peakBytes);
  using scope = device.scope("test");
  for (let i = 1; i <= 1100; i++) {
    using step = device.scope("step");
    const count = 100 * i;
    const x = step.upload(new Float32Array(count));
    const y = (i % 3 === 0 ? scope : step).empty([count]);
    const args = { x, y, count, shift: 0, scale: 1 };
    device.run(affine, "main", args, { threads: count });
    device.copy(x, y);
    if (i % 100 === 0) look();
    if (i % 9 === 0) scope.release(y);
  }
  await device.sync();
  const read = await device.readF32(scope.zeros([1000]));
  seen.push(read.length);
  device.resetPeak();
  look();
  return seen;
}

Deno.test("counting device: uses as much memory as the GPU, without computing", async () => {
  using device = await openDevice();
  using counting = countingDevice(device);
  assertEquals(await work(counting), await work(device));
  assertEquals([counting.liveBytes, device.liveBytes], [0, 0]);
});

Deno.test("counting device: runs the variants of its model, which differ in what they allocate", async () => {
  using device = await openDevice();
  device.tuning = { gemm_8_rows: "tiled-64x64-8x4" };
  using counting = countingDevice(device);
  const peaks = [device, counting].map((on) => {
    using scope = on.scope("test");
    packRows(scope, { tensor: scope.empty([8, 4]), stride: 4 }, { rows: 8, depth: 4 });
    return on.peakBytes;
  });
  assertEquals(peaks[0], peaks[1]);
});

Deno.test("counting device: has the limits of its model, and refuses what that would", async () => {
  using device = await openDevice();
  using counting = countingDevice(device);
  assertEquals(counting.maxBindingBytes, device.maxBindingBytes);
  using scope = counting.scope("test");
  const most = device.gpu.limits.maxBufferSize;
  assertThrows(() => scope.empty([Math.floor(most / 4) + 1]), DeviceError, "in one buffer");
  const huge = scope.empty([device.maxBindingBytes / 4 + 1]);
  const args = { x: huge, y: scope.empty([4]), count: 4, shift: 0, scale: 1 };
  assertThrows(() => counting.run(affine, "main", args, { threads: 4 }), KernelError, "at most");
});
