/**
 * Everything before the first step: data, tokenizer, memory plan, model, adapter and optimizer.
 * @module
 */
import { FormatError, TrainingError } from "../errors.ts";
import { readTrainingRecords, type TrainingRecord } from "../data/record.ts";
import type { Device } from "../device/device.ts";
import { checkWritableFolder } from "../formats/atomic.ts";
import { buildModel, type ModelFiles, openModelFiles } from "../model/load.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Model } from "../model/model.ts";
import type { RaggedBatch } from "../text/batch.ts";
import { type DroppedRecord, type TokenizedExample, tokenizeRecords } from "../text/example.ts";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { type BatchPlan, evaluationBatches, planBatches } from "./batches.ts";
import type { TrainConfig } from "./config.ts";
import { type MemoryPlan, planMemory } from "./memory_plan.ts";
import { loadOptions, makeTrainable, type TrainedPart } from "./trainable.ts";

/** Records as they were read and as the model will see them. */
export interface TrainingData {
  readonly tokenizer: Tokenizer;
  readonly trainRecords: readonly TrainingRecord[];
  readonly evalRecords: readonly TrainingRecord[];
  readonly trainExamples: readonly TokenizedExample[];
  readonly evalExamples: readonly TokenizedExample[];
  /** Examples that lost a part of their prompt, and records that could not be used. */
  readonly truncated: number;
  readonly dropped: readonly DroppedRecord[];
}

/** A run that is planned and checked, but holds no weights yet. */
export interface PlannedRun extends TrainingData, Disposable {
  readonly config: TrainConfig;
  readonly files: ModelFiles;
  readonly batches: BatchPlan;
  readonly evalBatches: readonly RaggedBatch[];
  readonly plan: MemoryPlan;
}

/** A run that is ready to train; on the GPU until it is disposed. */
export interface TrainRun extends PlannedRun, TrainedPart {
  readonly model: Model;
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
  const tokenizing = {
    maxSeqLength: config.max_seq_length,
    completionOnly: config.completion_only_loss,
    style: config.prompt,
  };
  const train = tokenizeRecords(trainRecords, tokenizer, tokenizing);
  const evaluation = tokenizeRecords(evalRecords, tokenizer, tokenizing);
  checkLeft(train_path, trainRecords.length, train);
  if (val_path) checkLeft(val_path, evalRecords.length, evaluation);
  const maxRows = mostRows(device, files.config);
  const batches = planBatches(train.examples, config, maxRows);
  const evalBatches = evaluationBatches(
    evaluation.examples,
    config.per_device_train_batch_size,
    maxRows,
  );
  const plan = await planMemory(device, {
    files,
    config,
    batches,
    evalBatches,
    signal: options.signal,
  });
  const owned = cleanup.move();
  return {
    config,
    files,
    tokenizer,
    trainRecords,
    evalRecords,
    trainExamples: train.examples,
    evalExamples: evaluation.examples,
    truncated: train.truncated + evaluation.truncated,
    dropped: [...train.dropped, ...evaluation.dropped],
    batches,
    evalBatches,
    plan,
    [Symbol.dispose]: () => owned.dispose(),
  };
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

/** Loads the model and makes what is trained. `planned` is disposed with the run. */
export async function prepareTraining(
  device: Device,
  planned: PlannedRun,
  options: { onProgress?: (bytes: number, total: number) => void; signal?: AbortSignal } = {},
): Promise<TrainRun> {
  using cleanup = new DisposableStack();
  cleanup.use(planned);
  const { config, files } = planned;
  device.resetPeak();
  const model = cleanup.use(
    await buildModel(device, files, { ...loadOptions(config), ...options }),
  );
  const trained = cleanup.use(await makeTrainable(model, config));
  const owned = cleanup.move();
  return { ...planned, ...trained, model, [Symbol.dispose]: () => owned.dispose() };
}

/**
 * Rows of one pass that every kernel can take: software adapters end a loop silently after 65,535
 * rounds, and some kernels loop over all rows.
 */
const MAX_ROWS = 32_768;

/** Rows (tokens) of one pass whose widest activation still fits one binding. */
function mostRows(device: Device, config: ModelConfig): number {
  const widest = Math.max(
    config.hiddenSize,
    config.intermediateSize,
    config.heads * config.headSize,
  );
  return Math.min(MAX_ROWS, Math.floor(device.maxBindingBytes / (4 * widest) / 8) * 8);
}

function checkVocabulary(tokenizer: Tokenizer, config: ModelConfig, directory: string): void {
  if (tokenizer.vocabSize <= config.vocabularySize) return;
  throw new FormatError(
    `Cannot use ${directory}: its tokenizer has ${tokenizer.vocabSize} tokens, the model's ` +
      `vocabulary ${config.vocabularySize}; use the tokenizer that belongs to the model`,
    { file: directory },
  );
}
