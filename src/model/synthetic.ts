/**
 * Models of any size with made-up weights, for measuring: the weights are noise that repeats, given
 * out piece by piece, so that a 7-billion model takes no more host memory than a small one.
 * @module
 */
import { random } from "../data/random.ts";
import type { Checkpoint, CheckpointTensor } from "../formats/checkpoint.ts";
import { encodeBf16 } from "../formats/half.ts";
import type { ModelConfig } from "./config.ts";

/** The sizes of Mistral-7B, of which parts can be replaced. */
export const MISTRAL_7B: ModelConfig = {
  modelType: "mistral",
  hiddenSize: 4096,
  intermediateSize: 14336,
  layers: 32,
  heads: 32,
  kvHeads: 8,
  headSize: 128,
  vocabularySize: 32000,
  rmsEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: 4096,
  maxPositions: 32768,
  tieWordEmbeddings: false,
  bosId: 1,
  eosIds: [2],
  quantized: false,
  json: {},
};

const NOISE_LENGTH = 2 ** 20;

/** A bf16 checkpoint of the given sizes: noise of spread 0.02, norm weights 1. */
export function syntheticCheckpoint(config: ModelConfig, seed: number): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>();
  const add = (path: string, ...shape: number[]) => {
    const name = `${path}.weight`;
    tensors.set(name, { name, dtype: "BF16", shape, file: "synthetic" });
  };
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, vocabularySize } = config;
  add("model.embed_tokens", vocabularySize, hiddenSize);
  for (let i = 0; i < config.layers; i++) {
    const path = `model.layers.${i}`;
    add(`${path}.input_layernorm`, hiddenSize);
    add(`${path}.self_attn.q_proj`, heads * headSize, hiddenSize);
    add(`${path}.self_attn.k_proj`, kvHeads * headSize, hiddenSize);
    add(`${path}.self_attn.v_proj`, kvHeads * headSize, hiddenSize);
    add(`${path}.self_attn.o_proj`, hiddenSize, heads * headSize);
    add(`${path}.post_attention_layernorm`, hiddenSize);
    add(`${path}.mlp.gate_proj`, intermediateSize, hiddenSize);
    add(`${path}.mlp.up_proj`, intermediateSize, hiddenSize);
    add(`${path}.mlp.down_proj`, hiddenSize, intermediateSize);
  }
  add("model.norm", hiddenSize);
  if (!config.tieWordEmbeddings) add("lm_head", vocabularySize, hiddenSize);
  const lengthOf = (name: string) =>
    tensors.get(name)!.shape.reduce((product, length) => product * length, 1);
  const stream = random(seed, "synthetic");
  const noise = encodeBf16(
    Float32Array.from({ length: NOISE_LENGTH }, () => stream.normal() * 0.02),
  );
  const noiseBytes = new Uint8Array(noise.buffer);
  const unsupported = (name: string) =>
    Promise.reject(new TypeError(`Cannot read ${name} of a synthetic checkpoint whole`));
  return {
    tensors,
    byteLength: [...tensors.keys()].reduce((sum, name) => sum + 2 * lengthOf(name), 0),
    read: unsupported,
    readF32: (name) =>
      tensors.get(name)!.shape.length === 1
        ? Promise.resolve(new Float32Array(lengthOf(name)).fill(1))
        : unsupported(name),
    async *chunks(name, maxBytes) {
      const total = 2 * lengthOf(name);
      const step = Math.min(maxBytes, noiseBytes.length);
      for (let begin = 0; begin < total; begin += step) {
        yield noiseBytes.subarray(0, Math.min(step, total - begin));
      }
    },
    [Symbol.dispose]: () => {},
  };
}
