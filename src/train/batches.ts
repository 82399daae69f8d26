/**
 * Which examples each optimizer step learns from: a function of the config and the step number alone.
 * @module
 */
import { TrainingError } from "../errors.ts";
import { epochOrder, packBatch, packExamples, type RaggedBatch } from "../text/batch.ts";
import type { TokenizedExample } from "../text/example.ts";
import type { TrainConfig } from "./config.ts";
import { batchesOfStep, examplesOfBatch, planSteps, type StepPlan } from "./schedule.ts";

/** The batches of a run. */
export interface BatchPlan {
  readonly steps: StepPlan;
  /** The examples of each forward pass of optimizer step `step` (from 0). */
  passesOf(step: number): TokenizedExample[][];
  /** The same, ready for the model. */
  batchesOf(step: number): RaggedBatch[];
}

/** What a batch plan depends on. */
export type BatchOptions = Pick<
  TrainConfig,
  | "packing"
  | "shuffle"
  | "seed"
  | "max_seq_length"
  | "max_steps"
  | "num_train_epochs"
  | "per_device_train_batch_size"
  | "gradient_accumulation_steps"
>;

/**
 * Plans the batches over `examples`. With packing, a "sequence" of the batch size is a pack of
 * examples. `maxRows` is the most rows of one pass on this device: larger batches become several
 * passes, which changes no result, because losses are summed over the whole step.
 * Throws {@linkcode TrainingError} where one example alone has more.
 */
export function planBatches(
  examples: readonly TokenizedExample[],
  options: BatchOptions,
  maxRows: number,
): BatchPlan {
  checkLengths(examples, maxRows);
  const units = unitsOf(examples, options);
  const steps = planSteps({
    examples: units.length,
    batchSize: options.per_device_train_batch_size,
    accumulation: options.gradient_accumulation_steps,
    epochs: options.num_train_epochs,
    maxSteps: options.max_steps,
  });
  let cached: { epoch: number; order: Uint32Array } | null = null;
  const orderOf = (epoch: number): Uint32Array => {
    if (cached?.epoch !== epoch) {
      cached = { epoch, order: epochOrder(units.length, { ...options, epoch }) };
    }
    return cached.order;
  };
  const passesOf = (step: number) => {
    const { epoch, batches } = batchesOfStep(steps, step);
    const order = orderOf(epoch);
    return batches.flatMap((batch) => {
      const { start, end } = examplesOfBatch(steps, batch);
      const chosen = [...order.subarray(start, end)].flatMap((unit) => units[unit]);
      return splitByRows(chosen, maxRows);
    });
  };
  return { steps, passesOf, batchesOf: (step) => passesOf(step).map(packBatch) };
}

/** Batches of at most `batchSize` examples in file order, for evaluation. */
export function evaluationBatches(
  examples: readonly TokenizedExample[],
  batchSize: number,
  maxRows: number,
): RaggedBatch[] {
  checkLengths(examples, maxRows);
  const batches: RaggedBatch[] = [];
  for (let start = 0; start < examples.length; start += batchSize) {
    const chosen = examples.slice(start, start + batchSize);
    batches.push(...splitByRows(chosen, maxRows).map(packBatch));
  }
  return batches;
}

function unitsOf(
  examples: readonly TokenizedExample[],
  options: BatchOptions,
): TokenizedExample[][] {
  if (options.packing) return packExamples(examples, options.max_seq_length);
  return examples.map((example) => [example]);
}

function checkLengths(examples: readonly TokenizedExample[], maxRows: number): void {
  const longest = examples.find(({ ids }) => ids.length > maxRows);
  if (!longest) return;
  throw new TrainingError(
    `Cannot train on ${longest.id}: it has ${longest.ids.length} tokens, this device takes ` +
      `${maxRows} of this model at once; set --max_seq_length ${maxRows}`,
  );
}

/** Cuts a batch between examples, so that no part has more than `maxRows` rows. */
function splitByRows(examples: readonly TokenizedExample[], maxRows: number): TokenizedExample[][] {
  const parts: TokenizedExample[][] = [];
  let rows = 0;
  for (const example of examples) {
    rows += example.ids.length;
    if (parts.length === 0 || rows > maxRows) {
      parts.push([]);
      rows = example.ids.length;
    }
    parts.at(-1)!.push(example);
  }
  return parts;
}
