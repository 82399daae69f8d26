/**
 * Trials of what surrounds the matrix products: operands packed and quantised, weights' gradients.
 * @module
 */
import type { Device } from "../device/device.ts";
import { isTexels } from "../device/kernel.ts";
import type { Scope } from "../device/tensor.ts";
import { decodeBf16, encodeBf16 } from "../formats/half.ts";
import { NF4_BLOCK_SIZE, NF4_CODES } from "../formats/nf4.ts";
import { multiplyTransposed } from "../ops/matmul.ts";
import { dequantizeNf4, type Nf4Quantizer, nf4Quantizer, nf4Tables } from "../ops/nf4.ts";
import { packRows } from "../ops/pack_rows.ts";
import { PANEL } from "../ops/gemm_variants.ts";
import { panelValues } from "../ops/panel_values.ts";
import { panelSources } from "../ops/panels.ts";
import { weightBytes } from "../ops/weight.ts";
import { checkElements, checkSamples, type Element, noise } from "./bench_measure.ts";
import { type KernelTrial, noiseTensor, streamShape, type TrialSizes } from "./bench_trials.ts";
import { type BenchWeight, bf16Weight, nf4Weight } from "./bench_weights.ts";

const LORA_RANK = 16;

/** The gradient of a LoRA matrix, aᵀ · b. */
export function transposedTrials(scope: Scope, { rows, width, seed }: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const a = noiseTensor(scope, [rows, width], seed);
  const b = noiseTensor(scope, [rows, LORA_RANK], seed + 1);
  const c = scope.empty([width, LORA_RANK], { label: "c" });
  const run = () => multiplyTransposed(device, { a: a.tensor, b: b.tensor, c });
  return [{
    name: `gemm_tn ${width}×${LORA_RANK}×${rows}`,
    work: { flops: 2 * rows * width * LORA_RANK },
    run,
    async check() {
      run();
      const sizes = { rows: width, columns: LORA_RANK, depth: rows };
      checkElements(this.name, await device.readF32(c), sizes, (i, j) => {
        let sum = 0;
        for (let k = 0; k < rows; k++) {
          sum += a.host[k * width + i] * b.host[k * LORA_RANK + j];
        }
        return sum;
      });
    },
  }];
}

/** Rows packed as the left operand of a product. */
export function packRowsTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const [rows, depth] = streamShape(sizes);
  const x = noiseTensor(scope, [rows, depth], sizes.seed);
  const pack = (inner: Scope) =>
    packRows(inner, { tensor: x.tensor, stride: depth }, { rows, depth });
  return [{
    name: `pack_rows ${rows}×${depth}`,
    work: { bytes: 2 * x.tensor.byteLength },
    run() {
      using inner = device.scope("bench");
      pack(inner);
    },
    async check() {
      using inner = device.scope("bench");
      const { values } = pack(inner);
      const packed = isTexels(values)
        ? await device.readTexels(values)
        : await device.readF32(values);
      checkSamples(this.name, { rows, columns: depth, tolerance: 0 }, {
        // [rows in eights, depth in fours, 8, 4]
        actual: (row, k) =>
          packed[((row >> 3) * Math.ceil(depth / 4) + (k >> 2)) * 32 + (row & 7) * 4 + (k & 3)],
        expected: (row, k) => x.host[row * depth + k],
      });
    },
  }];
}

/** Weights packed into panels, as much at once as a product of f32 does. */
export async function panelTrials(
  scope: Scope,
  { rows, width, seed }: TrialSizes,
): Promise<KernelTrial[]> {
  const weights = [bf16Weight(scope, width, seed), await nf4Weight(scope, width, seed)];
  return weights.map((weight) => panelTrial(scope, weight, rows));
}

function panelTrial(
  { device }: Scope,
  { format, weight, values }: BenchWeight,
  rows: number,
): KernelTrial {
  const [source] = panelSources(weight);
  const depth = weight.columns, columnCount = Math.min(weight.rows, 2048);
  const range = { rows, transposed: false, depth, columnBegin: 0, columnCount };
  const read = weightBytes(weight) * columnCount / weight.rows;
  const written = source.panelBytes(device, { rows, depth }) * columnCount / PANEL;
  return {
    name: `panels_${weight.kind} ${depth}×${columnCount} from ${format}`,
    work: { bytes: read + written },
    run() {
      using inner = device.scope("bench");
      source.pack(inner, range);
    },
    async check() {
      using inner = device.scope("bench");
      const actual = await panelValues(device, source.pack(inner, range), range);
      const w = await device.readF32(values);
      checkSamples(this.name, { rows: depth, columns: columnCount, tolerance: 1e-6 }, {
        actual,
        expected: (k, c) => w[c * depth + k],
      });
    },
  };
}

/** A bf16 weight quantised, without the wait for its largest magnitudes. */
export function quantizeTrials(scope: Scope, { width, seed }: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const halves = encodeBf16(noise(width * width, seed));
  const w = scope.upload(halves, [width, width], { dtype: "bf16" });
  const tables = nf4Tables(scope);
  const options = { name: "w", rows: width, columns: width, dtype: "bf16", tables } as const;
  const quantize = (inner: Scope): Nf4Quantizer => {
    const quantizer = nf4Quantizer(inner, { ...options, doubleQuant: false });
    quantizer.append(w, width * width);
    return quantizer;
  };
  const blocks = width * width / NF4_BLOCK_SIZE;
  return [{
    name: `nf4 quantise ${width}×${width} from bf16`,
    work: { bytes: w.byteLength + width * width / 2 + 4 * blocks },
    run() {
      using inner = device.scope("bench");
      quantize(inner);
    },
    check: () => checkQuantized(device, decodeBf16(halves), quantize),
  }];
}

/** Compares restored values with the code nearest to each, times the largest value of its block. */
async function checkQuantized(
  device: Device,
  values: Float32Array,
  quantize: (scope: Scope) => Nf4Quantizer,
): Promise<void> {
  using scope = device.scope("bench");
  const restored = await device.readF32(dequantizeNf4(scope, await quantize(scope).finish()));
  const rows = values.length / NF4_BLOCK_SIZE;
  const at = (block: number, i: number) => block * NF4_BLOCK_SIZE + i;
  const largest = (block: number) =>
    values.subarray(at(block, 0), at(block + 1, 0)).reduce(
      (most, x) => Math.max(most, Math.abs(x)),
      0,
    );
  const error: (of: (block: number, i: number) => number) => Element = (of) => (block, i) =>
    Math.abs(of(block, i) - values[at(block, i)]);
  checkSamples("nf4 quantise", { rows, columns: NF4_BLOCK_SIZE, tolerance: 1e-6 }, {
    actual: error((block, i) => restored[at(block, i)]),
    expected: error((block, i) => {
      const codes = NF4_CODES.map((code) => code * largest(block));
      return codes.reduce((best, value) =>
        Math.abs(value - values[at(block, i)]) < Math.abs(best - values[at(block, i)])
          ? value
          : best
      );
    }),
  });
}
