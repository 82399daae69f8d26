/**
 * The smoke run: the small base model that the project ships learns to answer questions about the demo
 * databases, without any download.
 * @module
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { demoSplits } from "../data/demo.ts";
import { type InstructionRecord, writeRecords } from "../data/record.ts";
import type { TrainConfig } from "./config.ts";

const VAL_ROWS = 32;
/** The most training rows; there are not many more different questions. */
const MAX_TRAIN_ROWS = 16_000;
/** Questions that the base and the trained model are asked, unless the config says fewer. */
const QUESTIONS = 60;

/** Options of a smoke run that differ from the usual defaults. */
export const SMOKE_DEFAULTS = {
  output_dir: "outputs/smoke",
  max_steps: 400,
  per_device_train_batch_size: 8,
  gradient_accumulation_steps: 1,
  prefix_sharing: true,
  lora_r: 32,
  lora_alpha: 64,
  gradient_checkpointing: false,
  learning_rate: 3e-3,
  lr_scheduler_type: "cosine",
  warmup_steps: 10,
  max_seq_length: 512,
} as const;

/** A smoke run: its config, and the questions that it is measured with. */
export interface SmokeRun {
  readonly config: TrainConfig;
  /** About the same databases as those for training; no question and no query of these. */
  readonly questions: readonly InstructionRecord[];
}

/** The folder of the base model that the project ships. */
export function shippedModel(): string {
  const folder = fileURLToPath(new URL("../../data/base/", import.meta.url));
  // Adapters name their base model; this way one from the project's folder fits another clone.
  const fromHere = relative(Deno.cwd(), folder);
  return fromHere.startsWith("..") ? folder : fromHere;
}

/**
 * Writes the data of a smoke run under `output_dir` and returns the config that uses them. Paths that
 * are set already are kept. There are as many training rows as the run has use for.
 */
export async function prepareSmoke(config: TrainConfig): Promise<SmokeRun> {
  const { output_dir, seed } = config;
  const base_model = config.base_model ?? shippedModel();
  const train_path = config.train_path ?? join(output_dir, "data", "train.jsonl");
  const val_path = config.val_path ?? join(output_dir, "data", "val.jsonl");
  const splits = demoSplits({
    seed,
    train: trainRows(config),
    validation: VAL_ROWS,
    test: Math.min(QUESTIONS, config.max_val_samples ?? QUESTIONS),
  });
  if (config.train_path === null) await writeRecords(train_path, splits.train);
  if (config.val_path === null) await writeRecords(val_path, splits.validation);
  return { config: { ...config, base_model, train_path, val_path }, questions: splits.test };
}

function trainRows(config: TrainConfig): number {
  const perStep = config.per_device_train_batch_size * config.gradient_accumulation_steps;
  const wanted = config.max_steps > 0 ? config.max_steps * perStep : MAX_TRAIN_ROWS;
  return Math.min(wanted, config.max_train_samples ?? MAX_TRAIN_ROWS, MAX_TRAIN_ROWS);
}
