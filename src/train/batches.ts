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
  /** The forward passes of optimizer step `step` (from 0). */
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

/** How large a pass may be on a device. */
export interface PassLimits {
  readonly maxRows: number;
  /** Keys of a pass in which sequences share rows: a copy of the shared ones for each. */
  readonly maxKeys?: number;
}

/**
 * Plans the batches over `examples`. With packing, a "sequence" of the batch size is a pack of
 * examples. With prefix sharing, batches are of examples that begin alike. Batches above the limits
 * become several passes, which changes no result, because losses are summed over the whole step.
 * Throws {@linkcode TrainingError} where one example alone has more rows.
 */
export function planBatches(
  examples: readonly TokenizedExample[],
  options: BatchOptions,
  { maxRows, maxKeys = Infinity }: PassLimits,
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
  const batchesOf = (step: number) => {
    const { epoch, batches } = batchesOfStep(steps, step);
    const order = orderOf(epoch);
    return batches.flatMap((batch) => {
      const { start, end } = examplesOfBatch(steps, batch);
      const chosen = [...order.subarray(start, end)].flatMap((unit) => units[unit]);
      return splitPass(chosen, { maxRows, maxKeys }, layout)
        .map((part) => packBatch(part, layout));
    });
  };
  return { steps, batchesOf };
}

/**
 * Batches of at most `batchSize` examples for evaluation: in file order, or with prefix sharing of
 * those that begin alike.
 */
export function evaluationBatches(
  examples: readonly TokenizedExample[],
  { batchSize, sharePrefixes = false }: { readonly batchSize: number } & BatchLayout,
  { maxRows, maxKeys = Infinity }: PassLimits,
): RaggedBatch[] {
  checkLengths(examples, maxRows);
  let order = epochOrder(examples.length, { shuffle: false, seed: 0, epoch: 0 });
  if (sharePrefixes) {
    order = arrangeByCluster(order, prefixClusters(examples), { size: batchSize, rng: null });
  }
  const batches: RaggedBatch[] = [];
  for (let start = 0; start < examples.length; start += batchSize) {
    const chosen = [...order.subarray(start, start + batchSize)].map((index) => examples[index]);
    const parts = splitPass(chosen, { maxRows, maxKeys }, { sharePrefixes });
    batches.push(...parts.map((part) => packBatch(part, { sharePrefixes })));
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

/** Cuts a batch between examples, so that each part stays within the limits. */
function splitPass(
  examples: readonly TokenizedExample[],
  limits: Required<PassLimits>,
  layout: BatchLayout,
): TokenizedExample[][] {
  if (fits(examples, limits, layout)) return [[...examples]];
  const parts: TokenizedExample[][] = [];
  for (const example of examples) {
    const part = parts.at(-1);
    if (part && fits([...part, example], limits, layout)) part.push(example);
    else parts.push([example]);
  }
  return parts;
}

function fits(
  examples: readonly TokenizedExample[],
  { maxRows, maxKeys }: Required<PassLimits>,
  layout: BatchLayout,
): boolean {
  const rows = batchRows(examples, layout), keys = batchRows(examples);
  return rows <= maxRows && (rows === keys || keys <= maxKeys);
}
