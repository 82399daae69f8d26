/**
 * The smoke run: a tiny Mistral with seeded random weights, the tokenizer that the project ships, and
 * generated rows, so that the whole path runs without any file or network.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { demoSplits } from "../data/demo.ts";
import { random } from "../data/random.ts";
import type { InstructionRecord } from "../data/record.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import { encodeBf16 } from "../formats/half.ts";
import { type SafetensorsEntry, writeSafetensors } from "../formats/safetensors.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";

const TRAIN_ROWS = 256;
const VAL_ROWS = 32;

/** Options of a smoke run that differ from the usual defaults. */
export const SMOKE_DEFAULTS = {
  output_dir: "outputs/smoke",
  max_steps: 30,
  per_device_train_batch_size: 8,
  gradient_accumulation_steps: 1,
  learning_rate: 1e-2,
  lr_scheduler_type: "cosine",
  warmup_steps: 3,
  lora_r: 8,
  lora_alpha: 16,
  max_seq_length: 256,
} as const;

/** The tiny model: about 1.2 million weights. */
const CONFIG = {
  architectures: ["MistralForCausalLM"],
  model_type: "mistral",
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  sliding_window: 128,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  vocab_size: 1024,
} as const;

/** The folder of the tokenizer that the project ships. */
export const SMOKE_TOKENIZER: string = fileURLToPath(
  new URL("../../tests/golden/tokenizer/", import.meta.url),
);

/**
 * Writes the base model and the data files of a smoke run under `output_dir` and returns the config
 * that uses them. Paths that are set already are kept.
 */
export async function prepareSmoke(config: TrainConfig): Promise<TrainConfig> {
  const base_model = config.base_model ?? join(config.output_dir, "base");
  const train_path = config.train_path ?? join(config.output_dir, "data", "train.jsonl");
  const val_path = config.val_path ?? join(config.output_dir, "data", "val.jsonl");
  if (config.base_model === null) await writeTinyModel(base_model, config.seed);
  await Deno.mkdir(join(config.output_dir, "data"), { recursive: true });
  const counts = { train: TRAIN_ROWS, validation: VAL_ROWS, test: 0 };
  const { train, validation } = demoSplits({ seed: config.seed, ...counts });
  if (config.train_path === null) {
    await writeRecords(train_path, train);
  }
  if (config.val_path === null) {
    await writeRecords(val_path, validation);
  }
  return { ...config, base_model, train_path, val_path };
}

async function writeRecords(path: string, records: readonly InstructionRecord[]): Promise<void> {
  await writeFileAtomic(path, records.map((record) => JSON.stringify(record) + "\n").join(""));
}

/** Writes a model folder with normal weights, of the spread that keeps activations near 1. */
async function writeTinyModel(directory: string, seed: number): Promise<void> {
  const { files } = await loadTokenizer(SMOKE_TOKENIZER);
  await writeDirectoryAtomic(directory, async (temporary) => {
    await writeSafetensors(join(temporary, "model.safetensors"), tinyWeights(seed));
    await writeFileAtomic(join(temporary, "config.json"), JSON.stringify(CONFIG, null, 2) + "\n");
    for (const { name, bytes } of files) await writeFileAtomic(join(temporary, name), bytes);
  });
}

function tinyWeights(seed: number): SafetensorsEntry[] {
  const { hidden_size: C, intermediate_size: F, vocab_size: V, num_hidden_layers } = CONFIG;
  const kv = C / CONFIG.num_attention_heads * CONFIG.num_key_value_heads;
  const matrix = (path: string, rows: number, columns: number, spread = columns ** -0.5) => {
    const stream = random(seed, "smoke", path);
    const values = Float32Array.from({ length: rows * columns }, () => stream.normal() * spread);
    return entry(path, [rows, columns], values);
  };
  const ones = (path: string) => entry(path, [C], new Float32Array(C).fill(1));
  const layers = Array.from({ length: num_hidden_layers }, (_, i) => {
    const path = `model.layers.${i}`;
    return [
      ones(`${path}.input_layernorm`),
      matrix(`${path}.self_attn.q_proj`, C, C),
      matrix(`${path}.self_attn.k_proj`, kv, C),
      matrix(`${path}.self_attn.v_proj`, kv, C),
      matrix(`${path}.self_attn.o_proj`, C, C),
      ones(`${path}.post_attention_layernorm`),
      matrix(`${path}.mlp.gate_proj`, F, C),
      matrix(`${path}.mlp.up_proj`, F, C),
      matrix(`${path}.mlp.down_proj`, C, F),
    ];
  });
  return [
    matrix("model.embed_tokens", V, C, 1),
    ...layers.flat(),
    ones("model.norm"),
    matrix("lm_head", V, C),
  ];
}

function entry(path: string, shape: readonly number[], values: Float32Array): SafetensorsEntry {
  const bytes = new Uint8Array(encodeBf16(values).buffer);
  return { name: `${path}.weight`, dtype: "BF16", shape, bytes };
}
