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
import {
  type BatchLayout,
  batchRows,
  packBatch,
  type RaggedBatch,
  sequenceLength,
} from "../text/batch.ts";
import type { TokenizedExample } from "../text/example.ts";
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
  { steps, layout, passesOf }: BatchPlan,
  signal?: AbortSignal,
): Promise<RaggedBatch[]> {
  let largest: Sized<readonly TokenizedExample[]>[] = [];
  let turn = performance.now();
  for (let step = 0; step < steps.totalSteps; step++) {
    for (const pass of passesOf(step)) largest = withLarger(largest, sized(pass, layout));
    if (performance.now() - turn < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    turn = performance.now();
  }
  return largest.map(({ pass }) => packBatch(pass, layout));
}

function largestBatches(batches: readonly RaggedBatch[]): RaggedBatch[] {
  let largest: Sized<RaggedBatch>[] = [];
  for (const pass of batches) {
    const rows = pass.tokens.length, targets = pass.targetRows.length;
    const longest = Math.max(...pass.sequences.map(sequenceLength));
    largest = withLarger(largest, { pass, sizes: [rows, targets, longest, rows] });
  }
  return largest.map(({ pass }) => pass);
}

interface Sized<Pass> {
  readonly pass: Pass;
  /** Rows, targets, the longest sequence, and keys: the rows, those that are shared for each use. */
  readonly sizes: readonly [number, number, number, number];
}

function sized(
  pass: readonly TokenizedExample[],
  layout: BatchLayout,
): Sized<readonly TokenizedExample[]> {
  let targets = 0, longest = 0, keys = 0;
  for (const { ids, targetStart } of pass) {
    targets += ids.length - targetStart;
    longest = Math.max(longest, ids.length);
    keys += ids.length;
  }
  return { pass, sizes: [batchRows(pass, layout), targets, longest, keys] };
}

/**
 * Keeps the passes that no other one exceeds in all sizes: one of them takes the most memory, be it
 * for the blocks, which grow with the rows, for the logits, with the targets, for the scores of
 * attention, with the longest sequence, or for shared keys.
 */
function withLarger<Pass>(largest: Sized<Pass>[], next: Sized<Pass>): Sized<Pass>[] {
  const { sizes } = next;
  if (largest.some((other) => sizes.every((size, i) => size <= other.sizes[i]))) return largest;
  const others = largest.filter((other) => other.sizes.some((size, i) => size > sizes[i]));
  return [...others, next];
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
