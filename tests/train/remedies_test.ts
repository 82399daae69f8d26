import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DeviceError } from "../../src/errors.ts";
import { Device } from "../../src/device/device.ts";
import { syntheticConfig, writeSyntheticModel } from "../../src/model/synthetic.ts";
import { readTokenizerFiles } from "../../src/text/tokenizer_files.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { memoryLimit } from "../../src/train/memory_limit.ts";
import { type PlannedRun, planTraining } from "../../src/train/plan.ts";
import { prepareTraining } from "../../src/train/prepare.ts";
import { findRemedies, type Remedy } from "../../src/train/remedies.ts";
import { train } from "../../src/train/train.ts";
import { testDevice } from "../ops/harness.ts";
import { gpuTest, prepare, runTraining, type TempFolder, tinyConfig } from "./support.ts";
import { TOKENIZER, writeJsonl } from "./tiny.ts";

/** A model whose layers, not only its vocabulary, take memory. */
async function wideModel(directory: string): Promise<string> {
  const config = syntheticConfig({
    hidden_size: 128,
    intermediate_size: 256,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 32,
    vocab_size: 1024,
  });
  const { files } = await readTokenizerFiles(TOKENIZER);
  await writeSyntheticModel(config, directory, { seed: 1, files });
  return directory;
}

/** Options that take more memory than they have to, in every way. */
async function wastefulConfig(folder: TempFolder, options: Partial<TrainConfig> = {}) {
  const records = [60, 20, 30, 40, 10, 60].map((count) => ({
    instruction: "Count them all. ".repeat(count / 2),
    output: `SELECT ${"COUNT(*), ".repeat(count / 4)} 1`,
  }));
  return await tinyConfig(folder, {
    base_model: await wideModel(folder("base")),
    train_path: await writeJsonl(folder("records.jsonl"), records),
    val_path: null,
    target_modules: "all-linear",
    method: "lora",
    gradient_checkpointing: false,
    per_device_train_batch_size: 6,
    gradient_accumulation_steps: 1,
    max_seq_length: 400,
    max_steps: 1,
    ...options,
  });
}

const totalOf = async (config: TrainConfig): Promise<number> => {
  using planned = await planTraining(await testDevice(), config);
  return planned.plan.totalBytes;
};

async function remediesOf(planned: PlannedRun, limit: number | null): Promise<Remedy[]> {
  return await findRemedies({ device: await testDevice(), planned }, limit);
}

const namesOf = (remedies: readonly Remedy[]) =>
  remedies.map(({ options }) => Object.keys(options).join("+"));

gpuTest("each remedy tells what planning with it gives", async (folder) => {
  const config = await wastefulConfig(folder);
  using planned = await planTraining(await testDevice(), config);
  const remedies = await remediesOf(planned, null);
  assertEquals(namesOf(remedies).slice(0, 4), [
    "gradient_checkpointing",
    "per_device_train_batch_size+gradient_accumulation_steps",
    "method",
    "max_seq_length",
  ]);
  for (const { options, totalBytes, fits } of remedies) {
    assertEquals(totalBytes, await totalOf({ ...config, ...options }));
    assert(totalBytes < planned.plan.totalBytes);
    assertEquals(fits, null);
  }
  // Where no limit is known, the mildest of each is offered: the next smaller batch, half the length.
  assertEquals(remedies[1].options, {
    per_device_train_batch_size: 3,
    gradient_accumulation_steps: 2,
  });
  const longest = Math.max(...planned.trainExamples.map(({ ids }) => ids.length));
  assertEquals(remedies[3].options, { max_seq_length: Math.floor(longest / 2) });
});

gpuTest(
  "quantising the scales too is a remedy, and packed sequences are halved, not records",
  async (folder) => {
    const config = await wastefulConfig(folder, {
      method: "qlora",
      double_quant: false,
      packing: true,
      per_device_train_batch_size: 1,
    });
    using planned = await planTraining(await testDevice(), config);
    const remedies = await remediesOf(planned, null);
    const shorter = remedies.find(({ options }) => options.max_seq_length);
    assertEquals(shorter?.options, { max_seq_length: 200 });
    using smaller = await planTraining(await testDevice(), { ...config, double_quant: true });
    assert(smaller.plan.weights < planned.plan.weights);
    // It is offered where it saves a hundredth of the plan.
    const saved = planned.plan.totalBytes - smaller.plan.totalBytes;
    const offered = remedies.some(({ options }) => options.double_quant);
    assertEquals(offered, saved >= 0.01 * planned.plan.totalBytes);
  },
);

gpuTest("a remedy is as strong as it has to be, and no stronger", async (folder) => {
  const config = await wastefulConfig(folder);
  using planned = await planTraining(await testDevice(), config);
  const batches = (size: number) => ({
    per_device_train_batch_size: size,
    gradient_accumulation_steps: 6 / size,
  });
  const limit = await totalOf({ ...config, ...batches(2) });
  const batchRemedy = async (limit: number) =>
    (await remediesOf(planned, limit)).find(({ options }) => options.per_device_train_batch_size);
  assertEquals(await batchRemedy(limit), { options: batches(2), totalBytes: limit, fits: true });
  const least = await totalOf({ ...config, ...batches(1) });
  const stronger = { options: batches(1), totalBytes: least, fits: true };
  assertEquals(await batchRemedy(limit - 1), stronger);
  assertEquals(await batchRemedy(least - 1), { ...stronger, fits: false });
});

gpuTest("where no remedy alone is enough, several together are", async (folder) => {
  const config = await wastefulConfig(folder);
  using planned = await planTraining(await testDevice(), config);
  const alone = await remediesOf(planned, null);
  const limit = Math.min(...alone.map(({ totalBytes }) => totalBytes)) * 0.6;
  const remedies = await remediesOf(planned, limit);
  assert(remedies.slice(0, -1).every(({ fits }) => fits === false));
  const together = remedies.at(-1)!;
  assert(Object.keys(together.options).length > 2 && together.fits, JSON.stringify(together));
  assertEquals(together.totalBytes, await totalOf({ ...config, ...together.options }));
  assert((await remediesOf(planned, 1000)).every(({ fits }) => fits === false));
});

gpuTest("a plan above the limit is refused with remedies, one of which works", async (folder) => {
  const device = await testDevice();
  const config = await wastefulConfig(folder);
  const limit = Math.ceil(await totalOf({ ...config, gradient_checkpointing: true }));
  const limited = { ...config, gpu_memory_limit: `${limit}` };
  const planned = await planTraining(device, limited);
  assertEquals(planned.limit, { bytes: limit, source: "--gpu_memory_limit" });
  const error = await assertRejects(() => prepareTraining(device, planned), DeviceError);
  assertEquals([error.needed, error.available, error.outOfMemory], [
    planned.plan.totalBytes,
    limit,
    true,
  ]);
  assertStringIncludes(error.message, "(--gpu_memory_limit); use less memory with");
  assertStringIncludes(error.message, "\n  --gradient_checkpointing true\n");
  assertStringIncludes(error.message, ": fits");
  const before = device.liveBytes;
  using run = await prepare(device, { ...limited, gradient_checkpointing: true });
  for await (const { type } of train(run)) if (type === "step") break;
  const peak = device.peakBytes - before;
  assert(peak <= limit * 1.05, `${peak} bytes of ${limit}`);
});

gpuTest("memory that runs out while training is explained by the same remedies", async (folder) => {
  const device = await testDevice();
  const config = await wastefulConfig(folder, { max_steps: 3 });
  const runOut = () =>
    device.gpu.dispatchEvent(
      new GPUUncapturedErrorEvent("uncapturederror", {
        error: new GPUOutOfMemoryError("none left"),
      }),
    );
  const error = await assertRejects(
    () =>
      runTraining(device, config, { onEvent: ({ type }) => void (type === "step" && runOut()) }),
    DeviceError,
  );
  assert(error.outOfMemory && error.available! > 0);
  assertStringIncludes(error.message, "GPU memory ran out at");
  assertStringIncludes(error.message, "--gradient_checkpointing true");
  assertStringIncludes(String((error.cause as Error).message), "none left");

  const planned = await planTraining(device, config);
  runOut();
  const whileLoading = await assertRejects(() => prepareTraining(device, planned), DeviceError);
  assertStringIncludes(whileLoading.message, "--gradient_checkpointing true");
});

gpuTest("other faults while training are passed on as they are", async (folder) => {
  const fault = new Error("a fault");
  const device = await testDevice();
  using run = await prepareTraining(device, await planTraining(device, await tinyConfig(folder)));
  const writeTo = () => Promise.reject(fault);
  const broken = { ...run, trainable: { ...run.trainable, writeTo } };
  const error = await assertRejects(() => Array.fromAsync(train(broken)), Error);
  assertEquals(error, fault);
});

gpuTest("the limit: what the user says, else free memory on software adapters", async (folder) => {
  const device = await testDevice();
  const config = await tinyConfig(folder);
  const free = memoryLimit(device, config);
  const { total, available } = Deno.systemMemoryInfo();
  if (device.info.software) {
    assertEquals(free?.source, "free memory of this machine, less 1 GiB for the process itself");
    assert(free!.bytes > 0 && free!.bytes <= Math.max(total, available) - 2 ** 30);
  }
  const { gpu, info } = device;
  // Not disposed of: the GPU device is the shared one.
  const discrete = new Device(gpu, { ...info, software: false });
  assertEquals(memoryLimit(discrete, config), null);
  const limited = { ...config, gpu_memory_limit: "6GiB" };
  assertEquals(memoryLimit(discrete, limited)?.bytes, 6 * 2 ** 30);
});
