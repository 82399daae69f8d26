/**
 * What measurements have in common, and the two that others are held against: the adapter's peak and
 * its copy bandwidth.
 * @module
 */
import probeSource from "../../kernels/probe.wgsl" with { type: "text" };
import { random } from "../data/random.ts";
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import type { Tensor } from "../device/tensor.ts";
import { KernelError } from "../errors.ts";
import type { BenchConfig } from "./bench_options.ts";
import { fastestRun } from "./bench_timing.ts";

const probe = new Kernel("probe", probeSource);

/** What a rate is of another one. */
export interface Ratio {
  /** Rate over that of what `of` names. */
  readonly share: number;
  readonly of: string;
}

/** One measured figure. */
export interface Measurement {
  readonly name: string;
  /** The fastest run. */
  readonly seconds: number;
  readonly rate: number;
  readonly unit: "GFLOP/s" | "GB/s" | "tokens/s";
  /** Rate over that of what `of` names. */
  readonly share?: number;
  /** A multiple of what `of` names: of a peer's rate, or of the cost of a token. */
  readonly ratio?: number;
  readonly of?: string;
  /** Further rates that it is held against. */
  readonly also?: readonly Ratio[];
}

/** What could not be measured. */
export interface Unmeasured {
  readonly name: string;
  readonly reason: string;
}

/** A row of the table. */
export type BenchRow = Measurement | Unmeasured;

/** One kind of measurement. */
export type Measure = (
  device: Device,
  config: BenchConfig,
  signal: AbortSignal,
) => AsyncGenerator<BenchRow>;

/** As {@linkcode fastestRun} on a device: the fastest time in seconds, GPU work included. */
export function fastest(
  device: Device,
  repeats: number,
  work: () => void | Promise<void>,
  least?: number,
): Promise<number> {
  return fastestRun(repeats, work, () => device.sync(), least);
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

/** The bandwidth of a copy, bytes read and bytes written counted, in GB/s. */
export async function measureCopy(device: Device, repeats: number): Promise<Measurement> {
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

/** Seeded values in [-1, 1). */
export function noise(count: number, seed: number): Float32Array<ArrayBuffer> {
  const { float } = random(seed, "bench");
  return Float32Array.from({ length: count }, () => 2 * float() - 1);
}

/** An element by its row and column: what it is, or in f64 what it should be. */
export type Element = (row: number, column: number) => number;

/**
 * Compares some elements of a matrix with what they should be.
 * Throws {@linkcode KernelError} where one is off by more than `tolerance`.
 */
export function checkSamples(
  name: string,
  { rows, columns, tolerance }: { rows: number; columns: number; tolerance: number },
  { actual, expected }: { actual: Element; expected: Element },
): void {
  const stream = random(1, "bench check");
  for (let check = 0; check < 64; check++) {
    const row = stream.below(rows), column = stream.below(columns);
    const is = actual(row, column), should = expected(row, column);
    if (Math.abs(is - should) <= tolerance) continue; // never for NaN
    throw new KernelError(`${name} is wrong: [${row}, ${column}] is ${is}, not ${should}`, {
      kernel: name,
    });
  }
}

/**
 * Compares some elements of a product [rows, columns] over `depth` values in [-1, 1) with sums in f64.
 * Throws {@linkcode KernelError} where one is off.
 */
export function checkElements(
  name: string,
  product: Float32Array,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
  expected: Element,
): void {
  const actual: Element = (row, column) => product[row * columns + column];
  checkSamples(name, { rows, columns, tolerance: 1e-5 * (1 + depth) }, { actual, expected });
}

/**
 * Checks `c = x · W` (`transposed`) or `c = x · Wᵀ`; `values` is W, f32 [rows, columns].
 * Throws {@linkcode KernelError} where an element is off.
 */
export async function checkProduct(
  name: string,
  device: Device,
  operands: { x: Tensor; values: Tensor; c: Tensor; transposed: boolean },
): Promise<void> {
  const [x, w, c] = await Promise.all(
    [operands.x, operands.values, operands.c].map((tensor) => device.readF32(tensor)),
  );
  const [rows, depth] = operands.x.shape, [, columns] = operands.c.shape;
  const [alongDepth, alongColumns] = operands.transposed ? [columns, 1] : [1, depth];
  checkElements(name, c, { rows, columns, depth }, (row, column) => {
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      sum += x[row * depth + k] * w[k * alongDepth + column * alongColumns];
    }
    return sum;
  });
}
