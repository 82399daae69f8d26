/**
 * Measures the adapter and then the kernels as a share of it.
 * @module
 */
import type { Device } from "../device/device.ts";
import { measureCopy, type Measurement, measurePeak } from "./bench_measure.ts";
import type { BenchConfig } from "./bench_options.ts";
import { measureProducts } from "./bench_products.ts";

/** Peak, copy bandwidth, and the products forward and backward with f32 and NF4 weights. */
export async function* measureKernels(
  device: Device,
  config: BenchConfig,
): AsyncGenerator<Measurement> {
  const { repeats } = config;
  yield await measurePeak(device, repeats);
  yield await measureCopy(device, repeats);
  for await (const { measurement } of measureProducts(device, config)) yield measurement;
}
