/**
 * Which examples each optimizer step learns from: a function of the config and the step number alone.
 * @module
 */
import { TrainingError } from "../errors.ts";
import { random } from "../data/random.ts";
import {
  type BatchLayout,
  batchRows,
  epochOrder,
  packBatch,
  packExamples,
  type RaggedBatch,
} from "../text/batch.ts";
import type { TokenizedExample } from "../text/example.ts";
import { arrangeByCluster, prefixClusters } from "../data/prefix_sharing.ts";
import type { TrainConfig } from "./config.ts";
import { batchesOfStep, examplesOfBatch, planSteps, type StepPlan } from "./schedule.ts";

/** The batches of a run. */
export interface BatchPlan {
  readonly steps: StepPlan;
  /** How the examples of a pass are laid into its batch. */
  readonly layout: BatchLayout;
  /** The examples of each forward pass of optimizer step `step` (from 0). */
  passesOf(step: number): TokenizedExample[][];
  /** The same, ready for the model. */
  batchesOf(step: number): RaggedBatch[];
}

/** What a batch plan depends on. */
export type BatchOptions = Pick<
  TrainConfig,
  | "packing"
  | "prefix_sharing"
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
 * examples. With prefix sharing, batches are of examples that begin alike. `maxRows` is the most rows of one pass on this device: larger batches become several
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
  const layout = { sharePrefixes: options.prefix_sharing };
  const clusters = options.prefix_sharing ? prefixClusters(examples) : null;
  const steps = planSteps({
    examples: units.length,
    batchSize: options.per_device_train_batch_size,
    accumulation: options.gradient_accumulation_steps,
    epochs: options.num_train_epochs,
    maxSteps: options.max_steps,
  });
  let cached: { epoch: number; order: Uint32Array } | null = null;
  const orderOf = (epoch: number): Uint32Array => {
    if (cached?.epoch === epoch) return cached.order;
    let order = epochOrder(units.length, { ...options, epoch });
    if (clusters) {
      const rng = options.shuffle ? random(options.seed, "batch order", epoch) : null;
      order = arrangeByCluster(order, clusters, { size: steps.batchSize, rng });
    }
    cached = { epoch, order };
    return order;
  };
  const passesOf = (step: number) => {
    const { epoch, batches } = batchesOfStep(steps, step);
    const order = orderOf(epoch);
    return batches.flatMap((batch) => {
      const { start, end } = examplesOfBatch(steps, batch);
      const chosen = [...order.subarray(start, end)].flatMap((unit) => units[unit]);
      return splitByRows(chosen, maxRows, layout);
    });
  };
  const batchesOf = (step: number) => passesOf(step).map((pass) => packBatch(pass, layout));
  return { steps, layout, passesOf, batchesOf };
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
    batches.push(...splitByRows(chosen, maxRows).map((part) => packBatch(part)));
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
function splitByRows(
  examples: readonly TokenizedExample[],
  maxRows: number,
  layout: BatchLayout = {},
): TokenizedExample[][] {
  if (batchRows(examples, layout) <= maxRows) return [[...examples]];
  const parts: TokenizedExample[][] = [];
  for (const example of examples) {
    const part = parts.at(-1);
    if (part && batchRows([...part, example], layout) <= maxRows) part.push(example);
    else parts.push([example]);
  }
  return parts;
}
