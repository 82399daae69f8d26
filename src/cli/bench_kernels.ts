/**
 * Measures the adapter and then the kernels as a share of it.
 * @module
 */
import type { Device } from "../device/device.ts";
import { attentionTrials, decodingTrials } from "./bench_attention.ts";
import { fastest, measureCopy, type Measurement, measurePeak } from "./bench_measure.ts";
import { argmaxTrials, dropoutTrials, elementTrials, restoreTrials } from "./bench_moves.ts";
import { optimizerTrials } from "./bench_optimizer.ts";
import type { BenchConfig } from "./bench_options.ts";
import { packRowsTrials, panelTrials, quantizeTrials, transposedTrials } from "./bench_packing.ts";
import { measureProducts } from "./bench_products.ts";
import {
  crossEntropyTrials,
  embeddingTrials,
  rmsnormTrials,
  ropeTrials,
  swigluTrials,
} from "./bench_streams.ts";
import type { KernelTrial, MakeTrials } from "./bench_trials.ts";

/** What is measured besides the products with weights. */
export const KERNEL_TRIALS: readonly MakeTrials[] = [
  attentionTrials,
  transposedTrials,
  decodingTrials,
  packRowsTrials,
  panelTrials,
  rmsnormTrials,
  ropeTrials,
  swigluTrials,
  crossEntropyTrials,
  embeddingTrials,
  elementTrials,
  dropoutTrials,
  restoreTrials,
  argmaxTrials,
  optimizerTrials,
  quantizeTrials,
];

/**
 * Peak, copy bandwidth, the products forward and backward with f32 and NF4 weights, and all other
 * kernels that training spends time in: those that compute as a share of the peak, those that move
 * data of the copy.
 */
export async function* measureKernels(
  device: Device,
  config: BenchConfig,
): AsyncGenerator<Measurement> {
  const { repeats } = config;
  yield await measurePeak(device, repeats);
  yield await measureCopy(device, repeats);
  for await (const { measurement } of measureProducts(device, config)) yield measurement;
  for (const makeTrials of KERNEL_TRIALS) {
    using scope = device.scope("bench kernels");
    for (const trial of await makeTrials(scope, config)) {
      yield await measureTrial(device, trial, repeats);
    }
  }
}

async function measureTrial(
  device: Device,
  trial: KernelTrial,
  repeats: number,
): Promise<Measurement> {
  await trial.check();
  const { name, work } = trial;
  // Both drift with the machine's load, so each figure is held against one beside it.
  const computes = "flops" in work;
  const limit = await (computes ? measurePeak : measureCopy)(device, repeats);
  const seconds = await fastest(device, repeats, () => trial.run());
  const rate = (computes ? work.flops : work.bytes) / seconds / 1e9;
  const of = computes ? "peak" : "copy";
  return { name, seconds, rate, unit: limit.unit, share: rate / limit.rate, of };
}
