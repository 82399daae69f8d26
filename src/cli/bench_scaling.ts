/**
 * Measures whether the cost of a token stays the same as steps and models grow.
 * @module
 */
import type { Device } from "../device/device.ts";
import { fastest, type Measurement } from "./bench_measure.ts";
import { openTrainable, smallLayers } from "./bench_model.ts";
import type { BenchConfig } from "./bench_options.ts";
import { workPerToken } from "./bench_step.ts";
import { checkStep } from "./bench_step_check.ts";

const TOKENS = [64, 128, 256, 512];
const LAYERS = [2, 4, 8];

/** Of the models that take more or fewer tokens. */
const FEW_LAYERS = LAYERS[0];
/** Of the steps of models with more or fewer layers. */
const FEW_TOKENS = TOKENS[1];

/**
 * Training steps of a small model: over more and more tokens, then with more and more layers. `ratio`
 * is the cost of a token over that in the first step of its series, for as many operations: of few
 * layers the last, which runs once, is a larger part. 1 is linear.
 */
export async function* measureScaling(
  device: Device,
  { model_width: width, repeats, seed }: BenchConfig,
): AsyncGenerator<Measurement> {
  const measure = async (layers: number, series: readonly number[]) => {
    using trainable = await openTrainable(device, smallLayers(width, layers), seed);
    const results = [];
    for (const tokens of series) {
      const name = `step of ${tokens} tokens, ${layers} layers of width ${width}`;
      await checkStep(name, trainable, tokens);
      const step = async () => void await trainable.step(tokens, { checkpointing: true });
      const seconds = await fastest(device, repeats, step);
      const { useful, repeated } = workPerToken(trainable.model.linears, tokens);
      const cost = seconds / tokens / (useful + repeated);
      results.push({ name, seconds, rate: tokens / seconds, unit: "tokens/s", cost } as const);
    }
    return results;
  };
  let first = 0;
  for (const { cost, ...result } of await measure(FEW_LAYERS, TOKENS)) {
    first ||= cost;
    yield { ...result, ratio: cost / first, of: `the cost of a token, of ${TOKENS[0]}` };
  }
  first = 0;
  for (const layers of LAYERS) {
    const [{ cost, ...result }] = await measure(layers, [FEW_TOKENS]);
    first ||= cost;
    yield { ...result, ratio: cost / first, of: `the cost of a layer's work, of ${LAYERS[0]}` };
  }
}
