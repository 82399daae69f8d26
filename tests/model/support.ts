/**
 * What the tests of the model share: the committed tiny model, folders that differ from it, and the
 * logits of a model.
 * @module
 */
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import type { Scope } from "../../src/device/tensor.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { encodeBf16, encodeF16 } from "../../src/formats/half.ts";
import { decodeF32, openSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import type { Adapter } from "../../src/model/adapter.ts";
import { sequenceInput, type SequenceRows } from "../../src/model/input.ts";
import type { LoadOptions } from "../../src/model/load.ts";
import type { Model } from "../../src/model/model.ts";
import { createMoments } from "../../src/ops/adamw.ts";
import { linear } from "../../src/ops/linear.ts";
import { type Parameter, Tape } from "../../src/ops/tape.ts";
import type { RaggedBatch } from "../../src/text/batch.ts";
import type { Trainable } from "../../src/train/checkpoint.ts";
import type { StepInputs } from "../../src/train/step.ts";
import { testDevice } from "../ops/harness.ts";

/** The project's own goldens; see tests/golden/README.md. */
export const TINY = join(import.meta.dirname!, "../golden/tiny");
export const BASE = join(TINY, "base");
export const BNB_BASE = join(TINY, "base-bnb-4bit");

export const DENSE: LoadOptions = { quantization: "none" };
export const NF4: LoadOptions = { quantization: "nf4" };
export const TRAINABLE: LoadOptions = { quantization: "none", trainable: true };

/** Seven linear layers, as PEFT's configs name them. */
export const LINEARS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

/** Logits of one sequence, f32 [N·V], with another sliding window if one is given. */
export async function logitsOf(
  model: Model,
  ids: ArrayLike<number>,
  window: number | null = model.config.slidingWindow,
): Promise<Float32Array> {
  using scope = model.scope.device.scope("test");
  const tape = new Tape(scope);
  const hidden = model.network.forward(tape, sequenceInput(scope, singleSequence(ids), window));
  return await scope.device.readF32(linear(tape, hidden, model.network.output));
}

/** Rows `rows` of a matrix of `width` columns, end to end. */
export function rowsOf(
  matrix: Float32Array,
  rows: ArrayLike<number>,
  width: number,
): Float32Array {
  return Float32Array.from(
    { length: rows.length * width },
    (_, i) => matrix[rows[Math.floor(i / width)] * width + i % width],
  );
}

/** Runs `fn` with the test device and asserts that it gives all GPU memory back. */
export async function leavesNothing(fn: (device: Device) => Promise<void>): Promise<void> {
  const device = await testDevice();
  const before = device.liveBytes;
  await fn(device);
  assertEquals(device.liveBytes, before, "GPU memory was left behind");
}

/** Asserts max|actual - expected| <= tolerance · max|expected|; zeros must be met exactly. */
export function assertRelative(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assertEquals(actual.length, expected.length, `${what}: lengths differ`);
  let largest = 0, apart = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    apart = Math.max(apart, Math.abs(actual[i] - expected[i]));
  }
  assert(
    apart <= tolerance * largest,
    `${what}: apart by ${apart} where the largest value is ${largest} (tolerance ${tolerance})`,
  );
}

/** A tensor of a safetensors file, in memory. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: "F32" | "F16" | "BF16" | "U8" | "F64";
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** All tensors of a safetensors file, in its order. */
export async function readStored(path: string): Promise<StoredTensor[]> {
  using file = await openFile(path);
  const weights = await openSafetensors(file);
  return await Array.fromAsync(weights.tensors.values(), async ({ name, dtype, shape }) => ({
    name,
    dtype: dtype as StoredTensor["dtype"],
    shape,
    bytes: await weights.read(name),
  }));
}

/** The tensor with its values changed and stored in `dtype`. */
export function restored(
  tensor: StoredTensor,
  dtype: "F32" | "F16" | "BF16",
  change: (values: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer> = (values) => values,
): StoredTensor {
  const values = change(decodeF32(tensor.bytes, tensor, "test").slice());
  const data = { F32: (v: typeof values) => v, F16: encodeF16, BF16: encodeBf16 }[dtype](values);
  return { ...tensor, dtype, bytes: new Uint8Array(data.buffer) };
}

/** Writes a model folder: the tiny model's config.json with changes, and tensors in `shards` files. */
export async function writeModelFolder(
  folder: string,
  tensors: readonly StoredTensor[],
  options: { config?: Record<string, unknown>; shards?: number; base?: string } = {},
): Promise<string> {
  const { config, shards = 1, base = BASE } = options;
  const json = JSON.parse(await Deno.readTextFile(join(base, "config.json")));
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify({ ...json, ...config }));
  if (shards === 1) {
    await writeSafetensors(join(folder, "model.safetensors"), tensors);
    return folder;
  }
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const own = tensors.filter((_, i) => i % shards === shard);
    await writeSafetensors(join(folder, name), own);
    for (const tensor of own) weight_map[tensor.name] = name;
  }
  const index = JSON.stringify({ metadata: {}, weight_map });
  await Deno.writeTextFile(join(folder, "model.safetensors.index.json"), index);
  return folder;
}

/** A batch of sequences of the same length, with Hugging Face's labels (-100: no target). */
export function labelledBatch(ids: Int32Array, labels: Int32Array, length: number): RaggedBatch {
  const rows = [...ids.keys()];
  const targets = rows.filter((row) => row % length > 0 && labels[row] !== -100);
  return {
    tokens: Uint32Array.from(ids),
    positions: Uint32Array.from(rows, (row) => row % length),
    targetRows: Uint32Array.from(targets, (row) => row - 1),
    targetIds: Uint32Array.from(targets, (row) => labels[row]),
    sequences: rows.filter((row) => row % length === 0)
      .map((row) => ({ id: `${row}`, start: row, end: row + length })),
  };
}

/** What `trainStep` trains, with moments in `scope`. */
export function trainableOf(scope: Scope, parameters: readonly Parameter[]): Trainable {
  return {
    device: scope.device,
    parameters,
    moments: createMoments(scope, parameters),
    weightsFile: "unused",
    writeTo: () => Promise.reject(new Error("not to be written")),
  };
}

/** Settings of a step that neither clips, nor decays, nor adds noise. */
export const PLAIN_STEP: Omit<StepInputs, "model" | "adapter" | "trainable" | "batches"> = {
  step: 0,
  seed: 42,
  learningRate: 0,
  weightDecay: 0,
  maxGradNorm: 0,
  neftuneAlpha: 0,
};

/** The values of an adapter by their names in its file. */
export async function contentOf(
  device: Device,
  adapter: Adapter,
): Promise<Map<string, Float32Array>> {
  const content = new Map<string, Float32Array>();
  for (const [path, { a, b }] of adapter.pairs) {
    content.set(`base_model.model.${path}.lora_A.weight`, await device.readF32(a));
    content.set(`base_model.model.${path}.lora_B.weight`, await device.readF32(b));
  }
  return content;
}

/** One sequence as rows. */
export function singleSequence(ids: ArrayLike<number>): SequenceRows {
  const tokens = Uint32Array.from(ids);
  const sequences = [{ start: 0, end: tokens.length }];
  return { tokens, positions: tokens.map((_, i) => i), sequences };
}
