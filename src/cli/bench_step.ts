/**
 * Measures training steps on layers of Mistral-7B's shape against the products they consist of.
 * @module
 */
import type { Device } from "../device/device.ts";
import { FEED_FORWARD_ROWS } from "../model/mistral.ts";
import { MISTRAL_7B } from "../model/synthetic.ts";
import { fastest, type Measurement } from "./bench_measure.ts";
import { mistralLayers, openTrainable, smallLayers } from "./bench_model.ts";
import type { BenchConfig } from "./bench_options.ts";
import { measureProducts } from "./bench_products.ts";
import { checkStep } from "./bench_step_check.ts";

/**
 * The steps: with checkpointing the only layer runs once, and of two the first runs twice, as all but the
 * last do in a whole model; without checkpointing every layer runs once.
 */
const STEPS = [
  { layers: 1, settings: [{ checkpointing: true }] },
  { layers: 2, settings: [{ checkpointing: true }, { checkpointing: false }] },
];

/**
 * The products of as many rows as the step has tokens, then QLoRA steps on one and two layers of
 * Mistral-7B's shape with a vocabulary of 1,024, as a share of their rates.
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

  for (const { layers, settings } of STEPS) {
    const isReal = width === MISTRAL_7B.hiddenSize;
    const config = isReal ? mistralLayers(layers) : smallLayers(width, layers);
    const size = isReal ? "7B's size" : `width ${width}`;
    const name = `${layers} ${layers === 1 ? "layer" : "layers"} of ${size}, ${tokens} tokens`;
    using trainable = await openTrainable(device, config, seed);
    await checkStep(name, trainable, tokens);
    const { useful, repeated } = workPerToken(trainable.model.linears, tokens);
    const most = Math.floor(100 * useful / (useful + repeated));
    for (const { checkpointing } of settings) {
      const step = async () => void await trainable.step(tokens, { checkpointing });
      const seconds = await fastest(device, repeats, step);
      const rate = useful * tokens / seconds / 1e9;
      yield {
        name: `${name}, ${
          checkpointing ? `checkpointing (at most ${most} %)` : "no checkpointing"
        }`,
        seconds,
        rate,
        unit: "GFLOP/s",
        share: rate / gemmRate("f32"),
        of: "the f32 GEMM rate",
        also: [{ share: rate / gemmRate("NF4"), of: "the NF4 GEMM rate" }],
      };
    }
  }
}

/** Linear layers by path, as far as their work depends on them. */
type LinearSizes = ReadonlyMap<string, { weight: { rows: number; columns: number } }>;

/**
 * Operations for one token in the linear layers of a model that takes `tokens` at once: those that
 * the step needs, two per weight forward and two backward (dX), and those that checkpointing makes
 * again. The vocabulary projection, which only targets take, LoRA and attention are not counted.
 */
export function workPerToken(
  linears: LinearSizes,
  tokens: number,
): { useful: number; repeated: number } {
  const products = [...linears].flatMap(([path, { weight: { rows, columns } }]) => {
    const [, layer, kind] = /\.layers\.(\d+)\..*?([a-z]+)_proj$/.exec(path) ?? [];
    return layer === undefined ? [] : [{ layer: Number(layer), kind, work: 2 * rows * columns }];
  });
  const last = Math.max(...products.map(({ layer }) => layer));
  let useful = 0, repeated = 0;
  for (const { layer, kind, work } of products) {
    // Nothing before the first layer is trained, so the input of its q, k and v needs no gradient.
    useful += layer === 0 && /^[qkv]$/.test(kind) ? work : 2 * work;
    // The last layer keeps its values, but for its feed-forward part where that is made in parts; the
    // backward pass reads nothing of a layer's own result.
    const keeps = layer === last && (tokens <= FEED_FORWARD_ROWS || !/^(gate|up)$/.test(kind));
    if (!keeps && kind !== "down") repeated += work;
  }
  return { useful, repeated };
}
