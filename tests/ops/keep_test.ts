import { assert, assertEquals } from "@std/assert";
import { keep } from "../../src/ops/keep.ts";
import { GuardedScope, seededValues, testDevice } from "./harness.ts";

async function keptAsHalf(values: Float32Array): Promise<Float32Array> {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const kept = keep(scope, scope.upload(values), "f16");
  const restored = await device.readF32(kept.restore(scope));
  await scope.checkGuards();
  return restored;
}

for (const count of [1, 2, 7, 64, 1001]) {
  Deno.test(`keep: ${count} values as half floats, rounded to the nearest`, async () => {
    const values = seededValues(count, count).map((value) => value * 100);
    assertEquals(await keptAsHalf(values), Float32Array.from(values, Math.f16round));
  });
}

Deno.test("keep: the smallest half floats survive, beyond the largest they are cut off", async () => {
  const values = Float32Array.of(0, 2 ** -24, -(2 ** -14), 65504, 65519, 70000, -1e30);
  const expected = Float32Array.of(0, 2 ** -24, -(2 ** -14), 65504, 65504, 65504, -65504);
  assertEquals(await keptAsHalf(values), expected);
});

Deno.test("keep: f32 keeps the tensor itself, f16 half of its memory", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const values = seededValues(4096, 1);
  const x = scope.upload(values);
  const { capacity } = x.storage;
  const same = keep(scope, x, "f32");
  assert(same.restore(scope) === x);
  assertEquals(scope.byteLength, capacity);
  const half = keep(scope, x, "f16");
  assertEquals([x.storage.released, scope.byteLength], [true, capacity / 2]);
  half.release();
  assertEquals(scope.byteLength, 0);
});
