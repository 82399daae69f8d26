/**
 * Makes the small base model: its tokenizer and texts, then trains it from random weights with the
 * project's own engine. The same seed gives the same files on the same machine; a run that was
 * interrupted goes on from its last checkpoint.
 *
 *     deno run -A data/base/make.ts
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "../../src/data/random.ts";
import { TEXT_TO_SQL_INSTRUCTION } from "../../src/data/question.ts";
import type { TrainingRecord } from "../../src/data/record.ts";
import { pretrainingTexts } from "../../src/data/synthetic/texts.ts";
import { openDevice } from "../../src/device/open.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../src/formats/atomic.ts";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { encodeBf16 } from "../../src/formats/half.ts";
import { type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { randomWeights } from "../../src/model/random_weights.ts";
import { formatPrompt } from "../../src/text/prompt.ts";
import { trainBpe } from "../../src/text/train_bpe.ts";
import { resolveTrainConfig } from "../../src/train/config.ts";
import { planTraining, prepareTraining } from "../../src/train/prepare.ts";
import { train } from "../../src/train/train.ts";

const SEED = 42;
const TEXTS = 64_000;
const HELD_OUT = 400;
/** Texts that the vocabulary is learned from. */
const TOKENIZER_TEXTS = 20_000;
/** Words of the instruction become tokens if they come often enough. */
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

const here = fileURLToPath(new URL(".", import.meta.url));
const work = fileURLToPath(new URL("../../outputs/base/", import.meta.url));
const start = join(work, "start");
const train_path = join(work, "train.jsonl");
const val_path = join(work, "val.jsonl");

if (Deno.args[0] === "prepare") {
  await prepare();
} else {
  await prepare();
  await pretrain();
  await ship();
}

/** Writes the texts, and a model folder with the tokenizer and random weights. */
async function prepare(): Promise<void> {
  const records = [...pretrainingTexts({ seed: SEED, count: TEXTS + HELD_OUT })]
    .map((text, i): TrainingRecord => {
      const id = `${text.kind}-${i}`;
      return text.kind === "task" ? { id, ...text.task } : { id, text: text.text };
    });
  const lines = (part: readonly TrainingRecord[]) =>
    part.map((record) => JSON.stringify(record) + "\n").join("");
  await Deno.mkdir(work, { recursive: true });
  await writeFileAtomic(train_path, lines(records.slice(HELD_OUT)));
  await writeFileAtomic(val_path, lines(records.slice(0, HELD_OUT)));
  const { tokenizer, config } = trainBpe(
    [
      ...random(SEED, "tokenizer texts").shuffle([...records]).slice(0, TOKENIZER_TEXTS)
        .map(textOf),
      ...Array<string>(INSTRUCTION_COPIES).fill(TEXT_TO_SQL_INSTRUCTION),
    ],
    CONFIG.vocab_size,
  );
  await writeDirectoryAtomic(start, async (folder) => {
    await writeSafetensors(join(folder, "model.safetensors"), randomWeights(CONFIG, SEED));
    await writeJson(join(folder, "config.json"), CONFIG);
    await writeJson(join(folder, "tokenizer.json"), tokenizer);
    await writeJson(join(folder, "tokenizer_config.json"), config);
  });
}

function textOf(record: TrainingRecord): string {
  return "text" in record ? record.text : formatPrompt(record, "alpaca") + record.output;
}

async function pretrain(): Promise<void> {
  const config = resolveTrainConfig([{
    source: "options",
    values: {
      base_model: start,
      train_path,
      val_path,
      output_dir: work,
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
    },
  }]);
  using device = await openDevice();
  using run = await prepareTraining(device, await planTraining(device, config));
  for await (const event of train(run)) {
    if (event.type === "log" || event.type === "eval") console.log(JSON.stringify(event));
  }
}

/** Writes the trained weights as bf16, with config and tokenizer, beside this file. */
async function ship(): Promise<void> {
  using checkpoint = await openCheckpoint(join(work, "model"));
  const entries: SafetensorsEntry[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    const bytes = new Uint8Array(encodeBf16(await checkpoint.readF32(name)).buffer);
    entries.push({ name, dtype: "BF16", shape, bytes });
  }
  await writeSafetensors(join(here, "model.safetensors"), entries);
  await writeJson(join(here, "config.json"), CONFIG);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(join(start, name), join(here, name));
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(value, null, 1) + "\n");
}
