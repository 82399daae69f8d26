/**
 * How a run is cut into optimizer steps, and the learning rate of each. Both follow transformers'
 * Trainer, so that a step here is the same step there, and both are functions of the step number
 * alone, so that a resumed run needs nothing else.
 * @module
 */
import { TrainingError } from "../errors.ts";

/** The shape of the learning rate after the warm-up. */
export type ScheduleType = "linear" | "cosine" | "constant" | "constant_with_warmup";

/** What a learning rate depends on, beside the step. */
export interface Schedule {
  /** The peak. */
  readonly learningRate: number;
  readonly type: ScheduleType;
  /** Steps over which the rate rises from 0 to the peak. */
  readonly warmupSteps: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
}

/**
 * The learning rate used in optimizer step `step`, counted from 0. With w warm-up steps of n, step s
 * uses lr · s/w while s < w; then linear is lr · (n − s)/(n − w), cosine is
 * lr · (1 + cos π(s − w)/(n − w))/2, and constant is lr. Both constant names warm up.
 *
 * Source: `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup` and
 * `get_constant_schedule_with_warmup` of transformers 5.
 */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { learningRate, type, warmupSteps, totalSteps } = schedule;
  if (step < warmupSteps) return learningRate * (step / warmupSteps);
  const decaySteps = Math.max(1, totalSteps - warmupSteps);
  switch (type) {
    case "linear":
      return learningRate * Math.max(0, (totalSteps - step) / decaySteps);
    case "cosine": {
      const progress = (step - warmupSteps) / decaySteps;
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
    case "constant":
    case "constant_with_warmup":
      return learningRate;
  }
}

/** What a plan is made from. */
export interface PlanInputs {
  /** Sequences in one epoch: records, or packed rows. */
  readonly examples: number;
  /** Sequences per forward pass. */
  readonly batchSize: number;
  /** Forward passes per optimizer step. */
  readonly accumulation: number;
  /** Passes over the examples; a fraction ends within an epoch. */
  readonly epochs: number;
  /** Overrides `epochs` where it is above 0. */
  readonly maxSteps: number;
}

/** The run in numbers. */
export interface StepPlan {
  readonly examples: number;
  readonly batchSize: number;
  readonly accumulation: number;
  /** Forward passes in one epoch; the last may have fewer examples. */
  readonly batchesPerEpoch: number;
  /** Optimizer steps in one epoch; the last may have fewer forward passes. */
  readonly stepsPerEpoch: number;
  /** Optimizer steps of the run. */
  readonly totalSteps: number;
}

/**
 * Cuts a run into optimizer steps: an epoch has ceil(examples / batch size) batches and
 * ceil(batches / accumulation) steps, none of which reaches into the next epoch. The run has
 * ceil(epochs · steps per epoch) steps, or `maxSteps` where that is above 0.
 *
 * Source: `Trainer.set_initial_training_values` of transformers 5.
 *
 * @throws {TrainingError} if there are no examples
 */
export function planSteps(inputs: PlanInputs): StepPlan {
  const { examples, batchSize, accumulation, epochs, maxSteps } = inputs;
  if (examples < 1) {
    throw new TrainingError(
      "Cannot plan the training: there are no examples; check train_path and max_train_samples",
    );
  }
  const batchesPerEpoch = Math.ceil(examples / batchSize);
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / accumulation);
  const totalSteps = maxSteps > 0 ? maxSteps : Math.ceil(epochs * stepsPerEpoch);
  return { examples, batchSize, accumulation, batchesPerEpoch, stepsPerEpoch, totalSteps };
}

/** The epoch (from 0) of optimizer step `step` (from 0) and its batches in that epoch's order. */
export function batchesOfStep(
  plan: StepPlan,
  step: number,
): { epoch: number; batches: number[] } {
  const epoch = Math.floor(step / plan.stepsPerEpoch);
  const first = (step % plan.stepsPerEpoch) * plan.accumulation;
  const end = Math.min(first + plan.accumulation, plan.batchesPerEpoch);
  return { epoch, batches: Array.from({ length: end - first }, (_, i) => first + i) };
}

/** The positions [start, end) of a batch's examples in its epoch's order. */
export function examplesOfBatch(plan: StepPlan, batch: number): { start: number; end: number } {
  const start = batch * plan.batchSize;
  return { start, end: Math.min(start + plan.batchSize, plan.examples) };
}
