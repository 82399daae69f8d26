/**
 * The weights of a model that has learned nothing yet.
 * @module
 */
import { random } from "../data/random.ts";
import { encodeBf16 } from "../formats/half.ts";
import type { SafetensorsEntry } from "../formats/safetensors.ts";

/** The sizes that a model's weights follow from, under their names in config.json. */
export interface ModelSizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
  /** Standard deviation of all matrices. */
  readonly initializer_range: number;
}

/**
 * The weights as bf16, normal numbers of mean 0 that follow from `seed`, norms 1, as transformers
 * initialises a Mistral model.
 */
export function randomWeights(sizes: ModelSizes, seed: number): SafetensorsEntry[] {
  const { hidden_size: C, intermediate_size: F, vocab_size: V } = sizes;
  const kv = C / sizes.num_attention_heads * sizes.num_key_value_heads;
  const matrix = (path: string, rows: number, columns: number) => {
    const { normal } = random(seed, "initial weights", path);
    return entry(
      path,
      [rows, columns],
      Float32Array.from({ length: rows * columns }, () => normal() * sizes.initializer_range),
    );
  };
  const ones = (path: string) => entry(path, [C], new Float32Array(C).fill(1));
  const layers = Array.from({ length: sizes.num_hidden_layers }, (_, i) => {
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
    matrix("model.embed_tokens", V, C),
    ...layers.flat(),
    ones("model.norm"),
    ...(sizes.tie_word_embeddings ? [] : [matrix("lm_head", V, C)]),
  ];
}

function entry(path: string, shape: readonly number[], values: Float32Array): SafetensorsEntry {
  const bytes = new Uint8Array(encodeBf16(values).buffer);
  return { name: `${path}.weight`, dtype: "BF16", shape, bytes };
}
