import { assert, assertEquals } from "@std/assert";
import { fastestRun } from "../../src/cli/bench_timing.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("fastestRun: long work is timed run by run, after one that does not count", async () => {
  const lengths = [600, 500, 110, 400];
  let runs = 0, waits = 0;
  const seconds = await fastestRun(3, () => sleep(lengths[runs++]), () => Promise.resolve(waits++));
  assertEquals([runs, waits], [4, 4]);
  assert(seconds >= 0.1 && seconds < 0.4, `${seconds} s is not the time of the third run`);
});

Deno.test("fastestRun: short work is done many times between two waits", async () => {
  let runs = 0, waits = 0;
  const seconds = await fastestRun(2, () => void runs++, async () => {
    waits++;
    await sleep(1);
  });
  assert(waits < 12 && runs > 4 * waits, `${runs} runs with ${waits} waits`);
  assert(seconds > 0);
});

Deno.test("fastestRun: a failure of the work or the wait is passed on", async () => {
  const fail = () => Promise.reject(new RangeError("no"));
  const failures = await Promise.allSettled([
    fastestRun(1, fail, () => Promise.resolve()),
    fastestRun(1, () => {}, fail),
  ]);
  assertEquals(failures.map(({ status }) => status), ["rejected", "rejected"]);
});
