/**
 * Saves a fully trained model in Hugging Face's layout.
 * @module
 */
import { join } from "node:path";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import { type SafetensorsEntry, writeSafetensors } from "../formats/safetensors.ts";
import type { Model, ModelWeight } from "./model.ts";

/** Name of the file that the weights are in. */
export const MODEL_WEIGHTS_FILE = "model.safetensors";

/**
 * Writes config.json and model.safetensors of a model whose weights are dense f32 (loaded with
 * `trainable`) into an existing folder, streaming them from the GPU.
 */
export async function writeModel(model: Model, directory: string): Promise<void> {
  const entries = [...model.weights].map(([name, weight]) => entryOf(model, name, weight));
  await writeSafetensors(join(directory, MODEL_WEIGHTS_FILE), entries);
  const { torch_dtype: _, ...json } = model.config.json;
  const text = JSON.stringify({ ...json, dtype: "float32" }, null, 2) + "\n";
  await writeFileAtomic(join(directory, "config.json"), text);
}

/** Writes a model folder, with further files (the tokenizer's) beside it, as a whole. */
export async function saveModel(
  model: Model,
  directory: string,
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [],
): Promise<void> {
  await writeDirectoryAtomic(directory, async (temporary) => {
    await writeModel(model, temporary);
    for (const { name, bytes } of files) await writeFileAtomic(join(temporary, name), bytes);
  });
}

function entryOf(model: Model, name: string, weight: ModelWeight): SafetensorsEntry {
  const { device } = model.scope;
  if (weight.kind === "vector") {
    const { tensor } = weight;
    return { name, dtype: "F32", shape: tensor.shape, bytes: readAll(device, [tensor]) };
  }
  const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
  if (matrix.kind !== "dense" || matrix.dtype !== "f32") {
    throw new TypeError(`Cannot save ${name}: it is ${matrix.kind} ${matrix.dtype}, not dense f32`);
  }
  const bytes = readAll(device, matrix.parts.map((part) => part.values));
  return { name, dtype: "F32", shape: [matrix.rows, matrix.columns], bytes };
}

async function* readAll(device: Device, tensors: readonly Tensor[]): AsyncGenerator<Uint8Array> {
  for (const tensor of tensors) yield new Uint8Array(await device.readBytes(tensor));
}
