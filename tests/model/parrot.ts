/**
 * A model that gives one and the same answer to every question: each of its tokens is what makes the
 * next one likely.
 * @module
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { TOKENIZER } from "../train/tiny.ts";

const WIDTH = 64, MLP = 64, VOCABULARY = 1024, EOS = 2;

/** Writes a model folder. No token may come twice in `answer`, for the one after it is fixed. */
export async function writeParrot(folder: string, answer: string): Promise<string> {
  const tokenizer = await loadTokenizer(TOKENIZER);
  const cue = "### Response:\n"; // how every prompt ends
  const before = tokenizer.encode(cue);
  const chain = [...tokenizer.encode(cue + answer).slice(before.length - 1), EOS];
  assertEquals(chain[0], before.at(-1), "the answer changes the tokens before it");
  assertEquals(new Set(chain).size, chain.length, `a token comes twice in ${answer}`);

  const embeddings = new Float32Array(VOCABULARY * WIDTH);
  const head = new Float32Array(VOCABULARY * WIDTH);
  // Channel 0 is what the other tokens share, and makes nothing likely.
  for (let id = 0; id < VOCABULARY; id++) embeddings[id * WIDTH] = 1;
  chain.slice(1).forEach((next, i) => {
    embeddings.fill(0, chain[i] * WIDTH, (chain[i] + 1) * WIDTH);
    embeddings[chain[i] * WIDTH + i + 1] = 1;
    head[next * WIDTH + i + 1] = 1;
  });
  const entry = (path: string, shape: number[], values?: Float32Array): SafetensorsEntry => {
    const data = values ?? new Float32Array(shape.reduce((product, size) => product * size));
    return {
      name: `${path}.weight`,
      dtype: "F32",
      shape,
      bytes: new Uint8Array(data.slice().buffer),
    };
  };
  const ones = new Float32Array(WIDTH).fill(1);
  const layer = "model.layers.0";
  const square = ["q_proj", "k_proj", "v_proj", "o_proj"].map((name) => `self_attn.${name}`);
  const entries = [
    entry("model.embed_tokens", [VOCABULARY, WIDTH], embeddings),
    entry("lm_head", [VOCABULARY, WIDTH], head),
    ...[`${layer}.input_layernorm`, `${layer}.post_attention_layernorm`, "model.norm"]
      .map((path) => entry(path, [WIDTH], ones)),
    ...[...square, "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
      .map((name) => entry(`${layer}.${name}`, [WIDTH, WIDTH])),
  ];
  await Deno.mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, "model.safetensors"), entries);
  const config = {
    architectures: ["MistralForCausalLM"],
    model_type: "mistral",
    bos_token_id: 1,
    eos_token_id: EOS,
    hidden_act: "silu",
    hidden_size: WIDTH,
    intermediate_size: MLP,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    sliding_window: null,
    tie_word_embeddings: false,
    vocab_size: VOCABULARY,
  };
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(join(TOKENIZER, name), join(folder, name));
  }
  return folder;
}
