/**
 * Measures decoding: products of one row with a weight, and whole tokens of a small model.
 * @module
 */
import { KernelError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { generate } from "../model/generate.ts";
import type { Model } from "../model/model.ts";
import { multiplyByWeight } from "../ops/matmul.ts";
import { weightBytes } from "../ops/weight.ts";
import { checkProduct, fastest, measureCopy, type Measurement, noise } from "./bench_measure.ts";
import { openModel, smallLayers } from "./bench_model.ts";
import type { BenchConfig } from "./bench_options.ts";
import { bf16Weight, copyWeight, f32Weight, nf4Weight } from "./bench_weights.ts";

/** Bytes of weights to go through before the first is read again: more than caches hold. */
const READ_BYTES = 128 * 2 ** 20;
const MOST_COPIES = 16;

const LAYERS = 2;
const PROMPT_TOKENS = 16;
const NEW_TOKENS = 32;

/**
 * What must be read (weights as they are stored) per second, as a share of what a copy moves: one row
 * by a weight in each format, then tokens of a small NF4 model, one after the other.
 */
export async function* measureDecode(
  device: Device,
  { width, model_width, repeats, seed }: BenchConfig,
): AsyncGenerator<Measurement> {
  for (const make of [nf4Weight, bf16Weight, f32Weight]) {
    using scope = device.scope("bench decode");
    const { format, weight, values } = await make(scope, width, seed);
    const name = `matrix-vector ${width}×${width} ${format}`;
    const x = scope.upload(noise(width, seed + 1), [1, width], { label: "x" });
    const c = scope.empty([1, width], { label: "c" });
    multiplyByWeight(device, { x, weight, c });
    await checkProduct(name, device, { x, values, c, transposed: false });
    const bytes = weightBytes(weight);
    const copies = Math.min(MOST_COPIES, Math.ceil(READ_BYTES / bytes));
    const weights = [weight];
    while (weights.length < copies) weights.push(copyWeight(scope, weight));
    const copy = await measureCopy(device, repeats);
    const all = await fastest(device, repeats, () => {
      for (const weight of weights) multiplyByWeight(device, { x, weight, c });
    });
    const seconds = all / copies;
    const rate = bytes / seconds / 1e9;
    yield { name, seconds, rate, unit: "GB/s", share: rate / copy.rate, of: "copy" };
  }
  yield await measureTokens(device, { width: model_width, repeats, seed });
}

async function measureTokens(
  device: Device,
  { width, repeats, seed }: { width: number; repeats: number; seed: number },
): Promise<Measurement> {
  using model = await openModel(device, smallLayers(width, LAYERS), seed);
  await checkDecoding(model);
  const copy = await measureCopy(device, repeats);
  let seconds = Infinity;
  for (let i = 0; i < repeats; i++) {
    seconds = Math.min(seconds, await secondsPerToken(model));
  }
  let bytes = 0;
  for (const { weight } of model.linears.values()) bytes += weightBytes(weight);
  return {
    name: `decode, ${LAYERS} layers of width ${width}, NF4`,
    seconds,
    rate: 1 / seconds,
    unit: "tokens/s",
    share: bytes / seconds / 1e9 / copy.rate,
    of: "copy (weights only)",
  };
}

const prompt = Array.from({ length: PROMPT_TOKENS }, (_, i) => i);

/** Compares the last of a few decoded tokens with what the model says of all those before it at once. */
async function checkDecoding(model: Model): Promise<void> {
  const next = async (ids: readonly number[], maxNewTokens: number) =>
    (await generate(model, [ids], { maxNewTokens, eosIds: [] }))[0].ids;
  const decoded = await next(prompt, 4);
  const [expected] = await next([...prompt, ...decoded.slice(0, -1)], 1);
  if (decoded.at(-1) === expected) return;
  throw new KernelError(
    `Decoding is wrong: token ${decoded.length} is ${decoded.at(-1)}, not ${expected}`,
    { kernel: "matvec_nf4" },
  );
}

/** From the first new token to the last; the prompt does not count. */
async function secondsPerToken(model: Model): Promise<number> {
  const times: number[] = [];
  await generate(model, [prompt], {
    maxNewTokens: 1 + NEW_TOKENS,
    eosIds: [],
    onToken: () => void times.push(performance.now()),
  });
  return (times.at(-1)! - times[0]) / 1000 / NEW_TOKENS;
}
