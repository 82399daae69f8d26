import { assert, assertEquals, assertRejects } from "@std/assert";
import { fastestOf, tuneChoice, type TuneRow } from "../../src/cli/tune_choice.ts";
import type { Trial, Trials } from "../../src/cli/tune_trials.ts";
import { Kernel } from "../../src/device/kernel.ts";
import { KernelError } from "../../src/errors.ts";
import type { Variant } from "../../src/ops/variants.ts";
import { testDevice } from "../ops/harness.ts";

Deno.test("fastestOf: the fastest, if it beats the default by more than noise", () => {
  const fastest = (...seconds: number[]) =>
    fastestOf(seconds.map((seconds, i) => ({ variant: "abcd"[i], seconds })));
  assertEquals(fastest(1), "a");
  assertEquals(fastest(1, 0.5, 0.4, 0.6), "c");
  assertEquals(fastest(1, 0.99, 0.98), "a");
  assertEquals(fastest(1, 0.9, 0.9), "b");
});

const device = await testDevice();

/** Variants that do nothing but block for a time, or are wrong, by their names. */
function fakeTrials(behaviour: Record<string, number | "wrong" | "impossible">) {
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
      if (behaviour[device.tuning.fake] !== "wrong") return Promise.resolve();
      return Promise.reject(new KernelError("it is wrong", { kernel: "fake" }));
    },
  };
  const choice = { name: "fake", variants, defaultFor: () => variants[0] };
  const trials: Trials = { choice, large: () => trial, odd: () => trial };
  return { trials, runs };
}

async function tune(trials: Trials): Promise<{ rows: TuneRow[]; taken: string }> {
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
    ["fast", false],
  ]);
  const wrong = rows[2];
  assert("reason" in wrong && wrong.reason === "it is wrong");
  // Two checks, the first time twice; and what has a chance four times more after a warm-up.
  assertEquals(runs.filter((name) => name === "usual").length, 4 + 5);
  assertEquals(runs.filter((name) => name === "slow").length, 4);
  assertEquals(runs.filter((name) => name === "wrong").length, 1);
  assertEquals(device.tuning, {});
});

Deno.test("tuneChoice: a default that is wrong is an error", async () => {
  const { trials } = fakeTrials({ usual: "wrong", other: 1 });
  await assertRejects(() => tune(trials), KernelError, "it is wrong");
  assertEquals(device.tuning, {});
});
