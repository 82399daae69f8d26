/**
 * Saves a fully trained model in Hugging Face's layout.
 * @module
 */
import { join } from "node:path";
import { contentsOf } from "../device/contents.ts";
import type { Tensor } from "../device/tensor.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import { type SafetensorsEntry, writeSafetensors } from "../formats/safetensors.ts";
import { finiteOnly } from "./finite.ts";
import type { Model, ModelWeight } from "./model.ts";

/** Name of the file that the weights are in. */
export const MODEL_WEIGHTS_FILE = "model.safetensors";

/**
 * Writes config.json and model.safetensors of a model whose weights are dense f32 (loaded with
 * `trainable`) into an existing folder, streaming them from the GPU.
 */
export async function writeModel(model: Model, directory: string): Promise<void> {
  const tensors = [...model.weights].map(([name, weight]) => ({ name, ...f32Parts(name, weight) }));
  const contents = contentsOf(model.scope.device, tensors.flatMap(({ parts }) => parts)).values();
  const entries = tensors.map(({ name, shape, parts }): SafetensorsEntry => ({
    name,
    dtype: "F32",
    shape,
    bytes: finiteOnly(name, joined([...contents.take(parts.length)])),
  }));
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

/** The shape of a weight and the buffers that hold its rows. */
function f32Parts(
  name: string,
  weight: ModelWeight,
): { shape: readonly number[]; parts: readonly Tensor[] } {
  if (weight.kind === "vector") return { shape: weight.tensor.shape, parts: [weight.tensor] };
  const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
  if (matrix.kind === "dense" && matrix.dtype === "f32") {
    const parts = matrix.parts.map((part) => part.values);
    return { shape: [matrix.rows, matrix.columns], parts };
  }
  throw new TypeError(`Cannot save ${name}: it is ${matrix.kind} ${matrix.dtype}, not dense f32`);
}

async function* joined(streams: readonly AsyncIterable<Uint8Array>[]): AsyncGenerator<Uint8Array> {
  for (const stream of streams) yield* stream;
}
