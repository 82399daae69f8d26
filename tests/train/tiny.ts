/**
 * A base model of a few thousand weights with short records, and the base model of the project's
 * goldens, both with the tokenizer of the goldens.
 * @module
 */
import { join } from "node:path";
import { random } from "../../src/data/random.ts";
import type { InstructionRecord } from "../../src/data/record.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import {
  openSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";

/** The project's own goldens. */
export const TINY: string = localPath("../golden/tiny/");
/** The folder of their tokenizer. */
export const TOKENIZER: string = localPath("../golden/tokenizer/");

function localPath(relative: string): string {
  return decodeURIComponent(new URL(relative, import.meta.url).pathname);
}

/** Copies the goldens' tokenizer into a model folder. */
async function copyTokenizer(folder: string): Promise<void> {
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(join(TOKENIZER, name), join(folder, name));
  }
}

/** The base model of the project's goldens, with its tokenizer beside it. */
export async function goldenBase(folder: string, name = "base"): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  for (const file of ["config.json", "model.safetensors"]) {
    await Deno.copyFile(join(TINY, name, file), join(folder, file));
  }
  await copyTokenizer(folder);
  return folder;
}

const WIDTH = 16, MLP = 24, VOCABULARY = 1024, KEYS = 8, EOS = 2;

const CONFIG = {
  architectures: ["MistralForCausalLM"],
  model_type: "mistral",
  bos_token_id: 1,
  eos_token_id: EOS,
  hidden_act: "silu",
  hidden_size: WIDTH,
  intermediate_size: MLP,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: "float32",
  vocab_size: VOCABULARY,
};

/**
 * Writes a seeded f32 model of one layer and width 16. Its likeliest first word is EOS, so that the
 * samples at the end of a run take no time. `poison` makes the first value of that tensor NaN.
 */
export async function writeTinyModel(
  folder: string,
  options: { seed?: number; poison?: string; config?: Record<string, unknown> } = {},
): Promise<string> {
  const { seed = 1, poison, config } = options;
  const layer = "model.layers.0";
  const entries = [
    matrix("model.embed_tokens", VOCABULARY, WIDTH, 4),
    ones(`${layer}.input_layernorm`),
    matrix(`${layer}.self_attn.q_proj`, WIDTH, WIDTH),
    matrix(`${layer}.self_attn.k_proj`, KEYS, WIDTH),
    matrix(`${layer}.self_attn.v_proj`, KEYS, WIDTH),
    matrix(`${layer}.self_attn.o_proj`, WIDTH, WIDTH),
    ones(`${layer}.post_attention_layernorm`),
    matrix(`${layer}.mlp.gate_proj`, MLP, WIDTH),
    matrix(`${layer}.mlp.up_proj`, MLP, WIDTH),
    matrix(`${layer}.mlp.down_proj`, WIDTH, MLP),
    ones("model.norm"),
    matrix("lm_head", VOCABULARY, WIDTH),
  ];
  await Deno.mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, "model.safetensors"), entries);
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify({ ...CONFIG, ...config }));
  await copyTokenizer(folder);
  return folder;

  function matrix(path: string, rows: number, columns: number, spread = 1): SafetensorsEntry {
    const stream = random(seed, path);
    const scale = spread / Math.sqrt(columns);
    const values = Float32Array.from({ length: rows * columns }, () => stream.normal() * scale);
    // The first channel is large for every token, and EOS is what it stands for.
    if (path === "model.embed_tokens") values.forEach((_, i) => i % WIDTH || (values[i] = 4));
    if (path === "lm_head") values[EOS * WIDTH] = 4;
    return entry(path, [rows, columns], values);
  }

  function ones(path: string): SafetensorsEntry {
    return entry(path, [WIDTH], new Float32Array(WIDTH).fill(1));
  }

  function entry(path: string, shape: number[], values: Float32Array): SafetensorsEntry {
    const name = `${path}.weight`;
    if (name === poison) values[0] = NaN;
    return { name, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) };
  }
}

/**
 * Copies a tiny model and gives it `rows` tokens: those beyond the tokenizer's are the likeliest
 * answers of all.
 */
export async function padVocabulary(from: string, to: string, rows: number): Promise<void> {
  await Deno.mkdir(to);
  const config = JSON.parse(await Deno.readTextFile(join(from, "config.json")));
  await Deno.writeTextFile(
    join(to, "config.json"),
    JSON.stringify({ ...config, vocab_size: rows }),
  );
  await copyTokenizer(to);
  using source = await openFile(join(from, "model.safetensors"));
  const weights = await openSafetensors(source);
  const entries: SafetensorsEntry[] = [];
  for (const { name, dtype, shape } of weights.tensors.values()) {
    const values = await weights.readF32(name);
    const wide = /embed_tokens|lm_head/.test(name);
    const padded = new Float32Array(wide ? rows * shape[1] : values.length);
    padded.set(values);
    // The first channel is large for every token, see writeTinyModel.
    if (/lm_head/.test(name)) {
      for (let row = shape[0]; row < rows; row++) padded[row * shape[1]] = 9;
    }
    entries.push({
      name,
      dtype,
      shape: wide ? [rows, shape[1]] : shape,
      bytes: new Uint8Array(padded.buffer),
    });
  }
  await writeSafetensors(join(to, "model.safetensors"), entries);
}

const TABLES = ["birds", "city maps", "films", "old books", "trains", "players", "red cars"];

/** Records of 20 to 60 tokens. */
export function shortRecords(count: number, first = 0): InstructionRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const table = TABLES[n % TABLES.length];
    const conditions = Array.from({ length: n % 4 }, (_, k) => `c${k} = ${n * (k + 3)}`);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
    return {
      id: `short-${n}`,
      instruction: `Count the ${table}`,
      input: n % 3 === 0 ? "" : conditions.join(", "),
      output: `SELECT COUNT(*) FROM ${table.replace(" ", "_")}${where}`,
    };
  });
}

/** Writes records as JSONL. */
export async function writeJsonl(path: string, records: readonly object[]): Promise<string> {
  await Deno.writeTextFile(path, records.map((record) => JSON.stringify(record) + "\n").join(""));
  return path;
}
