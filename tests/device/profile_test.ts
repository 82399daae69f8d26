import { assert, assertEquals, assertThrows } from "@std/assert";
import { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { DeviceError } from "../../src/errors.ts";
import { addAt, affine } from "./kernels.ts";

Deno.test("profile: every launch is counted under its kernel, over more than one batch", async (t) => {
  using device = await openDevice();
  const name = "with timestamps";
  const ignore = !device.info.features.includes("timestamp-query");
  await t.step({ name, ignore, fn: () => checkProfile(device) });
});

async function checkProfile(device: Device): Promise<void> {
  using scope = device.scope("test");
  const [x, y] = [scope.zeros([4]), scope.zeros([4])];
  const add = () => device.run(addAt, "main", { y, place: 1, value: 1 }, { groups: [1] });
  add();
  device.startProfile();
  for (let i = 0; i < 1500; i++) add();
  device.copy(y, x);
  device.run(affine, "main", { x, y, count: 4, shift: 2, scale: 1 }, { threads: 4 });
  const times = await device.endProfile();
  add();
  const launches = new Map(times.map(({ label, launches }) => [label, launches]));
  assertEquals(launches, new Map([["add_at.main", 1500], ["affine.main", 1]]));
  assert(times.every(({ seconds }) => seconds >= 0 && seconds < 60));
  assert(times[0].seconds >= times[1].seconds);
  assertEquals(await device.readF32(y), Float32Array.of(2, 1504, 2, 2));
  assertEquals(await device.endProfile(), []);
}

Deno.test("profile: an adapter without timestamps says so", async () => {
  const { gpu, info } = await openDevice();
  using device = new Device(gpu, { ...info, features: [] });
  assertThrows(() => device.startProfile(), DeviceError, "no timestamp-query feature");
});
