import { assert, assertEquals, assertRejects } from "@std/assert";
import { fastestOf, tuneChoice, type TuneRow } from "../../src/cli/tune_choice.ts";
import type { Trial, Trials } from "../../src/cli/tune_trials.ts";
import { Kernel } from "../../src/device/kernel.ts";
import { DeviceError, KernelError } from "../../src/errors.ts";
import type { Variant } from "../../src/ops/variants.ts";
import { openDevice } from "../../src/device/open.ts";
import { testDevice } from "../ops/harness.ts";

Deno.test("fastestOf: the fastest, if it beats the default by more than noise", () => {
  const fastest = (...seconds: number[]) =>
    fastestOf(seconds.map((seconds, i) => ({ variant: "abcd"[i], seconds })));
  assertEquals(fastest(1), "a");
  assertEquals(fastest(1, 0.5, 0.4, 0.6), "c");
  assertEquals(fastest(1, 0.99, 0.98), "a");
  assertEquals(fastest(1, 0.9, 0.9), "b");
});

const shared = await testDevice();

/** Variants that do nothing but block for a time, or are wrong, by their names. */
function fakeTrials(
  behaviour: Record<string, number | "wrong" | "failing" | "impossible">,
  device = shared,
) {
  const kernel = new Kernel("fake", "@compute @workgroup_size(1) fn main() {}");
  const variants = Object.keys(behaviour).map((name): Variant => ({
    name,
    kernel,
    constants: {},
    runsOn: () => behaviour[name] !== "impossible",
  }));
  const runs: string[] = [];
  const trial: Trial = {
    shape: "1×2×3",
    run() {
      const name = device.tuning.fake;
      runs.push(name);
      const end = performance.now() + Number(behaviour[name]);
      while (performance.now() < end);
    },
    check() {
      const behaves = behaviour[device.tuning.fake];
      const error = behaves === "wrong"
        ? new KernelError("it is wrong", { kernel: "fake" })
        : behaves === "failing" && new DeviceError("it fails");
      return error ? Promise.reject(error) : Promise.resolve();
    },
  };
  const choice = { name: "fake", variants, defaultFor: () => variants[0] };
  const trials: Trials = { choice, large: () => trial, odd: () => trial };
  return { trials, runs };
}

async function tune(trials: Trials, device = shared): Promise<{ rows: TuneRow[]; taken: string }> {
  const rows: TuneRow[] = [];
  const results = tuneChoice(device, trials, { width: 64, repeats: 4 });
  for (let next = await results.next();; next = await results.next()) {
    if (next.done) return { rows, taken: next.value };
    rows.push(next.value);
  }
}

Deno.test("tuneChoice: takes the fastest that is right and that the adapter can run", async () => {
  const behaviour = {
    usual: 120,
    slow: 600,
    wrong: "wrong",
    failing: "failing",
    none: "impossible",
    fast: 20,
  } as const;
  const { trials, runs } = fakeTrials(behaviour);
  const { rows, taken } = await tune(trials);
  assertEquals(taken, "fast");
  assertEquals(rows.map(({ variant, isDefault }) => [variant, isDefault]), [
    ["usual", true],
    ["slow", false],
    ["wrong", false],
    ["failing", false],
    ["fast", false],
  ]);
  const [wrong, failing] = rows.slice(2);
  assert("reason" in wrong && wrong.reason === "it is wrong");
  assert("reason" in failing && failing.reason === "it fails");
  // Two checks, the first time twice; and what has a chance four times more after a warm-up.
  assertEquals(runs.filter((name) => name === "usual").length, 4 + 5);
  assertEquals(runs.filter((name) => name === "slow").length, 4);
  assertEquals(runs.filter((name) => name === "wrong").length, 1);
  assertEquals(shared.tuning, {});
});

Deno.test("tuneChoice: a default that is wrong is an error", async () => {
  const { trials } = fakeTrials({ usual: "wrong", other: 1 });
  await assertRejects(() => tune(trials), KernelError, "it is wrong");
  assertEquals(shared.tuning, {});
});

Deno.test("tuneChoice: a device that is lost ends the tuning, whatever variant did it", async () => {
  using device = await openDevice();
  const { trials, runs } = fakeTrials({ usual: 1, failing: "failing", fast: 1 }, device);
  const rows = tuneChoice(device, trials, { width: 64, repeats: 1 });
  assertEquals((await rows.next()).done, false);
  device.gpu.destroy();
  await device.gpu.lost;
  await assertRejects(() => rows.next(), DeviceError, "it fails");
  assert(!runs.includes("fast"));
});
