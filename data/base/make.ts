/**
 * Makes the small base model beside this file: its texts, its tokenizer, and its weights, which the
 * project's own engine trains from random ones. The same files come out each time on the same machine;
 * a run that was interrupted goes on from its last checkpoint in outputs/base.
 *
 *     deno run -A data/base/make.ts
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatCount, formatDuration, formatLoss } from "../../src/cli/format.ts";
import { TEXT_TO_SQL_INSTRUCTION } from "../../src/data/question.ts";
import { random } from "../../src/data/random.ts";
import { isTextRecord, type TrainingRecord } from "../../src/data/record.ts";
import { pretrainingTexts } from "../../src/data/synthetic/texts.ts";
import { openDevice } from "../../src/device/open.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../src/formats/atomic.ts";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { encodeBf16 } from "../../src/formats/half.ts";
import { type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { randomWeights } from "../../src/model/random_weights.ts";
import { formatPrompt } from "../../src/text/prompt.ts";
import { type TokenizerFiles, trainBpe } from "../../src/text/train_bpe.ts";
import { resolveTrainConfig } from "../../src/train/config.ts";
import { planTraining, prepareTraining } from "../../src/train/prepare.ts";
import { train } from "../../src/train/train.ts";

const SEED = 42;
const TEXTS = 64_000;
const HELD_OUT = 400;
/** Texts that the vocabulary is learned from. */
const TOKENIZER_TEXTS = 20_000;
/** The words of the instruction come this often among them, so that they become whole tokens. */
const INSTRUCTION_COPIES = 300;

const CONFIG = {
  architectures: ["MistralForCausalLM"],
  model_type: "mistral",
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 192,
  intermediate_size: 448,
  num_hidden_layers: 5,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  sliding_window: null,
  tie_word_embeddings: true,
  initializer_range: 0.04,
  torch_dtype: "bfloat16",
  vocab_size: 2048,
} as const;

const TRAINING = {
  method: "full",
  completion_only_loss: false,
  gradient_checkpointing: false,
  max_seq_length: 512,
  per_device_train_batch_size: 16,
  gradient_accumulation_steps: 1,
  learning_rate: 2e-3,
  lr_scheduler_type: "cosine",
  warmup_steps: 200,
  logging_steps: 20,
  eval_steps: 500,
  save_steps: 250,
  resume_from_checkpoint: "latest",
  seed: SEED,
} as const;

if (import.meta.main) await make();

async function make(): Promise<void> {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const output_dir = fileURLToPath(new URL("../../outputs/base/", import.meta.url));
  const base_model = join(output_dir, "start");
  const [train_path, val_path] = ["train.jsonl", "val.jsonl"].map((name) => join(output_dir, name));
  const records = baseRecords();
  await Deno.mkdir(output_dir, { recursive: true });
  await writeRecords(train_path, records.slice(HELD_OUT));
  await writeRecords(val_path, records.slice(0, HELD_OUT));
  const tokenizer = baseTokenizer(records);
  await writeDirectoryAtomic(base_model, async (folder) => {
    await writeSafetensors(join(folder, "model.safetensors"), randomWeights(CONFIG, SEED));
    await writeModelFiles(folder, tokenizer);
  });
  await pretrain({ ...TRAINING, base_model, train_path, val_path, output_dir });
  await writeAsBf16(join(output_dir, "model"), join(here, "model.safetensors"));
  await writeModelFiles(here, tokenizer);
}

/** Everything that the model is trained on; the first of them are held out. */
export function baseRecords(): TrainingRecord[] {
  return Array.from(pretrainingTexts({ seed: SEED, count: TEXTS + HELD_OUT }), (made, i) => {
    const id = `${made.kind}-${i}`;
    return made.kind === "task" ? { id, ...made.task } : { id, text: made.text };
  });
}

/** The tokenizer that is learned from a part of `records`. */
export function baseTokenizer(records: readonly TrainingRecord[]): TokenizerFiles {
  const chosen = random(SEED, "tokenizer texts").shuffle([...records]).slice(0, TOKENIZER_TEXTS);
  const texts = chosen.map((record) =>
    isTextRecord(record) ? record.text : formatPrompt(record, "alpaca") + record.output
  );
  const instructions = Array<string>(INSTRUCTION_COPIES).fill(TEXT_TO_SQL_INSTRUCTION);
  return trainBpe([...texts, ...instructions], CONFIG.vocab_size);
}

async function pretrain(values: Record<string, unknown>): Promise<void> {
  const config = resolveTrainConfig([{ source: "options", values }]);
  using device = await openDevice();
  using run = await prepareTraining(device, await planTraining(device, config));
  const { totalSteps } = run.batches.steps;
  let secondsLeft = 0;
  for await (const event of train(run)) {
    if (event.type === "step") secondsLeft = event.secondsLeft;
    if (event.type === "eval") console.log(`eval loss ${formatLoss(event.eval_loss)}`);
    if (event.type !== "log") continue;
    console.log(
      `step ${event.step} of ${totalSteps}  loss ${formatLoss(event.loss)}  ` +
        `${formatCount(event.tokens_per_second)} tokens/s  ${formatDuration(secondsLeft)} left`,
    );
  }
}

async function writeAsBf16(folder: string, path: string): Promise<void> {
  using checkpoint = await openCheckpoint(folder);
  const entries: SafetensorsEntry[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    const bytes = new Uint8Array(encodeBf16(await checkpoint.readF32(name)).buffer);
    entries.push({ name, dtype: "BF16", shape, bytes });
  }
  await writeSafetensors(path, entries);
}

async function writeModelFiles(folder: string, { tokenizer, config }: TokenizerFiles) {
  const files = { "config.json": CONFIG, "tokenizer.json": tokenizer, "tokenizer_config.json": config };
  for (const [name, value] of Object.entries(files)) {
    await writeFileAtomic(join(folder, name), JSON.stringify(value, null, 1) + "\n");
  }
}

async function writeRecords(path: string, records: readonly TrainingRecord[]): Promise<void> {
  await writeFileAtomic(path, records.map((record) => JSON.stringify(record) + "\n").join(""));
}
