/**
 * Measures a training step on one layer of Mistral-7B's shape.
 * @module
 */
import type { Device } from "../device/device.ts";
import { buildModel } from "../model/load.ts";
import { packBatch } from "../text/batch.ts";
import { resolveTrainConfig } from "../train/config.ts";
import { trainStep } from "../train/step.ts";
import { MISTRAL_7B, syntheticCheckpoint } from "../model/synthetic.ts";
import { loadOptions, makeTrainable } from "../train/trainable.ts";
import type { BenchConfig } from "./bench_options.ts";
import { fastest, type Measurement, measurePeak } from "./bench_kernels.ts";

/** Share of the tokens that are targets, as in text-to-SQL: long prompts, short answers. */
const TARGET_SHARE = 1 / 8;

/**
 * One QLoRA step (r 16 on all linear layers) on a layer of Mistral-7B's shape with a vocabulary of
 * 1,024, with checkpointing and without. Useful work is two operations per weight and token forward
 * and two backward (dX); what checkpointing computes again, LoRA and attention are not counted.
 */
export async function* measureStep(
  device: Device,
  bench: BenchConfig,
): AsyncGenerator<Measurement> {
  const config = { ...MISTRAL_7B, layers: 1, vocabularySize: 1024 };
  const train = resolveTrainConfig([{
    source: "options",
    values: { base_model: "synthetic", train_path: "synthetic", seed: bench.seed },
  }]);
  const checkpoint = syntheticCheckpoint(config, bench.seed);
  const files = { directory: "synthetic", config, checkpoint };
  using model = await buildModel(device, files, loadOptions(train));
  using trained = await makeTrainable(model, train);
  const tokens = bench.step_tokens;
  const ids = Uint32Array.from({ length: tokens }, (_, i) => i % config.vocabularySize);
  const targetStart = tokens - Math.max(1, Math.floor(tokens * TARGET_SHARE));
  const batches = [packBatch([{ id: "bench", ids, targetStart, truncated: false }])];
  let step = 0;
  const run = (checkpointing: boolean) => async () => {
    await trainStep({
      model,
      ...trained,
      batches,
      step: step++,
      seed: bench.seed,
      learningRate: 1e-4,
      weightDecay: 0,
      maxGradNorm: 1,
      neftuneAlpha: 0,
      tape: { checkpointing },
    });
  };
  const peak = await measurePeak(device, bench.repeats);
  let weights = 0;
  for (const { weight } of model.linears.values()) weights += weight.rows * weight.columns;
  weights -= config.vocabularySize * config.hiddenSize; // the vocabulary projection is for targets only
  for (const checkpointing of [true, false]) {
    const seconds = await fastest(device, Math.min(2, bench.repeats), run(checkpointing));
    const rate = 4 * weights * tokens / seconds / 1e9;
    yield {
      name: `7B layer, ${tokens} tokens, ${checkpointing ? "checkpointing" : "no checkpointing"}`,
      seconds,
      rate,
      unit: "GFLOP/s",
      share: rate / peak.rate,
      of: "peak (useful work only)",
    };
  }
}
