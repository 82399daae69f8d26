/**
 * Models with made-up weights, trained and asked by the measurements.
 * @module
 */
import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { buildModel } from "../model/load.ts";
import type { Model } from "../model/model.ts";
import { MISTRAL_7B, syntheticCheckpoint } from "../model/synthetic.ts";
import { packBatch } from "../text/batch.ts";
import { resolveTrainConfig } from "../train/config.ts";
import { type StepResult, trainStep } from "../train/step.ts";
import { loadOptions, makeTrainable } from "../train/trainable.ts";

/** Share of the tokens that are targets, as in text-to-SQL: long prompts, short answers. */
const TARGET_SHARE = 1 / 8;

/** A small vocabulary, so that it does not outweigh few layers. */
const VOCABULARY = 1024;

/** A few layers of Mistral-7B's own size. */
export function mistralLayers(layers: number): ModelConfig {
  return { ...MISTRAL_7B, layers, vocabularySize: VOCABULARY };
}

/** Layers in Mistral-7B's proportions; `width` is a multiple of 64. */
export function smallLayers(width: number, layers: number): ModelConfig {
  return {
    ...mistralLayers(layers),
    hiddenSize: width,
    intermediateSize: 3.5 * width,
    heads: 8,
    kvHeads: 2,
    headSize: width / 8,
  };
}

/** A model with NF4 weights, which the caller closes. */
export async function openModel(device: Device, config: ModelConfig, seed: number): Promise<Model> {
  const files = { directory: "synthetic", config, checkpoint: syntheticCheckpoint(config, seed) };
  return await buildModel(device, files, { quantization: "nf4", doubleQuant: true });
}

/** A model that can be trained. */
export interface TrainableModel extends Disposable {
  readonly model: Model;
  /**
   * A QLoRA step (r 16 on all linear layers) over one example of so many tokens. The default learning
   * rate of 0 leaves the adapter as it is, however often a step is timed.
   */
  step(
    tokens: number,
    options: { checkpointing: boolean; learningRate?: number },
  ): Promise<StepResult>;
}

/** Opens a model to be trained. */
export async function openTrainable(
  device: Device,
  config: ModelConfig,
  seed: number,
): Promise<TrainableModel> {
  const train = resolveTrainConfig([{
    source: "options",
    values: { base_model: "synthetic", train_path: "synthetic", seed },
  }]);
  using opening = new DisposableStack();
  const files = { directory: "synthetic", config, checkpoint: syntheticCheckpoint(config, seed) };
  const model = opening.use(await buildModel(device, files, loadOptions(train)));
  const trained = opening.use(await makeTrainable(model, train));
  let step = 0;
  const opened = opening.move();
  return {
    model,
    step(tokens, { checkpointing, learningRate = 0 }) {
      const ids = Uint32Array.from({ length: tokens }, (_, i) => i % VOCABULARY);
      const targetStart = tokens - Math.max(1, Math.floor(tokens * TARGET_SHARE));
      return trainStep({
        model,
        ...trained,
        batches: [packBatch([{ id: "bench", ids, targetStart, truncated: false }])],
        step: step++,
        seed,
        learningRate,
        weightDecay: 0,
        maxGradNorm: 1,
        neftuneAlpha: 0,
        tape: { checkpointing },
      });
    },
    [Symbol.dispose]: () => opened.dispose(),
  };
}
