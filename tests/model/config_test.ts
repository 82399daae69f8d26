import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { parseModelConfig, readModelConfig } from "../../src/model/config.ts";
import { openModelFiles } from "../../src/model/load.ts";
import { MISTRAL_7B } from "../../src/model/synthetic.ts";
import { temporaryFolder } from "../formats/support.ts";
import { sharedTest } from "../shared.ts";
import { BASE, BNB_BASE } from "./support.ts";

/** Only what has no default. */
const LEAST = {
  model_type: "mistral",
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  vocab_size: 512,
};

function parse(changes: Record<string, unknown>) {
  return parseModelConfig({ ...LEAST, ...changes }, "config.json");
}

Deno.test("config.json: what is missing gets transformers' defaults", () => {
  assertEquals(parse({}), {
    modelType: "mistral",
    hiddenSize: 64,
    intermediateSize: 172,
    layers: 5,
    heads: 8,
    kvHeads: 8,
    headSize: 8,
    vocabularySize: 512,
    rmsEpsilon: 1e-6,
    ropeTheta: 10000,
    slidingWindow: 4096,
    maxPositions: 131072,
    tieWordEmbeddings: false,
    bosId: null,
    eosIds: [],
    quantized: false,
    json: LEAST,
  });
});

Deno.test("config.json: transformers 4 and 5 write the same model differently", () => {
  const common = { num_key_value_heads: 4, sliding_window: 4096, rms_norm_eps: 1e-5 };
  const old = parse({ ...common, rope_theta: 1e6, torch_dtype: "bfloat16" });
  const now = parse({
    ...common,
    dtype: "bfloat16",
    head_dim: 8,
    rope_parameters: { rope_theta: 1e6, rope_type: "default" },
  });
  assertEquals({ ...old, json: {} }, { ...now, json: {} });
  assertEquals(old.ropeTheta, 1e6);
  assertEquals([old.kvHeads, old.slidingWindow, old.rmsEpsilon], [4, 4096, 1e-5]);
});

Deno.test("config.json: fields of their own kinds", () => {
  assertEquals(parse({ head_dim: 32 }).headSize, 32);
  assertEquals(parse({ head_dim: null }).headSize, 8);
  assertEquals(parse({ sliding_window: null }).slidingWindow, null);
  assertEquals(parse({ rope_parameters: null, rope_theta: 5e5 }).ropeTheta, 5e5);
  assertEquals(
    parse({ rope_parameters: { rope_type: "default" }, rope_theta: 5e5 }).ropeTheta,
    5e5,
  );
  assertEquals(parse({ rope_scaling: null, attention_dropout: 0 }).ropeTheta, 10000);
  assertEquals(parse({ bos_token_id: 1, eos_token_id: 2 }).eosIds, [2]);
  const many = parse({ bos_token_id: 1, eos_token_id: [2, 32000] });
  assertEquals([many.bosId, many.eosIds], [1, [2, 32000]]);
  assertEquals(parse({ bos_token_id: null, eos_token_id: null }).bosId, null);
  assertEquals(parse({ tie_word_embeddings: true }).tieWordEmbeddings, true);
  const extra = parse({ transformers_version: "5.18.0" });
  assertEquals(extra.json, { ...LEAST, transformers_version: "5.18.0" }, "the file is kept");
});

Deno.test("config.json: the tiny model, dense and as bitsandbytes saved it", async () => {
  const dense = await readModelConfig(BASE);
  assertEquals(
    [dense.headSize, dense.kvHeads, dense.slidingWindow, dense.eosIds, dense.quantized],
    [8, 2, 16, [2], false],
  );
  const nf4 = await readModelConfig(BNB_BASE);
  assertEquals(nf4.quantized, true);
  assertEquals({ ...nf4, quantized: false, json: {} }, { ...dense, json: {} });
});

sharedTest("config.json: the real Mistral-7B", async (path) => {
  const config = await readModelConfig(path("golden/mistral-7b"));
  assertEquals({ ...config, json: {} }, { ...MISTRAL_7B, json: {} });
});

const REFUSED: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ hidden_act: "gelu" }, 'hidden_act "gelu" is not supported, only silu'],
  [{ attention_bias: true }, "attention_bias true"],
  [{ mlp_bias: true }, "mlp_bias true"],
  [{ attention_dropout: 0.1 }, "attention_dropout 0.1"],
  [{ rope_scaling: { type: "linear", factor: 2 } }, 'rope_scaling {"type":"linear","factor":2}'],
  [{ rope_parameters: { rope_type: "yarn", factor: 4 } }, 'rope_parameters.rope_type "yarn"'],
  [{ num_key_value_heads: 3 }, "num_attention_heads 8 is no multiple of num_key_value_heads 3"],
  [{ quantization_config: { quant_method: "gptq" } }, 'quantization_config.quant_method "gptq"'],
  [
    { quantization_config: { quant_method: "bitsandbytes", load_in_8bit: true } },
    "quantization_config.load_in_8bit true",
  ],
  [
    { quantization_config: { quant_method: "bitsandbytes", bnb_4bit_quant_type: "fp4" } },
    'quantization_config.bnb_4bit_quant_type "fp4"',
  ],
];

for (const [changes, part] of REFUSED) {
  Deno.test(`config.json is refused: ${part}`, () => {
    const error = assertThrows(() => parse(changes), FormatError, part);
    assertMatch(error.message, /^Cannot use config\.json: .*; /);
    assertEquals(error.file, "config.json");
  });
}

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ["hidden_size", undefined, "hidden_size is missing"],
  ["hidden_size", "64", 'hidden_size is "64", not a positive integer'],
  ["hidden_size", 63, "head_dim is 7.875"],
  ["num_hidden_layers", 0, "num_hidden_layers is 0"],
  ["num_attention_heads", 2.5, "num_attention_heads is 2.5"],
  ["num_key_value_heads", -1, "num_key_value_heads is -1"],
  ["vocab_size", null, "vocab_size is missing"],
  ["intermediate_size", [172], "intermediate_size is [172]"],
  ["sliding_window", 0, "sliding_window is 0"],
  ["rms_norm_eps", 0, "rms_norm_eps is 0, not a positive number"],
  ["rope_theta", "1e4", 'rope_theta is "1e4"'],
  ["rope_parameters", [1e4], "rope_parameters is [10000], not an object"],
  ["rope_parameters", { rope_theta: -1 }, "rope_theta is -1"],
  ["eos_token_id", "</s>", 'eos_token_id is "</s>", not a token id'],
  ["eos_token_id", [2, -1], "eos_token_id is [2,-1]"],
  ["model_type", undefined, "model_type is missing, not a text"],
  ["quantization_config", "nf4", 'quantization_config is "nf4", not an object'],
];

for (const [name, value, part] of WRONG) {
  Deno.test(`config.json is refused: ${part}`, () => {
    assertThrows(() => parse({ [name]: value }), FormatError, part);
  });
}

Deno.test("config.json: an unknown model_type is refused by name, whatever else it says", async () => {
  using folder = temporaryFolder();
  // GPT-2's fields have other names, and none of ours.
  const gpt2 = { model_type: "gpt2", n_embd: 768, n_head: 12, activation_function: "gelu_new" };
  await Deno.writeTextFile(folder.join("config.json"), JSON.stringify(gpt2));
  const error = await assertRejects(() => openModelFiles(folder.join()), FormatError, '"gpt2"');
  assertStringIncludes(error.message, "supported are mistral");
  assertEquals(error.file, folder.join("config.json"));
});

Deno.test("config.json: a missing, malformed or empty file", async () => {
  using folder = temporaryFolder();
  await assertRejects(() => readModelConfig(folder.join()), FormatError, "there is no such file");
  await Deno.writeTextFile(folder.join("config.json"), '{"model_type": ');
  const error = await assertRejects(() => readModelConfig(folder.join()), FormatError);
  assertEquals(error.file, folder.join("config.json"));
  await Deno.writeTextFile(folder.join("config.json"), "[]");
  await assertRejects(() => readModelConfig(folder.join()), FormatError, "it is no JSON object");
});
