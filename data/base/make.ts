/**
 * Makes the small base model beside this file: its texts, its tokenizer, and its weights, which the
 * project's own engine trains from random ones. A run that was interrupted goes on from its last
 * checkpoint in outputs/base.
 *
 *     deno run -A data/base/make.ts
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatCount, formatLoss } from "../../src/cli/format.ts";
import { TEXT_TO_SQL_INSTRUCTION } from "../../src/data/question.ts";
import { random } from "../../src/data/random.ts";
import { isTextRecord, type TrainingRecord, writeRecords } from "../../src/data/record.ts";
import { pretrainingTexts, type TextOptions } from "../../src/data/synthetic/texts.ts";
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../src/formats/atomic.ts";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { encodeBf16 } from "../../src/formats/half.ts";
import { type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { parseModelConfig } from "../../src/model/config.ts";
import { randomWeights } from "../../src/model/random_weights.ts";
import { formatPrompt } from "../../src/text/prompt.ts";
import { type TokenizerFiles, trainBpe } from "../../src/text/train_bpe.ts";
import { resolveTrainConfig } from "../../src/train/config.ts";
import { planTraining } from "../../src/train/plan.ts";
import { prepareTraining } from "../../src/train/prepare.ts";
import { train } from "../../src/train/train.ts";

const SEED = 42;
/** Texts of each stage that it is not trained on but evaluated with. */
const HELD_OUT = 400;
/** Texts that the vocabulary is learned from. */
const TOKENIZER_TEXTS = 20_000;
/** The words of the instruction come this often among them, so that they become whole tokens. */
const INSTRUCTION_COPIES = 300;

/** A part of the training: its texts, and how it goes on from the one before. */
interface Stage {
  readonly name: string;
  readonly texts: TextOptions & { readonly count: number };
  /** Optimizer steps after which it ends, if that is before all its texts were seen once. */
  readonly steps?: number;
  readonly options: Record<string, unknown>;
}

/**
 * Copying from the context does not come by itself in so few texts, repeated copies among them or not:
 * after the first stage the second half of a copy was as unlikely as the first. It comes within 300
 * steps of nothing but random words that are repeated, and stays.
 */
export const STAGES: readonly Stage[] = [
  {
    name: "texts",
    texts: { seed: SEED, count: 64_000 + HELD_OUT },
    steps: 1500,
    options: { lr_scheduler_type: "cosine", warmup_steps: 200 },
  },
  {
    name: "repeats",
    texts: { seed: SEED + 1, count: 12_000 + HELD_OUT, repeats: 100 },
    steps: 300,
    options: { lr_scheduler_type: "constant_with_warmup", warmup_steps: 30 },
  },
  {
    name: "more-texts",
    texts: { seed: SEED + 3, count: 34_000 + HELD_OUT, repeats: 10 },
    options: { lr_scheduler_type: "cosine", warmup_steps: 50 },
  },
  {
    name: "meanings",
    texts: {
      seed: SEED + 4,
      count: 76_800 + HELD_OUT,
      tasks: 45,
      meanings: 50,
      copies: 20,
      repeats: 5,
    },
    options: { lr_scheduler_type: "cosine", warmup_steps: 100 },
  },
  {
    name: "more-meanings",
    texts: {
      seed: SEED + 5,
      count: 64_000 + HELD_OUT,
      tasks: 55,
      meanings: 55,
      copies: 10,
      repeats: 5,
    },
    options: { learning_rate: 1.2e-3, lr_scheduler_type: "cosine", warmup_steps: 100 },
  },
];

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
  logging_steps: 20,
  eval_steps: 500,
  save_steps: 100,
  resume_from_checkpoint: "latest",
  seed: SEED,
} as const;

const MODEL_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"] as const;

const here = fileURLToPath(new URL(".", import.meta.url));
const outputs = fileURLToPath(new URL("../../outputs/base/", import.meta.url));

if (import.meta.main) await make();

async function make(): Promise<void> {
  const first = recordsOf(STAGES[0].texts);
  const tokenizer = baseTokenizer(first);
  let model = join(outputs, "start");
  const sizes = parseModelConfig(CONFIG, "config.json");
  const weights = randomWeights(sizes, { seed: SEED, spread: CONFIG.initializer_range });
  await writeDirectoryAtomic(model, async (folder) => {
    await writeSafetensors(join(folder, "model.safetensors"), weights);
    await writeModelFiles(folder, tokenizer);
  });
  const device = await openDevice();
  for (const stage of STAGES) {
    const records = stage === STAGES[0] ? first : recordsOf(stage.texts);
    const train_path = join(outputs, `${stage.name}.jsonl`);
    const val_path = join(outputs, `${stage.name}-held-out.jsonl`);
    await writeRecords(train_path, records.slice(HELD_OUT));
    await writeRecords(val_path, records.slice(0, HELD_OUT));
    model = await runStage(device, stage, { base_model: model, train_path, val_path });
  }
  device[Symbol.dispose]();
  await writeAsBf16(model, join(here, "model.safetensors"));
  await writeModelFiles(here, tokenizer);
}

/** Trains through a stage, unless that was done before, and returns the folder of its model. */
async function runStage(
  device: Device,
  { name, steps, options }: Stage,
  paths: { base_model: string; train_path: string; val_path: string },
): Promise<string> {
  const result = join(outputs, `after-${name}`);
  if (await Deno.stat(result).catch(() => null)) return result;
  const output_dir = join(outputs, name);
  const values = { ...TRAINING, ...options, ...paths, output_dir };
  const config = resolveTrainConfig([{ source: "options", values }]);
  using run = await prepareTraining(device, await planTraining(device, config));
  const last = steps ?? run.batches.steps.totalSteps;
  let weights = "";
  for await (const event of train(run)) {
    if (event.type === "eval") console.log(`eval loss ${formatLoss(event.eval_loss)}`);
    if (event.type === "log") {
      const { step, loss, tokens_per_second } = event;
      const rate = formatCount(tokens_per_second);
      console.log(`${name}: step ${step} of ${last}  loss ${formatLoss(loss)}  ${rate} tokens/s`);
    }
    if (event.type === "checkpoint") weights = join(event.path, "model.safetensors");
    if (event.type === "checkpoint" && event.step === last) break;
  }
  await writeDirectoryAtomic(result, async (folder) => {
    await Deno.copyFile(weights, join(folder, "model.safetensors"));
    for (const file of MODEL_FILES) {
      await Deno.copyFile(join(paths.base_model, file), join(folder, file));
    }
  });
  return result;
}

export function recordsOf(options: TextOptions): TrainingRecord[] {
  return Array.from(pretrainingTexts(options), (made, i) => {
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
  for (const [i, value] of [CONFIG, tokenizer, config].entries()) {
    await writeFileAtomic(join(folder, MODEL_FILES[i]), JSON.stringify(value, null, 1) + "\n");
  }
}
