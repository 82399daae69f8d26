/**
 * Measures the matrix products of training.
 * @module
 */
import type { Device } from "../device/device.ts";
import { multiplyByWeight, multiplyByWeightTransposed } from "../ops/matmul.ts";
import {
  checkProduct,
  fastest,
  type Measurement,
  measurePeak,
  noise,
  type Ratio,
} from "./bench_measure.ts";
import { type BenchWeight, f32Weight, nf4Weight } from "./bench_weights.ts";

const DIRECTIONS = [
  { direction: "forward", product: multiplyByWeight, transposed: false },
  { direction: "backward (dX)", product: multiplyByWeightTransposed, transposed: true },
] as const;

/** A measured product with the format of its weight. */
export interface ProductMeasurement {
  readonly format: BenchWeight["format"];
  readonly measurement: Measurement;
}

/**
 * The products of `rows` rows with square weights, forward and backward: f32 as a share of the peak,
 * NF4 of the f32 product measured before it too. Throws KernelError where one is wrong.
 */
export async function* measureProducts(
  device: Device,
  sizes: { rows: number; width: number; repeats: number; seed: number },
): AsyncGenerator<ProductMeasurement> {
  const { rows, width, repeats, seed } = sizes;
  using scope = device.scope("bench");
  const x = scope.upload(noise(rows * width, seed), [rows, width], { label: "x" });
  const c = scope.empty([rows, width], { label: "c" });
  const weights = [f32Weight(scope, width, seed + 1), await nf4Weight(scope, width, seed + 1)];
  for (const { direction, product, transposed } of DIRECTIONS) {
    let dense: Measurement | null = null;
    for (const { format, weight, values } of weights) {
      const name = `GEMM ${rows}×${width}×${width} ${format} ${direction}`;
      product(device, { x, weight, c });
      await checkProduct(name, device, { x, values, c, transposed });
      // The peak drifts with the machine's load, so each figure is held against one beside it.
      const peak = await measurePeak(device, repeats);
      const seconds = await fastest(device, repeats, () => product(device, { x, weight, c }));
      const rate = 2 * rows * width * width / seconds / 1e9;
      const also: Ratio[] = dense ? [{ share: rate / dense.rate, of: "the f32 product" }] : [];
      const shares = { share: rate / peak.rate, of: "peak", also };
      const measurement: Measurement = { name, seconds, rate, unit: "GFLOP/s", ...shares };
      dense ??= measurement;
      yield { format, measurement };
    }
  }
}
