/**
 * One optimizer step.
 * @module
 */
import { random } from "../data/random.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import type { Adapter } from "../model/adapter.ts";
import { sequenceInput } from "../model/input.ts";
import { targetLosses } from "../model/loss.ts";
import type { Model } from "../model/model.ts";
import type { ForwardInput } from "../model/network.ts";
import { adamwStep, clipGradients } from "../ops/adamw.ts";
import { Tape, type TapeOptions } from "../ops/tape.ts";
import { type RaggedBatch, sequenceLength } from "../text/batch.ts";
import type { Trainable } from "./checkpoint.ts";

/** What a step needs. */
export interface StepInputs {
  readonly model: Model;
  /** Null in full fine-tuning. */
  readonly adapter: Adapter | null;
  readonly trainable: Trainable;
  /** The passes whose gradients are summed. */
  readonly batches: readonly RaggedBatch[];
  /** From 0. */
  readonly step: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** 0 does not clip. */
  readonly maxGradNorm: number;
  /** NEFTune's alpha; 0 adds no noise. */
  readonly neftuneAlpha: number;
  /** What is kept for the backward pass. */
  readonly tape?: TapeOptions;
}

/** What came of a step. Weights are unchanged where `gradNorm` is not finite. */
export interface StepResult {
  /** Summed cross-entropy (nats) of all passes / their target tokens. */
  readonly loss: number;
  /** Of the whole gradient before clipping. */
  readonly gradNorm: number;
  readonly targets: number;
  /** Of all examples, those of shared prefixes for each of them. */
  readonly tokens: number;
}

/**
 * Sums the gradients of all passes and changes the parameters once. The loss is divided by the target
 * tokens of the whole step, so how it is cut into passes changes nothing.
 */
export async function trainStep(inputs: StepInputs): Promise<StepResult> {
  const { model, adapter, trainable, batches, step, seed } = inputs;
  const { device } = model.scope;
  using scope = device.scope("step");
  for (const { gradient } of trainable.parameters) device.clear(gradient);
  const targets = batches.reduce((sum, batch) => sum + batch.targetRows.length, 0);
  // The losses of all targets and then [norm, factor], to be read at once.
  const report = scope.empty([targets + 2], { label: "step report" });
  let targetOffset = 0;
  batches.forEach((batch, pass) => {
    adapter?.setDropout(random(seed, "dropout", step, pass).uint32());
    using passScope = device.scope("pass");
    const losses = runPass(inputs, passScope, { batch, pass, scale: 1 / targets });
    device.copy(losses, report, { targetOffset });
    targetOffset += losses.byteLength;
  });
  adapter?.setDropout(null);
  const clipping = clipGradients(scope, trainable.parameters, inputs.maxGradNorm);
  device.copy(clipping, report, { targetOffset });
  adamwStep(trainable.parameters, trainable.moments, clipping, {
    device,
    learningRate: inputs.learningRate,
    weightDecay: inputs.weightDecay,
    step: step + 1,
  });
  // sync: loss and norm are checked before the next step, so that a bad step is never saved
  const values = await device.readF32(report);
  let loss = 0;
  for (let i = 0; i < targets; i++) loss += values[i];
  let tokens = 0;
  for (const { sequences } of batches) {
    for (const sequence of sequences) tokens += sequenceLength(sequence);
  }
  return { loss: loss / targets, gradNorm: values[targets], targets, tokens };
}

function runPass(
  { model, trainable, neftuneAlpha, seed, step, tape: tapeOptions }: StepInputs,
  scope: Scope,
  { batch, pass, scale }: { batch: RaggedBatch; pass: number; scale: number },
): Tensor {
  const tape = new Tape(scope, trainable.parameters, tapeOptions);
  let input: ForwardInput = sequenceInput(scope, batch, model.config.slidingWindow);
  if (neftuneAlpha > 0) {
    const noiseSeed = random(seed, "neftune", step, pass).uint32();
    const scales = noiseScales(batch, neftuneAlpha, model.config.hiddenSize);
    input = { ...input, noise: { scales: scope.upload(scales), seed: noiseSeed } };
  }
  const hidden = model.network.forward(tape, input);
  const losses = targetLosses(tape, hidden, model.network.output, batch);
  tape.backward(losses, scale);
  return losses;
}

/** NEFTune's alpha / √(tokens · C) for each row, by the length of its sequence, the first that it is of. */
export function noiseScales(batch: RaggedBatch, alpha: number, width: number): Float32Array {
  const scales = new Float32Array(batch.tokens.length);
  for (const sequence of batch.sequences) {
    const scale = alpha / Math.sqrt(sequenceLength(sequence) * width);
    scales.fill(scale, sequence.start, sequence.end);
  }
  return scales;
}
