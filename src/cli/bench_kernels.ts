/**
 * Measures the adapter's peak and the matrix products.
 * @module
 */
import probeSource from "../../kernels/probe.wgsl" with { type: "text" };
import { KernelError } from "../errors.ts";
import { random } from "../data/random.ts";
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import { multiplyByWeight, multiplyByWeightTransposed } from "../ops/matmul.ts";
import { dequantizeNf4, nf4Quantizer, nf4Tables } from "../ops/nf4.ts";
import type { DenseWeight, Weight } from "../ops/weight.ts";
import type { BenchConfig } from "./bench_options.ts";

const probe = new Kernel("probe", probeSource);

/** One measured figure. */
export interface Measurement {
  readonly name: string;
  /** The fastest run. */
  readonly seconds: number;
  readonly rate: number;
  readonly unit: "GFLOP/s" | "GB/s" | "tokens/s";
  /** Rate over that of the measurement named by `of`. */
  readonly share?: number;
  readonly of?: string;
}

/** Runs `work` several times and gives the fastest time in seconds, GPU work included. */
export async function fastest(
  device: Device,
  repeats: number,
  work: () => void | Promise<void>,
): Promise<number> {
  await work();
  await device.sync(); // compilation and first use do not count
  let best = Infinity;
  for (let i = 0; i < repeats; i++) {
    const begin = performance.now();
    await work();
    await device.sync();
    best = Math.min(best, (performance.now() - begin) / 1000);
  }
  return best;
}

/** The peak of fused multiply-adds in GFLOP/s. */
export async function measurePeak(device: Device, repeats: number): Promise<Measurement> {
  using scope = device.scope("peak");
  const count = 65536;
  const ROUNDS = device.info.software ? 64 : 2048;
  const sums = scope.empty([count]);
  const constants = { ROUNDS };
  const seconds = await fastest(device, repeats, () => {
    device.run(probe, "fma_peak", { sums, count, factor: 0.5 }, { threads: count, constants });
  });
  const rate = count * ROUNDS * 768 / seconds / 1e9;
  return { name: "FMA peak", seconds, rate, unit: "GFLOP/s" };
}

async function measureCopy(device: Device, repeats: number): Promise<Measurement> {
  using scope = device.scope("copy");
  const bytes = 64 * 2 ** 20;
  const x = scope.zeros([bytes / 4]), y = scope.empty([bytes / 4]);
  const count = bytes / 16;
  const seconds = await fastest(device, repeats, () => {
    device.run(probe, "copy", { x, y, count }, { threads: count });
  });
  const rate = 2 * bytes / seconds / 1e9;
  return { name: "copy (read and write counted)", seconds, rate, unit: "GB/s" };
}

/** Peak, copy bandwidth, and the products forward and backward with f32 and NF4 weights. */
export async function* measureKernels(
  device: Device,
  config: BenchConfig,
): AsyncGenerator<Measurement> {
  const { rows, width, repeats } = config;
  yield await measurePeak(device, repeats);
  yield await measureCopy(device, repeats);
  using scope = device.scope("bench");
  const weights = await makeWeights(scope, width, config.seed);
  const x = scope.upload(noise(rows * width, config.seed), [rows, width], { label: "x" });
  const c = scope.empty([rows, width], { label: "c" });
  for (const { format, weight, values } of weights) {
    for (const { direction, product, transposed } of DIRECTIONS) {
      const name = `GEMM ${rows}×${width}×${width} ${format} ${direction}`;
      product(device, { x, weight, c });
      await checkProduct(name, { x, values, c, transposed }, device);
      // The peak drifts with the machine's load, so each figure is held against one beside it.
      const peak = await measurePeak(device, repeats);
      const seconds = await fastest(device, repeats, () => product(device, { x, weight, c }));
      const rate = 2 * rows * width * width / seconds / 1e9;
      yield { name, seconds, rate, unit: "GFLOP/s", share: rate / peak.rate, of: "peak" };
    }
  }
}

const DIRECTIONS = [
  { direction: "forward", product: multiplyByWeight, transposed: false },
  { direction: "backward (dX)", product: multiplyByWeightTransposed, transposed: true },
] as const;

interface BenchWeight {
  readonly format: string;
  readonly weight: Weight;
  /** What the weight stands for: f32 [width, width]. */
  readonly values: Tensor;
}

async function makeWeights(scope: Scope, width: number, seed: number): Promise<BenchWeight[]> {
  const values = scope.upload(noise(width * width, seed + 1), [width, width], { label: "w" });
  const shape = { name: "w", rows: width, columns: width, dtype: "f32" } as const;
  const parts = [{ rowBegin: 0, rowCount: width, values }];
  const dense: DenseWeight = { kind: "dense", ...shape, parts };
  const tables = nf4Tables(scope);
  const quantizer = nf4Quantizer(scope, { ...shape, doubleQuant: true, tables });
  quantizer.append(values, width * width);
  const nf4 = await quantizer.finish();
  return [
    { format: "f32", weight: dense, values },
    { format: "NF4", weight: nf4, values: dequantizeNf4(scope, nf4) },
  ];
}

/** Compares some elements of the product with sums in f64. Throws KernelError where one is off. */
async function checkProduct(
  name: string,
  operands: { x: Tensor; values: Tensor; c: Tensor; transposed: boolean },
  device: Device,
): Promise<void> {
  const [x, w, c] = await Promise.all(
    [operands.x, operands.values, operands.c].map((tensor) => device.readF32(tensor)),
  );
  const [rows, width] = operands.x.shape;
  const stream = random(1, "bench check");
  for (let check = 0; check < 64; check++) {
    const row = stream.below(rows), column = stream.below(width);
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const at = operands.transposed ? k * width + column : column * width + k;
      sum += x[row * width + k] * w[at];
    }
    const actual = c[row * width + column];
    if (Math.abs(actual - sum) <= 1e-5 * (1 + width)) continue;
    throw new KernelError(`${name} is wrong: [${row}, ${column}] is ${actual}, not ${sum}`, {
      kernel: "gemm",
    });
  }
}

/** Values in [-1, 1). */
function noise(count: number, seed: number): Float32Array {
  const { float } = random(seed, "bench");
  return Float32Array.from({ length: count }, () => 2 * float() - 1);
}
