/**
 * Measures a training step on one layer of Mistral-7B's shape against the products it consists of.
 * @module
 */
import type { Device } from "../device/device.ts";
import { MISTRAL_7B } from "../model/synthetic.ts";
import { fastest, type Measurement } from "./bench_measure.ts";
import { mistralLayers, openTrainable, smallLayers } from "./bench_model.ts";
import type { BenchConfig } from "./bench_options.ts";
import { measureProducts } from "./bench_products.ts";
import { checkStep } from "./bench_step_check.ts";

/**
 * The products of as many rows as the step has tokens, then one QLoRA step on a layer of Mistral-7B's
 * shape with a vocabulary of 1,024, with checkpointing and without, as a share of their rates.
 */
export async function* measureStep(
  device: Device,
  { step_tokens: tokens, width, repeats, seed }: BenchConfig,
): AsyncGenerator<Measurement> {
  const gemmSeconds = { f32: 0, bf16: 0, NF4: 0 };
  const sizes = { rows: tokens, width, repeats, seed };
  for await (const { format, measurement } of measureProducts(device, sizes)) {
    gemmSeconds[format] += measurement.seconds;
    yield measurement;
  }
  const gemmRate = (format: "f32" | "NF4") =>
    4 * tokens * width * width / gemmSeconds[format] / 1e9;

  const isReal = width === MISTRAL_7B.hiddenSize;
  const config = isReal ? mistralLayers(1) : smallLayers(width, 1);
  const name = `${isReal ? "7B layer" : `layer of width ${width}`}, ${tokens} tokens`;
  using layer = await openTrainable(device, config, seed);
  await checkStep(name, layer, tokens);
  const { useful, repeated } = workPerToken(layer.model.linears);
  const most = Math.floor(100 * useful / (useful + repeated));
  for (const checkpointing of [true, false]) {
    const step = async () => void await layer.step(tokens, { checkpointing });
    const seconds = await fastest(device, Math.min(2, repeats), step);
    const rate = useful * tokens / seconds / 1e9;
    yield {
      name: `${name}, ${checkpointing ? `checkpointing (at most ${most} %)` : "no checkpointing"}`,
      seconds,
      rate,
      unit: "GFLOP/s",
      share: rate / gemmRate("f32"),
      of: "the f32 GEMM rate",
      also: [{ share: rate / gemmRate("NF4"), of: "the NF4 GEMM rate" }],
    };
  }
}

/** Linear layers by path, as far as their work depends on them. */
type LinearSizes = ReadonlyMap<string, { weight: { rows: number; columns: number } }>;

/**
 * Operations for one token in the linear layers of a model of one layer: those that the step needs,
 * two per weight forward and two backward (dX), and those that checkpointing makes again. The
 * vocabulary projection, which only targets take, LoRA and attention are not counted.
 */
export function workPerToken(linears: LinearSizes): { useful: number; repeated: number } {
  let useful = 0, repeated = 0;
  for (const [path, { weight }] of linears) {
    const product = 2 * weight.rows * weight.columns;
    if (path === "lm_head") continue;
    // Nothing before the only layer is trained, so the input of q, k and v needs no gradient.
    useful += /\.[qkv]_proj$/.test(path) ? product : 2 * product;
    // The backward pass reads nothing of the block's own result.
    if (!path.endsWith(".down_proj")) repeated += product;
  }
  return { useful, repeated };
}
