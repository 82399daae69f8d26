import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  byteLengthOf,
  describe,
  expectShape,
  type HostArray,
  reshape,
  sizeOf,
} from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { GuardedScope, testDevice } from "../ops/harness.ts";

Deno.test("tensor: sizes in elements and in bytes, rounded up to whole words", () => {
  assertEquals([[], [5], [2, 3, 4]].map(sizeOf), [1, 5, 24]);
  assertEquals(byteLengthOf([3], "f32"), 12);
  assertEquals(byteLengthOf([3], "u32"), 12);
  assertEquals(byteLengthOf([3], "f16"), 8);
  assertEquals(byteLengthOf([3], "bf16"), 8);
  assertEquals([1, 4, 5].map((length) => byteLengthOf([length], "u8")), [4, 4, 8]);
});

Deno.test("tensor: uploads of every dtype keep their bytes, and write only their own", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const bytesOf = (data: HostArray) =>
    new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  const cases: [HostArray, string][] = [
    [Float32Array.of(1.5, -0, Infinity), "f32"],
    [Uint32Array.of(0xdeadbeef, 7), "u32"],
    [Uint16Array.of(1, 2, 3), "f16"],
    [Uint16Array.of(9), "f16"],
    [Uint8Array.of(1), "u8"],
    [Uint8Array.of(1, 2, 3, 4, 5, 6, 7), "u8"],
    [Uint8Array.from({ length: 258 }, (_, i) => i), "u8"],
  ];
  for (const [data, dtype] of cases) {
    const tensor = scope.upload(data);
    assertEquals([tensor.dtype, tensor.shape], [dtype, [data.length]] as const);
    const actual = new Uint8Array(await device.readBytes(tensor));
    assertEquals(actual.length, Math.ceil(data.byteLength / 4) * 4);
    const padding = new Array(actual.length - data.byteLength).fill(0);
    assertEquals([...actual], [...bytesOf(data), ...padding]);
  }
  await scope.checkGuards();
});

Deno.test("tensor: an upload of a part of a larger array takes that part", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const part = Float32Array.of(0, 1, 2, 3, 4, 5).subarray(2, 5);
  assertEquals(await device.readF32(scope.upload(part)), Float32Array.of(2, 3, 4));
  const odd = Uint8Array.of(0, 1, 2, 3, 4, 5, 6).subarray(1, 6);
  const bytes = new Uint8Array(await device.readBytes(scope.upload(odd)));
  assertEquals([...bytes], [1, 2, 3, 4, 5, 0, 0, 0]);
});

Deno.test("tensor: bf16 is told by its name, and an array of another size is refused", async () => {
  using scope = (await testDevice()).scope("test");
  assertEquals(scope.upload(Uint16Array.of(1, 2), [2], { dtype: "bf16" }).dtype, "bf16");
  const wrong = () => scope.upload(new Float32Array(5), [2, 3], { label: "w" });
  assertThrows(wrong, ShapeError, "Cannot upload w: [2, 3] f32 takes 24 bytes, the array has 20");
  const words = () => scope.upload(new Uint8Array(4), [4], { dtype: "f32" });
  assertThrows(words, ShapeError, "takes 16 bytes");
});

Deno.test("tensor: zeros are zero where a buffer is lent again", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const used = scope.upload(new Float32Array(64).fill(7));
  scope.release(used);
  const zeros = scope.zeros([64]);
  assertEquals(zeros.storage.gpu, used.storage.gpu);
  assertEquals(await device.readF32(zeros), new Float32Array(64));
});

Deno.test("tensor: shapes without elements or whole lengths are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  for (const shape of [[0], [3, -1], [1.5], [NaN], [Infinity]]) {
    assertThrows(() => scope.empty(shape), ShapeError, "not a shape of positive integers");
  }
  assertEquals(device.liveBytes, 0);
});

Deno.test("tensor: a check names operation, tensor and what was expected", async () => {
  using scope = (await testDevice()).scope("test");
  const x = scope.zeros([2, 3], { label: "x" });
  assertEquals(describe(x), "x [2, 3] f32");
  expectShape("test", x, [2, 3]);
  expectShape("test", x, [null, 3]);
  const says = "Cannot run test: x [2, 3] f32 should be [any, 4] f32";
  assertThrows(() => expectShape("test", x, [null, 4]), ShapeError, says);
  assertThrows(() => expectShape("test", x, [2, 3], "u32"), ShapeError, "[2, 3] u32");
  assertThrows(() => expectShape("test", x, [2, 3, 1]), ShapeError);
  assertThrows(() => expectShape("test", x, [6]), ShapeError);
});

Deno.test("tensor: a view has the same elements and the same owner", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const view = reshape(x, [3, 2]);
  assertEquals(await device.readF32(view), await device.readF32(x));
  assertThrows(() => reshape(x, [4, 2]), ShapeError, "the element counts differ");
  assert(scope.owns(view));
  scope.release(view);
  assert(!scope.owns(x));
  assert(x.storage.released);
});

Deno.test("scope: when it ends, what it owns is given back, and it lends no more", async () => {
  const device = await testDevice();
  const scope = device.scope("short");
  const x = scope.empty([64]);
  assertEquals([device.liveBytes, scope.byteLength], [256, 256]);
  scope[Symbol.dispose]();
  scope[Symbol.dispose]();
  assertEquals([device.liveBytes, scope.byteLength], [0, 0]);
  assert(x.storage.released);
  assertThrows(() => scope.empty([1]), ShapeError, `scope "short" has ended`);
  assertThrows(() => scope.zeros([1]), ShapeError, "has ended");
  assertThrows(() => scope.upload(Float32Array.of(1)), ShapeError, "has ended");
});

Deno.test("scope: an adopted tensor lives as long as its new owner", async () => {
  const device = await testDevice();
  using outer = device.scope("outer");
  const inner = device.scope("inner");
  const x = inner.upload(Float32Array.of(1, 2));
  const view = outer.adopt(reshape(x, [2, 1]), inner);
  assert(outer.owns(x) && !inner.owns(x));
  inner[Symbol.dispose]();
  assertEquals(await device.readF32(view), Float32Array.of(1, 2));
  outer.release(x);
  assertEquals(device.liveBytes, 0);
});

Deno.test("scope: only a tensor's owner can hand it over or give it back", async () => {
  const device = await testDevice();
  using owner = device.scope("owner");
  using other = device.scope("other");
  const x = owner.zeros([4], { label: "x" });
  const says = `Cannot move x [4] f32: scope "other" does not own it`;
  assertThrows(() => owner.adopt(x, other), ShapeError, says);
  other.release(x);
  assert(!x.storage.released);
  const ended = device.scope("ended");
  ended[Symbol.dispose]();
  assertThrows(() => ended.adopt(x, owner), ShapeError, "has ended");
  assert(owner.owns(x), "a refused move loses the tensor");
});
