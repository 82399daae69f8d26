/**
 * The memory plan: the run's largest passes, rehearsed on a device that only counts.
 * @module
 */
import { countingDevice } from "../device/counting.ts";
import type { Device } from "../device/device.ts";
import type { Checkpoint } from "../formats/checkpoint.ts";
import { itemBytes } from "../formats/safetensors.ts";
import { buildModel, type ModelFiles } from "../model/load.ts";
import type { Model } from "../model/model.ts";
import { FEED_FORWARD_ROWS } from "../model/mistral.ts";
import { type RaggedBatch, sequenceLength } from "../text/batch.ts";
import type { BatchPlan } from "./batches.ts";
import type { TrainConfig } from "./config.ts";
import { evaluateLoss } from "./evaluate_loss.ts";
import { loadOptions, makeTrainable, tapeOptions } from "./trainable.ts";
import { trainStep } from "./step.ts";

/** Bytes of GPU memory by use. */
export interface MemoryPlan {
  readonly weights: number;
  /** Trainable weights of an adapter. */
  readonly adapter: number;
  /** Gradients and AdamW's moments. */
  readonly optimizer: number;
  /** Block inputs kept for the backward pass. */
  readonly checkpoints: number;
  /** Everything else at the peak. */
  readonly workspace: number;
  /** The most at once. */
  readonly totalBytes: number;
  /** Rows (tokens) of the largest pass. */
  readonly rows: number;
}

/** What a plan is made for. */
export interface PlanInputs {
  readonly files: ModelFiles;
  readonly config: TrainConfig;
  readonly batches: BatchPlan;
  readonly evalBatches: readonly RaggedBatch[];
  readonly signal?: AbortSignal;
}

/** Plans the memory of a run on `device`, without touching its memory or reading any weights. */
export async function planMemory(device: Device, inputs: PlanInputs): Promise<MemoryPlan> {
  const { files, config, batches, evalBatches, signal } = inputs;
  using counting = countingDevice(device);
  const empty = { ...files, checkpoint: headersOnly(files.checkpoint) };
  using model = await buildModel(counting, empty, loadOptions(config));
  const weights = counting.liveBytes;
  using trained = await makeTrainable(model, config);
  const adapter = trained.adapter?.scope.byteLength ?? 0;
  const optimizer = counting.liveBytes - weights - adapter;
  const passes = await largestPasses(batches, signal);
  for (const pass of passes) {
    await trainStep({
      model,
      ...trained,
      batches: [pass],
      step: 0,
      seed: config.seed,
      learningRate: config.learning_rate,
      weightDecay: config.weight_decay,
      maxGradNorm: config.max_grad_norm,
      neftuneAlpha: config.neftune_noise_alpha,
      tape: tapeOptions(config, device),
    });
  }
  for (const batch of largestBatches(evalBatches)) await evaluateLoss(model, [batch]);
  const rows = Math.max(...passes.map((pass) => pass.tokens.length));
  const checkpoints = config.gradient_checkpointing ? checkpointBytes(model, config, rows) : 0;
  const totalBytes = counting.peakBytes;
  const workspace = totalBytes - weights - adapter - optimizer - checkpoints;
  return { weights, adapter, optimizer, checkpoints, workspace, totalBytes, rows };
}

/** Bytes of the block inputs that a pass keeps. */
function checkpointBytes(
  { config: { hiddenSize, layers }, scope: { device } }: Model,
  config: TrainConfig,
  rows: number,
) {
  const itemBytes = tapeOptions(config, device).keepAs === "f16" ? 2 : 4;
  // The inputs of the first and the last block stay as they are.
  const whole = Math.min(2, layers);
  return rows * hiddenSize * (4 * whole + itemBytes * (layers - whole));
}

/** Milliseconds of work after which others get their turn, a signal that aborts among them. */
const TURN_MS = 100;

/** The passes of a run that take the most memory. */
async function largestPasses(
  { steps, batchesOf }: BatchPlan,
  signal?: AbortSignal,
): Promise<RaggedBatch[]> {
  let largest: SizedPass[] = [];
  let turn = performance.now();
  for (let step = 0; step < steps.totalSteps; step++) {
    for (const pass of batchesOf(step)) largest = withLarger(largest, pass);
    if (performance.now() - turn < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    turn = performance.now();
  }
  return largest.map(({ pass }) => pass);
}

function largestBatches(batches: readonly RaggedBatch[]): RaggedBatch[] {
  return batches.reduce<SizedPass[]>(withLarger, []).map(({ pass }) => pass);
}

/** A pass and what its memory grows with. */
interface SizedPass {
  readonly pass: RaggedBatch;
  readonly sizes: readonly number[];
}

/**
 * The sizes of a pass: rows, for the blocks; rows of its feed-forward parts, which can be fewer in a
 * pass of more rows; targets, for the logits; scores of one head of a sequence, for attention; and keys
 * where sequences share some, for each has a copy.
 */
function sizesOf({ tokens: { length: rows }, targetRows, sequences }: RaggedBatch): number[] {
  let scores = 0, keys = 0;
  for (const sequence of sequences) {
    const length = sequenceLength(sequence);
    scores = Math.max(scores, length * (sequence.end - sequence.start));
    keys += length;
  }
  const partRows = Math.ceil(rows / Math.ceil(rows / FEED_FORWARD_ROWS));
  return [rows, partRows, targetRows.length, scores, keys > rows ? keys : 0];
}

/** Keeps the passes that no other one exceeds in all sizes: one of them takes the most memory. */
function withLarger(largest: SizedPass[], pass: RaggedBatch): SizedPass[] {
  const sizes = sizesOf(pass);
  if (largest.some((other) => sizes.every((size, i) => size <= other.sizes[i]))) return largest;
  const others = largest.filter((other) => other.sizes.some((size, i) => size > sizes[i]));
  return [...others, { pass, sizes }];
}

/** The checkpoint with zeros for content, but for the small JSON that tells formats. */
function headersOnly(checkpoint: Checkpoint): Checkpoint {
  let zeros = new Uint8Array(0);
  const bytesOf = (name: string) => {
    const { dtype, shape } = checkpoint.tensors.get(name)!;
    return shape.reduce((product, length) => product * length, 1) * itemBytes(dtype);
  };
  return {
    tensors: checkpoint.tensors,
    byteLength: checkpoint.byteLength,
    read: async (name) =>
      name.includes(".quant_state.") ? await checkpoint.read(name) : new Uint8Array(bytesOf(name)),
    readF32: (name) => {
      const { dtype } = checkpoint.tensors.get(name)!;
      return Promise.resolve(new Float32Array(bytesOf(name) / itemBytes(dtype)));
    },
    async *chunks(name, maxBytes) {
      const total = bytesOf(name);
      if (zeros.length < maxBytes) zeros = new Uint8Array(maxBytes);
      for (let begin = 0; begin < total; begin += maxBytes) {
        yield zeros.subarray(0, Math.min(maxBytes, total - begin));
      }
    },
    [Symbol.dispose]: () => {},
  };
}
