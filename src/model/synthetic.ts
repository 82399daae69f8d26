/**
 * Models of any size with made-up weights, for measuring: seeded noise that is made while it is given
 * out, so that a 7-billion model takes no more host memory than a small one.
 * @module
 */
import { join } from "node:path";
import { random } from "../data/random.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import type { Checkpoint, CheckpointTensor } from "../formats/checkpoint.ts";
import { encodeBf16 } from "../formats/half.ts";
import { writeShards } from "../formats/shards.ts";
import { watcher, type WatchOptions } from "../formats/watch.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";
import { tensorShapes } from "./tensor_shapes.ts";

/** config.json of Mistral-7B-v0.1. */
const MISTRAL_7B_JSON = {
  architectures: ["MistralForCausalLM"],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  model_type: "mistral",
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 10000.0,
  sliding_window: 4096,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  vocab_size: 32000,
} as const;

/** The config of Mistral-7B with other values for some fields of its config.json. */
export function syntheticConfig(changes: Readonly<Record<string, unknown>> = {}): ModelConfig {
  return parseModelConfig({ ...MISTRAL_7B_JSON, ...changes }, "config.json of a synthetic model");
}

/** The sizes of Mistral-7B. */
export const MISTRAL_7B: ModelConfig = syntheticConfig();

/** The standard deviation of made-up weights. */
export const WEIGHT_SPREAD = 0.02;
const BF16_ONE = 0x3f80;
/** Bytes of a tensor that are on the host at once while it is written. */
const CHUNK_BYTES = 16 * 2 ** 20;

/**
 * A bf16 checkpoint of the given sizes: noise of spread 0.02, norm weights 1. A tensor's weights
 * follow from the seed and its name, in however large pieces it is read.
 */
export function syntheticCheckpoint(config: ModelConfig, seed: number): Checkpoint {
  const tensors = new Map(tensorsOf(config).map((tensor) => [tensor.name, tensor]));
  const lengthOf = (name: string) =>
    tensors.get(name)!.shape.reduce((product, length) => product * length, 1);
  const stream = random(seed, "synthetic");
  const noise = encodeBf16(
    Float32Array.from({ length: 2 ** 16 }, () => stream.normal() * WEIGHT_SPREAD),
  );
  const unsupported = (name: string) =>
    Promise.reject(new TypeError(`Cannot read ${name} of a synthetic checkpoint whole`));
  return {
    tensors,
    byteLength: [...tensors.keys()].reduce((sum, name) => sum + 2 * lengthOf(name), 0),
    read: unsupported,
    readF32: (name) =>
      isVector(tensors.get(name)!)
        ? Promise.resolve(new Float32Array(lengthOf(name)).fill(1))
        : unsupported(name),
    async *chunks(name, maxBytes) {
      const fill = isVector(tensors.get(name)!)
        ? (words: Uint32Array) => words.fill(BF16_ONE << 16 | BF16_ONE)
        : noiseFiller(noise, random(seed, "synthetic", name).uint32());
      const total = 2 * lengthOf(name);
      // Whole pairs of weights, because the noise is drawn in pairs.
      const step = Math.max(4, Math.floor(maxBytes / 4) * 4);
      for (let begin = 0; begin < total; begin += step) {
        const length = Math.min(step, total - begin);
        const words = new Uint32Array(Math.ceil(length / 4));
        fill(words);
        yield new Uint8Array(words.buffer, 0, length);
      }
    },
    [Symbol.dispose]: () => {},
  };
}

function tensorsOf(config: ModelConfig): CheckpointTensor[] {
  return tensorShapes(config).map((tensor) => ({ ...tensor, dtype: "BF16", file: "synthetic" }));
}

const isVector = ({ shape }: CheckpointTensor) => shape.length === 1;

/**
 * Fills words with two values of `noise` [65,536] each, and goes on from there at the next call.
 * Marsaglia's xorshift ("Xorshift RNGs", 2003) chooses them: good enough for noise, and 14 GB of it
 * take seconds.
 */
function noiseFiller(noise: Uint16Array, seed: number): (words: Uint32Array) => void {
  let state = seed || 1;
  return (words) => {
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = noise[state & 0xffff] | noise[state >>> 16] << 16;
    }
  };
}

/** What else goes into the folder of a synthetic model, and how. */
export interface WriteSyntheticOptions extends WatchOptions {
  readonly seed: number;
  /** Further files, such as the tokenizer's. */
  readonly files?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Bytes of a weights file at most; default 5 GB, as in transformers. */
  readonly maxShardBytes?: number;
}

/**
 * Writes the model folder of a {@linkcode syntheticCheckpoint}, as `save_pretrained` would, with no
 * more than a few megabytes on the host. It appears whole or not at all.
 * Throws {@linkcode FormatError} where it cannot be written, and what `signal` was aborted with.
 */
export async function writeSyntheticModel(
  config: ModelConfig,
  directory: string,
  { seed, files = [], maxShardBytes, ...watching }: WriteSyntheticOptions,
): Promise<void> {
  const { tensors, chunks } = syntheticCheckpoint(config, seed);
  const watch = watcher(watching);
  const groups = [...tensors.values()].map(({ name, dtype, shape }) => [
    { name, dtype, shape, bytes: watch(chunks(name, CHUNK_BYTES)) },
  ]);
  await writeDirectoryAtomic(directory, async (temporary) => {
    await writeShards(temporary, groups, maxShardBytes);
    const text = JSON.stringify(config.json, null, 2) + "\n";
    await writeFileAtomic(join(temporary, "config.json"), text);
    for (const { name, bytes } of files) await writeFileAtomic(join(temporary, name), bytes);
  });
}
