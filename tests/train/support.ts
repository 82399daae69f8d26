/**
 * What the tests of the training loop and of the command line share: temporary folders, options of a
 * tiny run, and calls that train to the end, up to a step, or until a weight turns NaN.
 * @module
 */
import { join } from "node:path";
import { assertEquals, assertRejects } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { resolveTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import type { TrainEvent } from "../../src/train/events.ts";
import { planTraining } from "../../src/train/plan.ts";
import { prepareTraining, type TrainRun } from "../../src/train/prepare.ts";
import { train } from "../../src/train/train.ts";
import { testDevice } from "../ops/harness.ts";
import { shortRecords, writeJsonl, writeTinyModel } from "./tiny.ts";

/** A folder that is gone when its owner's block ends. */
export interface TempFolder extends Disposable {
  readonly path: string;
  /** A path inside it. */
  (name: string): string;
}

/** `using folder = tempFolder()` */
export function tempFolder(): TempFolder {
  const path = Deno.makeTempDirSync({ prefix: "sqlora-test-" });
  return Object.assign((name: string) => join(path, name), {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  });
}

/** Options of a run with a tiny model and short records in `folder`, which are written if missing. */
export async function tinyOptions(
  folder: TempFolder,
  options: Partial<TrainConfig> = {},
): Promise<Partial<TrainConfig>> {
  const base_model = folder("base"), train_path = folder("train.jsonl");
  const val_path = folder("val.jsonl");
  if (!exists(base_model)) await writeTinyModel(base_model);
  if (!exists(train_path)) await writeJsonl(train_path, shortRecords(12));
  if (!exists(val_path)) await writeJsonl(val_path, shortRecords(4, 100));
  return {
    base_model,
    train_path,
    val_path,
    output_dir: folder("run"),
    // Few layers, because reading one tensor back takes a hundredth of a second on any adapter.
    target_modules: ["q_proj", "down_proj"],
    lora_r: 4,
    lora_alpha: 8,
    learning_rate: 1e-2,
    max_seq_length: 128,
    per_device_train_batch_size: 2,
    gradient_accumulation_steps: 1,
    save_steps: 0,
    ...options,
  };
}

/** The config with {@linkcode tinyOptions}. */
export async function tinyConfig(
  folder: TempFolder,
  options: Partial<TrainConfig> = {},
): Promise<TrainConfig> {
  const values = await tinyOptions(folder, options);
  return resolveTrainConfig([{ source: "options", values }]);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Loads what a config names, on the GPU until it is disposed. */
export async function prepare(device: Device, config: TrainConfig): Promise<TrainRun> {
  return await prepareTraining(device, await planTraining(device, config));
}

/** Trains to the end and returns all events. `onEvent` may throw or abort. */
export async function runTraining(
  device: Device,
  config: TrainConfig,
  options: {
    signal?: AbortSignal;
    onEvent?: (event: TrainEvent, run: TrainRun) => void | Promise<void>;
  } = {},
): Promise<TrainEvent[]> {
  using run = await prepare(device, config);
  const events: TrainEvent[] = [];
  for await (const event of train(run, options.signal)) {
    events.push(event);
    await options.onEvent?.(event, run);
  }
  return events;
}

/** The events of one type. */
export function eventsOf<T extends TrainEvent["type"]>(
  events: readonly TrainEvent[],
  type: T,
): Extract<TrainEvent, { type: T }>[] {
  return events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
}

/** Registers a test that must leave no GPU memory behind. */
export function gpuTest(name: string, fn: (folder: TempFolder) => Promise<void>): void {
  Deno.test(name, async () => {
    const device = await testDevice();
    const before = device.liveBytes;
    using folder = tempFolder();
    await fn(folder);
    assertEquals(device.liveBytes, before, "the run left GPU memory behind");
  });
}

/** Trains and aborts as soon as `steps` steps are done. */
export async function trainAndStop(config: TrainConfig, steps: number): Promise<void> {
  const controller = new AbortController();
  const device = await testDevice();
  await assertRejects(() =>
    runTraining(device, config, {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "step" && event.step === steps) controller.abort();
      },
    }), DOMException);
}

/** Makes a weight NaN when step `last` is done, or the run starts after it. */
export function poisonAt(last: number) {
  return (event: TrainEvent, run: TrainRun) => {
    if ((event.type !== "step" && event.type !== "start") || event.step !== last) return;
    run.trainable.device.write(run.trainable.parameters[0].tensor, Float32Array.of(NaN));
  };
}

/** The bytes of an adapter's weights. */
export function adapterOf(folder: string): Promise<Uint8Array> {
  return Deno.readFile(join(folder, "adapter_model.safetensors"));
}
