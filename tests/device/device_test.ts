import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { countingDevice } from "../../src/device/counting.ts";
import type { Device } from "../../src/device/device.ts";
import { hasAdapter, openDevice } from "../../src/device/open.ts";
import type { Scope, Tensor } from "../../src/device/tensor.ts";
import { DeviceError, KernelError, ShapeError } from "../../src/errors.ts";
import { testDevice } from "../ops/harness.ts";
import { addAt, affine, fourWide } from "./kernels.ts";

function counting(length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => i);
}

Deno.test("device: the adapter has a name, and subgroups only where the feature is on", async () => {
  assert(await hasAdapter());
  const { info } = await testDevice();
  assert(info.name.length > 0);
  if (!info.features.includes("subgroups")) assertEquals(info.subgroupSize, 0);
});

Deno.test("device: what the GPU finds wrong with a launch is thrown at the next wait, once", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tooSmall = scope.zeros([1]);
  device.run(fourWide, "main", { y: tooSmall }, { groups: [1] });
  const error = await assertRejects(() => device.sync(), KernelError, "four_wide.main");
  assertEquals(error.kernel, "four_wide.main");
  await device.sync();
  const y = scope.zeros([4]);
  device.run(fourWide, "main", { y }, { groups: [1] });
  assertEquals(await device.readF32(y), Float32Array.of(1, 1, 1, 1));
});

Deno.test("device: reading throws the errors of launches before it", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(counting(4));
  device.run(fourWide, "main", { y: scope.zeros([1]) }, { groups: [1] });
  await assertRejects(() => device.readF32(x), KernelError, "four_wide");
  assertEquals(await device.readF32(x), counting(4));
});

Deno.test("device: a copy off the 4-byte grid is refused by the GPU and thrown at the wait", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  device.copy(scope.zeros([4]), scope.zeros([4]), { sourceOffset: 2, byteLength: 4 });
  await assertRejects(() => device.sync(), DeviceError, "not aligned");
  await device.sync();
});

Deno.test("device: a write comes after the launches recorded before it", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(1, 2));
  const [before, after] = [scope.zeros([2]), scope.zeros([2])];
  const args = { x, count: 2, shift: 0, scale: 10 };
  device.run(affine, "main", { ...args, y: before }, { threads: 2 });
  device.write(x, Float32Array.of(5, 6));
  device.run(affine, "main", { ...args, y: after }, { threads: 2 });
  device.write(after, Float32Array.of(-1), { offset: 4 });
  assertEquals(await device.readF32(before), Float32Array.of(10, 20));
  assertEquals(await device.readF32(after), Float32Array.of(50, -1));
});

Deno.test("device: writes are submitted at the latest after 64 MiB, and before a wait", async () => {
  using device = countingDevice(await testDevice());
  using scope = device.scope("test");
  const { queue } = device.gpu;
  let pending = 0, most = 0;
  queue.writeBuffer = (_buffer, _offset, data) =>
    void (most = Math.max(most, pending += data.byteLength));
  queue.submit = () => void (pending = 0);
  const piece = new Uint8Array(10 * 2 ** 20);
  const target = scope.empty([piece.length], { dtype: "u8" });
  for (let i = 0; i < 20; i++) device.write(target, piece);
  assert(most > 60 * 2 ** 20 && most < 74 * 2 ** 20, `${most} bytes were pending`);
  assert(pending > 0);
  await device.sync();
  assertEquals(pending, 0);
});

Deno.test("device: a write to a buffer lent again comes after the launches of its last owner", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const y = scope.zeros([4]);
  const first = scope.upload(counting(4));
  device.run(affine, "main", { x: first, y, count: 4, shift: 0, scale: 1 }, { threads: 4 });
  scope.release(first);
  const second = scope.upload(Float32Array.of(9, 9, 9, 9));
  assertEquals(second.storage.gpu, first.storage.gpu);
  assertEquals(await device.readF32(y), counting(4));
});

Deno.test("device: thousands of launches without a wait each keep their own parameters", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const y = scope.zeros([7]);
  const expected = new Float32Array(7);
  for (let i = 0; i < 2500; i++) {
    device.run(addAt, "main", { y, place: i % 7, value: i }, { groups: [1] });
    expected[i % 7] += i;
  }
  assertEquals(await device.readF32(y), expected);
});

Deno.test("device: more than 65,535 workgroups are folded so that every element is reached", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const count = 65536 * 8 + 3;
  const x = scope.upload(counting(count));
  const y = scope.zeros([count + 5]);
  const args = { x, y, count, shift: 1, scale: 1 };
  device.run(affine, "main", args, { threads: count, constants: { WG: 8 } });
  const actual = await device.readF32(y);
  assert(actual.subarray(0, count).every((value, i) => value === i + 1));
  assertEquals(actual.subarray(count), new Float32Array(5));
});

Deno.test("device: a tensor over 32 MiB is read back whole", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const words = Uint32Array.from({ length: 2 ** 23 + 5 }, (_, i) => Math.imul(i, 2654435761));
  const actual = await device.readU32(scope.upload(words));
  assertEquals(actual.length, words.length);
  assert(actual.every((word, i) => word === words[i]));
});

Deno.test("device: copies of a part change that part only", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const source = scope.upload(counting(8));
  const target = scope.upload(new Float32Array(8).fill(-1));
  device.copy(source, target, { sourceOffset: 8, targetOffset: 20, byteLength: 8 });
  assertEquals(await device.readF32(target), Float32Array.of(-1, -1, -1, -1, -1, 2, 3, -1));
  device.copy(source, target, { sourceOffset: 24 });
  assertEquals(await device.readF32(target), Float32Array.of(6, 7, -1, -1, -1, 2, 3, -1));
  device.clear(target);
  assertEquals(await device.readF32(target), new Float32Array(8));
});

Deno.test("device: copies and writes past an end are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [a, b] = [scope.zeros([4]), scope.zeros([2])];
  assertThrows(() => device.copy(a, b), ShapeError, "does not fit");
  assertThrows(() => device.copy(b, a, { targetOffset: 12 }), ShapeError, "does not fit");
  const beyond = { sourceOffset: 4, byteLength: 8 };
  assertThrows(() => device.copy(b, a, beyond), ShapeError, "8 bytes from byte 4");
  assertThrows(() => device.write(b, counting(3)), ShapeError, "12 bytes at byte 0");
  assertThrows(() => device.write(b, counting(1), { offset: 8 }), ShapeError, "at byte 8");
});

Deno.test("device: a tensor given back can be used for nothing", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [gone, other] = [scope.zeros([4], { label: "gone" }), scope.zeros([4])];
  scope.release(gone);
  const lentAgain = scope.upload(counting(4));
  const says = "gone [4] f32: its memory was given back";
  assertThrows(() => device.write(gone, counting(4)), ShapeError, says);
  assertThrows(() => device.copy(gone, other), ShapeError, says);
  assertThrows(() => device.copy(other, gone), ShapeError, says);
  assertThrows(() => device.clear(gone), ShapeError, says);
  await assertRejects(() => device.readF32(gone), ShapeError, says);
  assertEquals(await device.readF32(lentAgain), counting(4));
});

Deno.test("device: a buffer larger than the device allows says how much was needed", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const words = Math.floor(device.gpu.limits.maxBufferSize / 4) + 1;
  const error = assertThrows(() => scope.empty([words]), DeviceError, "in one buffer");
  assertEquals([error.needed, error.available], [words * 4, device.gpu.limits.maxBufferSize]);
  assertEquals(device.liveBytes, 0);
});

Deno.test("device: live, held and peak bytes follow the owners", async () => {
  using device = await openDevice();
  assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [0, 0, 0]);
  {
    using scope = device.scope("test");
    const a = scope.empty([64]);
    scope.empty([1000]);
    assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [4352, 4352, 4352]);
    scope.release(a);
    assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [4096, 4352, 4352]);
  }
  assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [0, 4352, 4352]);
  device.resetPeak();
  assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], [0, 0, 0]);
});

Deno.test("device: memory does not creep while the shapes of a step vary", async () => {
  using device = await openDevice();
  for (let step = 0; step < 60; step++) {
    using scope = device.scope("step");
    const length = 1000 + (step * 7919) % 4000;
    const x = scope.upload(counting(length));
    const y = scope.empty([length]);
    const args = { x, y, count: length, shift: step, scale: 1 };
    device.run(affine, "main", args, { threads: length });
    if (step % 10 === 0) assertEquals((await device.readF32(y)).at(-1), length - 1 + step);
    assert(device.heldBytes <= device.peakBytes);
  }
  await device.sync();
  assertEquals(device.liveBytes, 0);
});

/** Resolves as `promise` does, or rejects after five seconds. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), 5000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function assertUnusable(device: Device, scope: Scope, x: Tensor): Promise<void> {
  const says = "the device was lost";
  const args = { x, y: x, count: 4, shift: 0, scale: 1 };
  assertThrows(() => scope.empty([4]), DeviceError, says);
  assertThrows(() => device.run(affine, "main", args, { threads: 4 }), DeviceError, says);
  assertThrows(() => device.write(x, counting(4)), DeviceError, says);
  assertThrows(() => device.copy(x, x), DeviceError, says);
  assertThrows(() => device.clear(x), DeviceError, says);
  await assertRejects(() => soon(device.sync()), DeviceError, says);
  await assertRejects(() => soon(device.readF32(x)), DeviceError, says);
}

Deno.test("device: once lost, it throws a DeviceError at every call and hangs at none", async () => {
  using device = await openDevice();
  using scope = device.scope("test");
  const x = scope.upload(counting(4));
  const y = scope.zeros([4]);
  device.run(affine, "main", { x, y, count: 4, shift: 0, scale: 1 }, { threads: 4 });
  device.gpu.destroy();
  await assertRejects(() => soon(device.sync()), DeviceError, "the device was lost");
  await assertUnusable(device, scope, x);
});

Deno.test("device: a read under way when the device is lost ends with a DeviceError", async () => {
  using device = await openDevice();
  using scope = device.scope("test");
  const x = scope.upload(counting(4));
  const reading = device.readF32(x);
  device.gpu.destroy();
  await assertRejects(() => soon(reading), DeviceError);
  await assertUnusable(device, scope, x);
});

Deno.test("device: what is recorded after a loss not yet noticed ends with a DeviceError", async () => {
  using device = await openDevice();
  using scope = device.scope("test");
  const x = scope.upload(counting(4));
  const y = scope.zeros([4]);
  device.gpu.destroy();
  device.run(affine, "main", { x, y, count: 4, shift: 0, scale: 1 }, { threads: 4 });
  await assertRejects(() => soon(device.readF32(y)), DeviceError);
  await device.gpu.lost;
  await assertUnusable(device, scope, x);
});

Deno.test("device: closing it twice is harmless, and afterwards it is as good as lost", async () => {
  const device = await openDevice();
  const scope = device.scope("test");
  const x = scope.upload(counting(4));
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  await assertUnusable(device, scope, x);
  scope[Symbol.dispose]();
  assertEquals(device.liveBytes, 0);
});
