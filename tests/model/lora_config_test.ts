import { join } from "node:path";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, FormatError } from "../../src/errors.ts";
import {
  formatLoraConfig,
  type LoraConfig,
  loraTargets,
  parseLoraConfig,
  readLoraConfig,
} from "../../src/model/lora_config.ts";
import { temporaryFolder } from "../formats/support.ts";
import { sharedTest } from "../shared.ts";
import { LINEARS, TINY } from "./support.ts";

const LEAST = { peft_type: "LORA", target_modules: ["q_proj"] };

function parse(changes: Record<string, unknown>): LoraConfig {
  return parseLoraConfig({ ...LEAST, ...changes }, "adapter_config.json");
}

Deno.test("adapter_config.json: what is missing gets PEFT's defaults", () => {
  assertEquals(parse({}), {
    r: 8,
    loraAlpha: 8,
    loraDropout: 0,
    targetModules: ["q_proj"],
    useRslora: false,
    rankPattern: {},
    alphaPattern: {},
    excludeModules: null,
    layersToTransform: null,
    baseModel: null,
  });
});

Deno.test("adapter_config.json: what is written reads back the same", () => {
  const config: LoraConfig = {
    r: 16,
    loraAlpha: 24,
    loraDropout: 0.05,
    targetModules: ".*_proj",
    useRslora: true,
    rankPattern: { "layers.0.self_attn.q_proj": 3, q_proj: 8 },
    alphaPattern: { ".*\\.0\\..*o_proj": 3 },
    excludeModules: ["up_proj"],
    layersToTransform: [0, 2],
    baseModel: "mistralai/Mistral-7B-v0.1",
  };
  const json = JSON.parse(formatLoraConfig(config));
  assertEquals(parseLoraConfig(json, "test"), config);
  assertEquals(
    Object.keys(json.rank_pattern),
    Object.keys(config.rankPattern),
    "their order counts",
  );
  assertEquals(Object.keys(json), Object.keys(json).toSorted());
});

Deno.test("adapter_config.json: all that PEFT needs is written", () => {
  const json = JSON.parse(formatLoraConfig(parse({ base_model_name_or_path: "base" })));
  assertEquals(
    [json.peft_type, json.task_type, json.bias, json.inference_mode, json.init_lora_weights],
    ["LORA", "CAUSAL_LM", "none", true, true],
  );
  assertEquals([json.base_model_name_or_path, json.r, json.lora_alpha], ["base", 8, 8]);
  assertEquals([json.use_dora, json.use_rslora, json.fan_in_fan_out], [false, false, false]);
  assertEquals([json.modules_to_save, json.layers_to_transform], [null, null]);
});

async function assertReadsBack(directory: string): Promise<LoraConfig> {
  const config = await readLoraConfig(directory);
  assertEquals(parseLoraConfig(JSON.parse(formatLoraConfig(config)), "test"), config);
  return config;
}

Deno.test("adapter_config.json: files of the tiny goldens", async () => {
  const patterned = await assertReadsBack(join(TINY, "lora"));
  assertEquals([patterned.r, patterned.loraAlpha, patterned.useRslora], [4, 6, true]);
  assertEquals(patterned.alphaPattern, { ".*\\.0\\..*o_proj": 3, v_proj: 12 });
  for (const adapter of ["init_adapter", "final_adapter"]) {
    const config = await assertReadsBack(join(TINY, "qlora-curve", adapter));
    assertEquals([config.r, config.loraAlpha, config.baseModel], [4, 8, "base"]);
  }
});

sharedTest("adapter_config.json: files that PEFT wrote", async (path) => {
  for (
    const [folder, rank, alpha] of [
      ["peft-lora", 4, 8],
      ["qlora-curve/init_adapter", 8, 16],
      ["qlora-curve/final_adapter", 8, 16],
      ["qlora-curve-fulltext/init_adapter", 16, 16],
      ["qlora-curve-fulltext/final_adapter", 16, 16],
    ] as const
  ) {
    const config = await assertReadsBack(path(`golden/${folder}`));
    assertEquals([config.r, config.loraAlpha], [rank, alpha], folder);
    assert(Array.isArray(config.targetModules));
    assertEquals(config.targetModules.toSorted(), LINEARS.toSorted(), folder);
  }
});

const UNSUPPORTED: readonly (readonly [string, unknown])[] = [
  ["use_dora", true],
  ["use_qalora", true],
  ["use_bdlora", { nblocks: 2 }],
  ["fan_in_fan_out", true],
  ["lora_bias", true],
  ["bias", "all"],
  ["bias", "lora_only"],
  ["modules_to_save", ["lm_head"]],
  ["layer_replication", [[0, 4], [2, 5]]],
  ["trainable_token_indices", [1, 2]],
  ["trainable_token_indices", { embed_tokens: [1] }],
  ["target_parameters", ["mlp.experts"]],
  ["alora_invocation_tokens", [1, 2]],
  ["arrow_config", { top_k: 2 }],
  ["kasa_config", {}],
  ["velora_config", {}],
  ["monteclora_config", {}],
];

for (const [name, value] of UNSUPPORTED) {
  Deno.test(`adapter_config.json is refused: ${name} ${JSON.stringify(value)}`, () => {
    const part = `${name} is ${JSON.stringify(value)}; this is not supported`;
    const error = assertThrows(() => parse({ [name]: value }), FormatError, part);
    assertEquals(error.file, "adapter_config.json");
  });
}

Deno.test("adapter_config.json: empty lists of what is not supported are fine", () => {
  assertEquals(parse({ modules_to_save: [], target_parameters: [] }), parse({}));
});

Deno.test("adapter_config.json: ways to start that leave the base alone are fine, others not", () => {
  for (const init of [true, false, "gaussian", "eva", "orthogonal"]) {
    assertEquals(parse({ init_lora_weights: init }), parse({}));
  }
  for (const init of ["pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga"]) {
    const part = `init_lora_weights "${init}" changed the base model`;
    assertThrows(() => parse({ init_lora_weights: init }), FormatError, part);
  }
});

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ["peft_type", "IA3", 'peft_type is "IA3"; only LORA adapters are supported'],
  ["peft_type", undefined, "peft_type is undefined"],
  ["target_modules", undefined, "target_modules is missing"],
  ["target_modules", null, "target_modules is missing"],
  ["target_modules", [1], "target_modules is [1]; it should be a list of names or a regex"],
  ["exclude_modules", 3, "exclude_modules is 3"],
  ["r", 0, "r is 0; it should be an integer from 1 on"],
  ["r", 2.5, "r is 2.5; it should be an integer from 1 on"],
  ["r", "8", 'r is "8"'],
  ["lora_alpha", -1, "lora_alpha is -1"],
  ["lora_dropout", "0.1", 'lora_dropout is "0.1"'],
  ["lora_dropout", 1, "lora_dropout is 1; it should be a number from 0 to below 1"],
  ["rank_pattern", ["q_proj"], 'rank_pattern is ["q_proj"]'],
  ["rank_pattern", { q_proj: 0 }, 'rank_pattern is {"q_proj":0}'],
  ["rank_pattern", { q_proj: 1.5 }, 'rank_pattern is {"q_proj":1.5}'],
  ["alpha_pattern", { q_proj: "4" }, 'alpha_pattern is {"q_proj":"4"}'],
  ["layers_to_transform", "all", 'layers_to_transform is "all"'],
  ["layers_to_transform", [0.5], "layers_to_transform is [0.5]"],
];

for (const [name, value, part] of WRONG) {
  Deno.test(`adapter_config.json is refused: ${part}`, () => {
    assertThrows(() => parse({ [name]: value }), FormatError, part);
  });
}

Deno.test("adapter_config.json: a missing or malformed file", async () => {
  using folder = temporaryFolder();
  await assertRejects(() => readLoraConfig(folder.join()), FormatError, "adapter_config.json");
  await Deno.writeTextFile(folder.join("adapter_config.json"), "{");
  await assertRejects(() => readLoraConfig(folder.join()), FormatError, "adapter_config.json");
  assertThrows(() => parseLoraConfig([], "x"), FormatError, "it is no JSON object");
});

const PATHS: readonly string[] = [
  ...[0, 1, 10].flatMap((layer) =>
    LINEARS.map((name) =>
      `model.layers.${layer}.${/[qkvo]_proj/.test(name) ? "self_attn" : "mlp"}.${name}`
    )
  ),
  "lm_head",
];

function targets(changes: Partial<LoraConfig>) {
  return loraTargets({ ...parse({}), ...changes }, PATHS, "lm_head");
}

const pathsOf = (changes: Partial<LoraConfig>) => targets(changes).map(({ path }) => path);
const matching = (pattern: RegExp) => PATHS.filter((path) => pattern.test(path));

Deno.test("target_modules: names, whole paths, a regex for whole paths, all-linear", () => {
  assertEquals(pathsOf({ targetModules: ["q_proj", "down_proj"] }), matching(/\.(q|down)_proj$/));
  assertEquals(pathsOf({ targetModules: ["self_attn.q_proj"] }), matching(/q_proj/));
  const path = "model.layers.10.mlp.up_proj";
  assertEquals(pathsOf({ targetModules: [path] }), [path]);
  assertEquals(pathsOf({ targetModules: ["q_proj", "lm_head"] }), matching(/q_proj|lm_head/));
  assertEquals(pathsOf({ targetModules: ".*layers\\.1\\..*_proj" }), matching(/layers\.1\./));
  assertEquals(pathsOf({ targetModules: "lm_head|.*q_proj" }), matching(/q_proj|lm_head/));
  assertEquals(pathsOf({ targetModules: "all-linear" }), matching(/_proj/));
});

Deno.test("exclude_modules takes out names, or what a regex for whole paths matches", () => {
  const targetModules = "all-linear";
  assertEquals(
    pathsOf({ targetModules, excludeModules: ["mlp.up_proj", "q_proj"] }),
    matching(/(k|v|o|gate|down)_proj/),
  );
  assertEquals(pathsOf({ targetModules, excludeModules: ".*mlp.*" }), matching(/self_attn/));
  assertEquals(pathsOf({ targetModules, excludeModules: "mlp" }), matching(/_proj/));
});

Deno.test("layers_to_transform chooses decoder layers by their number", () => {
  const targetModules = ["q_proj", "lm_head"];
  assertEquals(pathsOf({ targetModules, layersToTransform: [1] }), matching(/\.1\.self_attn\.q/));
  assertEquals(pathsOf({ targetModules, layersToTransform: [0, 10] }), matching(/\.(0|10)\..*\.q/));
  assertEquals(parse({ layers_to_transform: 1 }).layersToTransform, [1]);
});

Deno.test("rank and alpha by pattern: the first key that matches the path's end wins", () => {
  const config: Partial<LoraConfig> = {
    r: 4,
    loraAlpha: 6,
    targetModules: "all-linear",
    rankPattern: { "layers.1.self_attn.q_proj": 3, q_proj: 8, "layers\\.1\\.mlp\\..*": 2 },
    alphaPattern: { "v_proj": 12, "^model\\.layers\\.10.*": 5, "(q|k)_proj": 7, proj: 99 },
  };
  const found = new Map(targets(config).map((target) => [target.path, target]));
  const expect = (path: string, rank: number, alpha: number) =>
    assertEquals(found.get(path), { path, rank, alpha, scaling: alpha / rank });
  expect("model.layers.0.self_attn.q_proj", 8, 7);
  expect("model.layers.1.self_attn.q_proj", 3, 7);
  expect("model.layers.10.self_attn.q_proj", 8, 5);
  expect("model.layers.10.self_attn.v_proj", 4, 12);
  expect("model.layers.0.self_attn.k_proj", 4, 7);
  expect("model.layers.1.mlp.up_proj", 2, 6);
  expect("model.layers.0.mlp.up_proj", 4, 6);
});

Deno.test("use_rslora divides by the root of each layer's own rank", () => {
  const rankPattern = { v_proj: 9 };
  const config = { r: 16, loraAlpha: 8, useRslora: true, rankPattern };
  const found = targets({ ...config, targetModules: ["q_proj", "v_proj"] });
  assertEquals(found.slice(0, 2).map(({ scaling }) => scaling), [2, 8 / 3]);
});

Deno.test("a name or regex that matches no layer is refused with the names there are", () => {
  const error = assertThrows(
    () => targets({ targetModules: ["q_proj", "query_key"] }),
    ConfigError,
  );
  assertEquals(error.issues, [
    'Cannot place LoRA: target_modules "query_key" matches no layer; the layers are ' +
    "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head",
  ]);
  // A regex is for the whole path, a name for whole words of it.
  for (const targetModules of ["q_proj", ["proj"], ["layers"], []]) {
    assertThrows(() => targets({ targetModules }), ConfigError, "matches no layer");
  }
  const targetModules = ["q_proj"];
  assertThrows(() => targets({ targetModules, layersToTransform: [5] }), ConfigError);
  assertThrows(() => targets({ targetModules, excludeModules: ["self_attn.q_proj"] }), ConfigError);
});

Deno.test("a malformed regex is refused with its field", () => {
  assertThrows(() => targets({ targetModules: "(" }), ConfigError, 'Cannot use target_modules "("');
  const targetModules = "all-linear";
  assertThrows(
    () => targets({ targetModules, excludeModules: "[" }),
    ConfigError,
    "exclude_modules",
  );
  assertThrows(
    () => targets({ targetModules, rankPattern: { "*": 2 } }),
    ConfigError,
    "rank_pattern",
  );
});

Deno.test("a base model's revision on the Hub is in PEFT's own field", () => {
  const written = (baseModel: string) => {
    const json = JSON.parse(formatLoraConfig({ ...parse({}), baseModel }));
    assertEquals(parse(json).baseModel, baseModel);
    return [json.base_model_name_or_path, json.revision];
  };
  assertEquals(written("owner/name"), ["owner/name", null]);
  assertEquals(written("owner/name@refs/pr/1"), ["owner/name", "refs/pr/1"]);
  assertEquals(written("/models/a@b"), ["/models/a@b", null]);
  const main = parse({ base_model_name_or_path: "owner/name", revision: "main" });
  assertEquals(main.baseModel, "owner/name");
});
