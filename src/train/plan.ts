/**
 * What a run will be, before any weight is read: its data, its steps and the memory that it takes.
 * @module
 */
import { FormatError, TrainingError } from "../errors.ts";
import { readTrainingRecords, type TrainingRecord } from "../data/record.ts";
import type { Device } from "../device/device.ts";
import { checkWritableFolder } from "../formats/atomic.ts";
import type { ModelConfig } from "../model/config.ts";
import { type ModelFiles, openModelFiles } from "../model/load.ts";
import type { RaggedBatch } from "../text/batch.ts";
import { type DroppedRecord, type TokenizedExample, tokenizeRecords } from "../text/example.ts";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { type BatchPlan, evaluationBatches, type PassLimits, planBatches } from "./batches.ts";
import type { TrainConfig } from "./config.ts";
import { type MemoryLimit, memoryLimit } from "./memory_limit.ts";
import { type MemoryPlan, planMemory } from "./memory_plan.ts";

/** What a run is made from, read once. */
export interface RunSources {
  readonly files: ModelFiles;
  readonly tokenizer: Tokenizer;
  readonly trainRecords: readonly TrainingRecord[];
  readonly evalRecords: readonly TrainingRecord[];
}

/** Records as the model will see them. */
export interface RunExamples {
  readonly trainExamples: readonly TokenizedExample[];
  readonly evalExamples: readonly TokenizedExample[];
  /** Examples that lost a part of their prompt, and records that could not be used. */
  readonly truncated: number;
  readonly dropped: readonly DroppedRecord[];
}

/** A run that is planned and checked, but holds no weights yet. */
export interface PlannedRun extends RunSources, RunExamples, Disposable {
  readonly config: TrainConfig;
  readonly batches: BatchPlan;
  readonly evalBatches: readonly RaggedBatch[];
  readonly plan: MemoryPlan;
  /** The GPU memory that the run may take, where it is known; `prepareTraining` refuses more. */
  readonly limit: MemoryLimit | null;
}

/**
 * Reads data, tokenizer and the model's headers, and plans steps and memory. `modelDirectory` is where
 * the files of `base_model` are, if that is not the folder itself but a name on the Hub.
 * Throws FormatError, TrainingError or ConfigError for what would keep the run from working.
 */
export async function planTraining(
  device: Device,
  config: TrainConfig,
  options: { modelDirectory?: string; signal?: AbortSignal } = {},
): Promise<PlannedRun> {
  const { train_path, val_path } = config;
  const modelDirectory = options.modelDirectory ?? config.base_model;
  if (modelDirectory === null || train_path === null) {
    throw new TypeError("Cannot plan a run without base_model and train_path");
  }
  await checkWritableFolder(config.output_dir);
  using cleanup = new DisposableStack();
  const files = cleanup.use(await openModelFiles(modelDirectory));
  const tokenizer = await loadTokenizer(modelDirectory);
  checkVocabulary(tokenizer, files.config, modelDirectory);
  const trainRecords = await readTrainingRecords(train_path, {
    maxRecords: config.max_train_samples ?? undefined,
  });
  const evalRecords = val_path
    ? await readTrainingRecords(val_path, { maxRecords: config.max_val_samples ?? undefined })
    : [];
  const sources = { files, tokenizer, trainRecords, evalRecords };
  const examples = tokenizeRun(config, sources);
  const planned = await planPasses(device, config, {
    ...sources,
    ...examples,
    signal: options.signal,
  });
  const limit = memoryLimit(device, config);
  const owned = cleanup.move();
  const dispose = () => owned.dispose();
  return { config, ...sources, ...examples, ...planned, limit, [Symbol.dispose]: dispose };
}

/** Turns a run's records into tokens. Throws TrainingError where none of a file fits. */
export function tokenizeRun(config: TrainConfig, sources: RunSources): RunExamples {
  const { tokenizer, trainRecords, evalRecords } = sources;
  const tokenizing = {
    maxSeqLength: config.max_seq_length,
    completionOnly: config.completion_only_loss,
    style: config.prompt,
  };
  const train = tokenizeRecords(trainRecords, tokenizer, tokenizing);
  const evaluation = tokenizeRecords(evalRecords, tokenizer, tokenizing);
  checkLeft(config.train_path!, trainRecords.length, train);
  if (config.val_path) checkLeft(config.val_path, evalRecords.length, evaluation);
  return {
    trainExamples: train.examples,
    evalExamples: evaluation.examples,
    truncated: train.truncated + evaluation.truncated,
    dropped: [...train.dropped, ...evaluation.dropped],
  };
}

/** The passes of a run and the memory that they take. Throws TrainingError where one is too long. */
export async function planPasses(
  device: Device,
  config: TrainConfig,
  { files, trainExamples, evalExamples, signal }:
    & Pick<PlannedRun, "files" | "trainExamples" | "evalExamples">
    & { signal?: AbortSignal },
): Promise<Pick<PlannedRun, "batches" | "evalBatches" | "plan">> {
  const { gradient_checkpointing: checkpointing, prefix_sharing: sharePrefixes } = config;
  const trainLimits = passLimits(device, files.config, { checkpointing });
  const evalLimits = passLimits(device, files.config, { checkpointing: true });
  const batches = planBatches(trainExamples, config, trainLimits);
  const batchSize = config.per_device_train_batch_size;
  const evalBatches = evaluationBatches(evalExamples, { batchSize, sharePrefixes }, evalLimits);
  const plan = await planMemory(device, { files, config, batches, evalBatches, signal });
  return { batches, evalBatches, plan };
}

function checkLeft(
  path: string,
  records: number,
  { examples, dropped: [first] }: {
    examples: readonly unknown[];
    dropped: readonly DroppedRecord[];
  },
): void {
  if (examples.length > 0) return;
  const reason = first ? ` (${first.id}: ${first.reason})` : "";
  throw new TrainingError(
    `Cannot use ${path}: none of its ${records} records fits${reason}; raise --max_seq_length`,
  );
}

/**
 * Rows of one pass that every kernel can take: software adapters end a loop silently after 65,535
 * rounds, and some kernels loop over all rows.
 */
const MAX_ROWS = 32_768;

/**
 * Rows (tokens) of one pass whose widest activation still fits one binding, and keys likewise. With
 * checkpointing, and in evaluation, the feed-forward part is computed for some rows at a time.
 */
function passLimits(
  device: Device,
  { hiddenSize, intermediateSize, heads, kvHeads, headSize }: ModelConfig,
  { checkpointing }: { readonly checkpointing: boolean },
): PassLimits {
  const fitting = (width: number) => Math.floor(device.maxBindingBytes / (4 * width) / 8) * 8;
  const widest = Math.max(hiddenSize, heads * headSize, checkpointing ? 0 : intermediateSize);
  return { maxRows: Math.min(MAX_ROWS, fitting(widest)), maxKeys: fitting(kvHeads * headSize) };
}

function checkVocabulary(tokenizer: Tokenizer, config: ModelConfig, directory: string): void {
  if (tokenizer.vocabSize <= config.vocabularySize) return;
  throw new FormatError(
    `Cannot use ${directory}: its tokenizer has ${tokenizer.vocabSize} tokens, the model's ` +
      `vocabulary ${config.vocabularySize}; use the tokenizer that belongs to the model`,
    { file: directory },
  );
}
