import { assert, assertEquals, assertRejects } from "@std/assert";
import { TrainingError } from "../../src/errors.ts";
import { MISTRAL_7B, syntheticCheckpoint } from "../../src/model/synthetic.ts";
import { resolveTrainConfig } from "../../src/train/config.ts";
import { planPasses } from "../../src/train/plan.ts";
import { testDevice } from "../ops/harness.ts";

const GIB = 2 ** 30;

/** The plan of one sequence of `tokens` a step, a quarter of them targets, on Mistral-7B. */
async function plannedFor(tokens: number, options: Record<string, unknown> = {}) {
  const config = resolveTrainConfig([{
    source: "options",
    values: {
      base_model: "mistral-7b",
      train_path: "train.jsonl",
      target_modules: "all-linear",
      lora_r: 16,
      per_device_train_batch_size: 1,
      gradient_accumulation_steps: 1,
      max_seq_length: 8192,
      ...options,
    },
  }]);
  const ids = Uint32Array.from({ length: tokens }, (_, i) => i);
  const example = { id: "long", ids, targetStart: Math.floor(0.75 * tokens), truncated: false };
  const checkpoint = syntheticCheckpoint(MISTRAL_7B, 1);
  const files = {
    directory: "mistral-7b",
    config: MISTRAL_7B,
    checkpoint,
    [Symbol.dispose]: () => {},
  };
  const { plan } = await planPasses(await testDevice(), config, {
    files,
    trainExamples: [example],
    evalExamples: [example],
  });
  return plan;
}

Deno.test("Mistral-7B, NF4 with double quantisation, rank 16 on all linears, 2,048 tokens: at most 5.5 GiB", async () => {
  const plan = await plannedFor(2048, { precision: "f16" });
  assertEquals(plan.rows, 2048);
  // Block inputs: the first and the last in f32, 30 in f16.
  assertEquals(plan.checkpoints, 2048 * 4096 * (2 * 4 + 30 * 2));
  assert(plan.totalBytes <= 5.5 * GIB, `${plan.totalBytes / GIB} GiB`);
  assert(plan.totalBytes > 4 * GIB);
  const small = await plannedFor(2048, { precision: "f16", optim: "adamw_8bit" });
  assert(small.totalBytes < plan.totalBytes - 200 * 2 ** 20);
});

Deno.test("Mistral-7B: sequences as long as the sliding window and longer, their memory linear", async () => {
  const [one, two, four] = [
    await plannedFor(2048),
    await plannedFor(4096),
    await plannedFor(8192),
  ];
  const [first, second] = [two.totalBytes - one.totalBytes, four.totalBytes - two.totalBytes];
  assert(second < 2.1 * first, `${first / GIB} GiB, then ${second / GIB}`);
  // Without checkpointing whole activations of the feed-forward part have to fit one binding.
  const error = await assertRejects(
    () => plannedFor(4096, { gradient_checkpointing: false }),
    TrainingError,
  );
  assert(/takes 2\d{3} of this model at once; set --max_seq_length/.test(error.message));
});
