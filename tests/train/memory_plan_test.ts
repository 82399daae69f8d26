import { assert, assertEquals } from "@std/assert";
import { openModelFiles } from "../../src/model/load.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { planMemory } from "../../src/train/memory_plan.ts";
import { planTraining } from "../../src/train/plan.ts";
import { prepareTraining } from "../../src/train/prepare.ts";
import { train } from "../../src/train/train.ts";
import { testDevice } from "../ops/harness.ts";
import { tempFolder, tinyConfig } from "./support.ts";
import { goldenBase, shortRecords, writeJsonl } from "./tiny.ts";

/** The plan, and the peak of the whole run, samples included. */
async function planAndPeak(config: TrainConfig): Promise<{ planned: number; measured: number }> {
  const device = await testDevice();
  const before = device.liveBytes;
  const planned = await planTraining(device, config);
  const { totalBytes, weights, adapter, optimizer, checkpoints, workspace } = planned.plan;
  assertEquals(weights + adapter + optimizer + checkpoints + workspace, totalBytes);
  for (const part of [weights, optimizer, checkpoints, workspace]) assert(part > 0);
  assertEquals(adapter > 0, config.method !== "full");
  {
    using run = await prepareTraining(device, planned);
    for await (const _ of train(run));
  }
  assertEquals(device.liveBytes, before, "the run left memory behind");
  return { planned: totalBytes, measured: device.peakBytes - before };
}

async function checkPlan(config: TrainConfig): Promise<void> {
  const { planned, measured } = await planAndPeak(config);
  assert(
    Math.abs(measured - planned) <= 0.05 * planned,
    `planned ${planned} bytes, measured ${measured}`,
  );
}

for (const method of ["qlora", "lora", "full"] as const) {
  for (const evaluated of [true, false]) {
    Deno.test(`${method} ${evaluated ? "with" : "without"} evaluation takes what was planned`, async () => {
      using folder = tempFolder();
      const options: Partial<TrainConfig> = {
        method,
        max_steps: 6,
        gradient_accumulation_steps: 2,
        ...(evaluated ? { eval_steps: 3 } : { val_path: null }),
      };
      await checkPlan(await tinyConfig(folder, options));
    });
  }
}

Deno.test("8-bit moments take what was planned, which is less", async () => {
  using folder = tempFolder();
  const options: Partial<TrainConfig> = { lora_r: 512, max_steps: 2, val_path: null };
  const config = await tinyConfig(folder, { ...options, optim: "adamw_8bit" });
  await checkPlan(config);
  const optimizerOf = async (config: TrainConfig) => {
    using planned = await planTraining(await testDevice(), config);
    return planned.plan.optimizer;
  };
  // Gradients are a third of it with f32 moments, and stay.
  const ratio = await optimizerOf(config) /
    await optimizerOf({ ...config, optim: "adamw_torch" });
  assert(ratio > 0.45 && ratio < 0.55, `${ratio}`);
});

Deno.test("a bitsandbytes checkpoint takes what was planned", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"), "base-bnb-4bit");
  const config = await tinyConfig(folder, { base_model, val_path: null, max_steps: 2 });
  await checkPlan({ ...config, max_train_samples: 1 });
});

Deno.test("evaluation that is larger than any step is planned", async () => {
  using folder = tempFolder();
  const val_path = await writeJsonl(folder("val.jsonl"), [
    { instruction: "Count", output: `SELECT ${"COUNT(*), ".repeat(20)} 1` },
  ]);
  const train_path = await writeJsonl(folder("train.jsonl"), shortRecords(2));
  const config = await tinyConfig(folder, { train_path, val_path, max_steps: 1 });
  await checkPlan({ ...config, per_device_train_batch_size: 1 });
});

Deno.test("a pass with few rows but many targets is planned", async () => {
  using folder = tempFolder();
  // The vocabulary is so large that targets, not rows, decide about the workspace.
  const train_path = await writeJsonl(folder("train.jsonl"), [
    { instruction: "Count them all. ".repeat(9), output: "SELECT 1" },
    { instruction: "Count", output: `SELECT ${"COUNT(*), ".repeat(12)} 1` },
    ...shortRecords(3),
  ]);
  const config = await tinyConfig(folder, { train_path, val_path: null, shuffle: false });
  await checkPlan({ ...config, per_device_train_batch_size: 1 });
});

Deno.test("a pass with few rows but a long sequence is planned", async () => {
  using folder = tempFolder();
  const train_path = await writeJsonl(folder("train.jsonl"), [
    ...shortRecords(10),
    { instruction: "Count them all. ".repeat(40), output: "SELECT 1" },
  ]);
  const options = { train_path, val_path: null, shuffle: false, max_seq_length: 512 };
  const config = await tinyConfig(folder, options);
  await checkPlan({ ...config, per_device_train_batch_size: 10 });
});

Deno.test("passes whose examples share their beginnings take what was planned, which is less", async () => {
  using folder = tempFolder();
  const train_path = await writeJsonl(
    folder("train.jsonl"),
    Array.from({ length: 12 }, (_, i) => ({
      instruction: "Count them all. ".repeat(9 + i % 2),
      input: `${i}`,
      output: "SELECT 1",
    })),
  );
  const options = { train_path, val_path: null, max_seq_length: 512, prefix_sharing: true };
  const config = await tinyConfig(folder, { ...options, per_device_train_batch_size: 5 });
  await checkPlan(config);
  const device = await testDevice();
  using shared = await planTraining(device, config);
  using apart = await planTraining(device, { ...config, prefix_sharing: false });
  assert(shared.plan.rows < 0.5 * apart.plan.rows, `${shared.plan.rows}, ${apart.plan.rows} rows`);
  assert(shared.plan.totalBytes < apart.plan.totalBytes);
});

Deno.test("planning neither reads weights nor touches the device's memory", async () => {
  using folder = tempFolder();
  const device = await testDevice();
  const config = await tinyConfig(folder, { max_steps: 2 });
  using run = await planTraining(device, config);
  using files = await openModelFiles(config.base_model!);
  const before = [device.liveBytes, device.heldBytes, device.peakBytes];
  const unread = () => {
    throw new Error("weights were read");
  };
  const checkpoint = { ...files.checkpoint, read: unread, readF32: unread, chunks: unread };
  const inputs = { ...run, files: { ...files, checkpoint } };
  assertEquals(await planMemory(device, inputs), run.plan);
  assertEquals([device.liveBytes, device.heldBytes, device.peakBytes], before);
  const longest = Math.max(
    ...run.batches.batchesOf(0).map((pass) => pass.tokens.length),
    ...run.batches.batchesOf(1).map((pass) => pass.tokens.length),
  );
  assertEquals(run.plan.rows, longest);
});
