/**
 * Measures a training step on one layer of Mistral-7B's shape.
 * @module
 */
import type { Device } from "../device/device.ts";
import { fastest, type Measurement, measurePeak } from "./bench_measure.ts";
import { mistralLayers, openTrainable } from "./bench_model.ts";
import type { BenchConfig } from "./bench_options.ts";

/**
 * One QLoRA step on a layer of Mistral-7B's shape with a vocabulary of 1,024, with checkpointing and
 * without. Useful work is two operations per weight and token forward and two backward (dX); what
 * checkpointing computes again, LoRA and attention are not counted.
 */
export async function* measureStep(
  device: Device,
  { step_tokens: tokens, repeats, seed }: BenchConfig,
): AsyncGenerator<Measurement> {
  const config = mistralLayers(1);
  using layer = await openTrainable(device, config, seed);
  const peak = await measurePeak(device, repeats);
  let weights = 0;
  for (const { weight } of layer.model.linears.values()) weights += weight.rows * weight.columns;
  weights -= config.vocabularySize * config.hiddenSize; // the vocabulary projection is for targets only
  for (const checkpointing of [true, false]) {
    const step = () => layer.step(tokens, { checkpointing });
    const seconds = await fastest(device, Math.min(2, repeats), step);
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
