/**
 * Measures the matrix products of training.
 * @module
 */
import type { Device } from "../device/device.ts";
import { multiplyByWeight, multiplyByWeightTransposed } from "../ops/matmul.ts";
import type { BenchConfig } from "./bench_options.ts";
import {
  checkProduct,
  fastest,
  measureCopy,
  type Measurement,
  measurePeak,
  noise,
} from "./bench_measure.ts";
import { f32Weight, nf4Weight } from "./bench_weights.ts";

const DIRECTIONS = [
  { direction: "forward", product: multiplyByWeight, transposed: false },
  { direction: "backward (dX)", product: multiplyByWeightTransposed, transposed: true },
] as const;

/** Peak, copy bandwidth, and the products forward and backward with f32 and NF4 weights. */
export async function* measureKernels(
  device: Device,
  { rows, width, repeats, seed }: BenchConfig,
): AsyncGenerator<Measurement> {
  yield await measurePeak(device, repeats);
  yield await measureCopy(device, repeats);
  using scope = device.scope("bench");
  const x = scope.upload(noise(rows * width, seed), [rows, width], { label: "x" });
  const c = scope.empty([rows, width], { label: "c" });
  for (const make of [f32Weight, nf4Weight]) {
    using weights = device.scope("bench weight");
    const { format, weight, values } = await make(weights, width, seed + 1);
    for (const { direction, product, transposed } of DIRECTIONS) {
      const name = `GEMM ${rows}×${width}×${width} ${format} ${direction}`;
      product(device, { x, weight, c });
      await checkProduct(name, device, { x, values, c, transposed });
      // The peak drifts with the machine's load, so each figure is held against one beside it.
      const peak = await measurePeak(device, repeats);
      const seconds = await fastest(device, repeats, () => product(device, { x, weight, c }));
      const rate = 2 * rows * width * width / seconds / 1e9;
      yield { name, seconds, rate, unit: "GFLOP/s", share: rate / peak.rate, of: "peak" };
    }
  }
}
