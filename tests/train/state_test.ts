import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, FormatError } from "../../src/errors.ts";
import type { TokenizedExample } from "../../src/text/example.ts";
import { resolveTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { MISTRAL_7B, syntheticCheckpoint } from "../../src/model/synthetic.ts";
import {
  checkIdentity,
  formatState,
  INITIAL_STATE,
  parseState,
  runIdentity,
  type TrainState,
} from "../../src/train/state.ts";

function configOf(options: Partial<TrainConfig> = {}): TrainConfig {
  const values = { base_model: "base", train_path: "train.jsonl", ...options };
  return resolveTrainConfig([{ source: "options", values }]);
}

function example(ids: number[], targetStart = 1): TokenizedExample {
  return { id: "x", ids: Uint32Array.from(ids), targetStart, truncated: false };
}

const EXAMPLES = [example([1, 5, 2]), example([1, 6, 7, 2])];

const STATE: TrainState = {
  step: 7,
  logHistory: [{
    step: 6,
    loss: 1 / 3,
    learning_rate: 1e-4,
    grad_norm: 0.1,
    num_target_tokens: 40,
    tokens_per_second: 1234.5678901234567,
  }],
  evalHistory: [{ step: 4, eval_loss: 0.1 + 0.2 }],
  window: { steps: 1, loss: 0.7, targets: 3, tokens: 9, seconds: 0.25 },
  lossSum: 5.000000000000001,
  tokens: 900,
  seconds: 12.5,
  best: { step: 4, eval_loss: 0.1 + 0.2 },
  evalsSinceBest: 1,
};

const SIZES = { ...MISTRAL_7B, hiddenSize: 8, intermediateSize: 8, layers: 1, vocabularySize: 16 };
const BASE = syntheticCheckpoint({ ...SIZES, heads: 2, kvHeads: 1, headSize: 4 }, 1);

function identityOf(config: TrainConfig, examples: readonly TokenizedExample[], base = BASE) {
  return runIdentity(config, examples, base);
}

Deno.test("a state survives its file to the last bit", async () => {
  const identity = await identityOf(configOf(), EXAMPLES);
  for (const state of [STATE, INITIAL_STATE]) {
    assertEquals(parseState(formatState(state, identity), "f"), { state, identity });
  }
});

Deno.test("a file that is no state of this version is refused with its name", async () => {
  const identity = await identityOf(configOf(), EXAMPLES);
  const good = JSON.parse(formatState(STATE, identity));
  const broken = [
    "",
    '{"version": 1, "state"',
    "[]",
    "null",
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, identity: undefined }),
    JSON.stringify({ ...good, state: { ...STATE, step: 1.5 } }),
    JSON.stringify({ ...good, state: { ...STATE, logHistory: undefined } }),
    JSON.stringify({ ...good, state: { ...STATE, evalHistory: {} } }),
    JSON.stringify({ ...good, state: { ...STATE, window: null } }),
  ];
  for (const text of broken) {
    const error = assertThrows(() => parseState(text, "a/trainer_state.json"), FormatError);
    assertEquals(error.file, "a/trainer_state.json");
    assert(error.message.startsWith("Cannot resume: a/trainer_state.json is no"), error.message);
  }
});

Deno.test("the digest tells apart other ids, targets, borders and orders", async () => {
  const digest = async (examples: TokenizedExample[]) =>
    (await identityOf(configOf(), examples)).data;
  const variants = [
    EXAMPLES,
    [example([1, 5, 2]), example([1, 6, 8, 2])],
    [example([1, 5, 2], 2), example([1, 6, 7, 2])],
    EXAMPLES.toReversed(),
    EXAMPLES.slice(0, 1),
    [example([1, 5, 2, 1]), example([6, 7, 2])],
  ];
  const digests = await Promise.all(variants.map(digest));
  assertEquals(new Set(digests).size, variants.length);
  assertEquals(await digest([...EXAMPLES]), digests[0]);
});

Deno.test("every option that changed is named with both values, and other records too", async () => {
  const saved = await identityOf(configOf({ lora_r: 8, seed: 1 }), EXAMPLES);
  const present = await identityOf(configOf({ lora_r: 4, seed: 2 }), EXAMPLES.slice(1));
  const error = assertThrows(() => checkIdentity(saved, present, "run/step-3"), ConfigError);
  assertEquals(error.issues.length, 3);
  assert(error.issues[0].startsWith("run/step-3 was made with --lora_r 8, not 4;"), error.message);
  assert(error.issues[1].startsWith("run/step-3 was made with --seed 1, not 2;"), error.message);
  assert(error.issues[2].startsWith("run/step-3 was made from other training records;"));
});

Deno.test("another base model of the same shapes is told apart", async () => {
  const other = syntheticCheckpoint({ ...SIZES, heads: 2, kvHeads: 1, headSize: 4 }, 2);
  const saved = await identityOf(configOf(), EXAMPLES);
  const present = await identityOf(configOf(), EXAMPLES, other);
  const error = assertThrows(() => checkIdentity(saved, present, "run/step-3"), ConfigError);
  assertEquals(error.issues.length, 1);
  assert(error.issues[0].startsWith("run/step-3 was made from another base model;"));
});

Deno.test("each option that decides what a step computes is checked", async () => {
  const saved = await identityOf(configOf(), EXAMPLES);
  const changes: Partial<TrainConfig> = {
    method: "lora",
    double_quant: false,
    lora_r: 3,
    lora_alpha: 3,
    lora_dropout: 0.3,
    target_modules: ["q_proj"],
    use_rslora: true,
    prompt: "mistral",
    max_seq_length: 33,
    completion_only_loss: false,
    packing: true,
    prefix_sharing: true,
    shuffle: false,
    seed: 3,
    per_device_train_batch_size: 3,
    gradient_accumulation_steps: 3,
    neftune_noise_alpha: 3,
    optim: "adamw_8bit",
  };
  for (const [name, value] of Object.entries(changes)) {
    const present = await identityOf(configOf({ [name]: value }), EXAMPLES);
    const error = assertThrows(() => checkIdentity(saved, present, "c"), ConfigError);
    assertEquals(error.issues.length, 1);
    assert(error.message.includes(`--${name} `), error.message);
  }
});

Deno.test("a run from before there was an option continues with what it did then", async () => {
  const { options: saved, ...rest } = await identityOf(configOf(), EXAMPLES);
  const { optim: _, prefix_sharing: __, ...options } = saved;
  checkIdentity({ ...rest, options }, await identityOf(configOf(), EXAMPLES), "c");
  const present = await identityOf(configOf({ optim: "adamw_8bit" }), EXAMPLES);
  const error = assertThrows(() => checkIdentity({ ...rest, options }, present, "c"), ConfigError);
  assert(error.message.startsWith('c was made with --optim "adamw_torch", not "adamw_8bit";'));
  const sharing = await identityOf(configOf({ prefix_sharing: true }), EXAMPLES);
  assertThrows(
    () => checkIdentity({ ...rest, options }, sharing, "c"),
    ConfigError,
    "prefix_sharing",
  );
});

Deno.test("a run may continue with other steps, folders and reports", async () => {
  const saved = await identityOf(configOf(), EXAMPLES);
  const changes: Partial<TrainConfig>[] = [
    { max_steps: 99 },
    { output_dir: "elsewhere" },
    { save_steps: 3, save_total_limit: 0, logging_steps: 5 },
    { resume_from_checkpoint: "latest" },
    { report_to: "tensorboard", quiet: true },
    { base_model: "moved/base", train_path: "moved.jsonl" },
  ];
  for (const change of changes) {
    checkIdentity(saved, await identityOf(configOf(change), EXAMPLES), "c");
  }
});
