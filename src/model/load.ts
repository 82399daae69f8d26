/**
 * Loads a model folder onto the GPU.
 * @module
 */
import { FormatError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { type Checkpoint, openCheckpoint } from "../formats/checkpoint.ts";
import { type ModelConfig, readModelConfig } from "./config.ts";
import { Model } from "./model.ts";
import { architectureOf } from "./registry.ts";
import { type LoadOptions, WeightLoader } from "./weight_loader.ts";

export type { LoadOptions };

/** A model folder whose headers are read. */
export interface ModelFiles extends Disposable {
  readonly directory: string;
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens the model in `directory` (config.json and safetensors, sharded or not).
 * Throws {@linkcode FormatError} for what is missing, malformed or unsupported.
 */
export async function openModelFiles(directory: string): Promise<ModelFiles> {
  await checkFolder(directory);
  const config = await readModelConfig(directory);
  const checkpoint = await openCheckpoint(directory);
  return { directory, config, checkpoint, [Symbol.dispose]: () => checkpoint[Symbol.dispose]() };
}

async function checkFolder(directory: string): Promise<void> {
  const info = await Deno.stat(directory).catch(() => null);
  if (info?.isDirectory) return;
  throw new FormatError(
    `Cannot open the model ${directory}: there is no such folder; give one with config.json, ` +
      "tokenizer.json and safetensors, or a name on the Hub (OWNER/NAME)",
    { file: directory },
  );
}

/**
 * Loads the model in `directory`: f32, f16, bf16 or bitsandbytes NF4 weights.
 * Throws {@linkcode FormatError} for what is missing, malformed or unsupported.
 */
export async function loadModel(
  device: Device,
  directory: string,
  options: LoadOptions,
): Promise<Model> {
  using files = await openModelFiles(directory);
  return await buildModel(device, files, options);
}

/** Loads a model from opened files. Throws {@linkcode FormatError} as {@linkcode loadModel} does. */
export async function buildModel(
  device: Device,
  files: Pick<ModelFiles, "directory" | "config" | "checkpoint">,
  options: LoadOptions,
): Promise<Model> {
  const { directory, config, checkpoint } = files;
  if (config.quantized && options.trainable) {
    throw new FormatError(
      `Cannot train all weights of ${directory}: they are stored as NF4; use the original ` +
        "checkpoint, or train an adapter with --method qlora",
      { file: directory },
    );
  }
  using cleanup = new DisposableStack();
  const scope = cleanup.use(device.scope("model"));
  const loader = new WeightLoader(checkpoint, scope, options);
  const network = await architectureOf(config.modelType, directory).build(config, loader);
  await device.sync();
  const unused = loader.end();
  cleanup.move();
  return new Model({ directory, config, scope, network, weights: loader.weights, unused });
}
