/**
 * What the variants of kernels are measured by: for each choice the product that training or decoding
 * spends its time on, and a small one of odd sizes.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import { product } from "../ops/gemm.ts";
import {
  type ProductChoice,
  productChoices,
  readsTexels,
  transposedChoice,
} from "../ops/gemm_variants.ts";
import { multiplyByWeight, multiplyTransposed } from "../ops/matmul.ts";
import { matvecChoices } from "../ops/matvec.ts";
import { packRows } from "../ops/pack_rows.ts";
import { packDense } from "../ops/panels.ts";
import type { Choice } from "../ops/variants.ts";
import { checkElements, type Element, noise } from "./bench_measure.ts";
import { bf16Weight, nf4Weight } from "./bench_weights.ts";

/** A product to be run with one variant after the other. */
export interface Trial {
  /** "512×4096×4096". */
  readonly shape: string;
  run(): void;
  /** Compares the latest product with sums in f64. Throws KernelError where it is off. */
  check(): Promise<void>;
}

/** The trials of a choice. */
export interface Trials {
  readonly choice: Choice;
  /** The product to be timed, for square weights of `width`; what it takes lives in `scope`. */
  large(scope: Scope, width: number): Trial | Promise<Trial>;
  /** One that ends within tiles. */
  odd(scope: Scope): Trial | Promise<Trial>;
}

interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Rows of LoRA matrices, whose gradients are the products of transposed matrices. */
const RANK = 16;
const TRAINED_ROWS = 512;

/** The trials of every choice, with values of `seed`. */
export function allTrials(seed: number): Trials[] {
  return [
    ...productChoices.map((choice) => productTrials(choice, seed)),
    {
      choice: transposedChoice,
      large: (scope, width) =>
        transposedTrial(scope, { rows: RANK, columns: width, depth: TRAINED_ROWS }, seed),
      odd: (scope) => transposedTrial(scope, { rows: 13, columns: 131, depth: 37 }, seed),
    },
    ...([["nf4", nf4Weight], ["dense", bf16Weight]] as const).map(([kind, make]): Trials => ({
      choice: matvecChoices[kind],
      large: (scope, width) => rowTrial(scope, make, width, seed),
      odd: (scope) => rowTrial(scope, make, 192, seed),
    })),
  ];
}

function productTrials(choice: ProductChoice, seed: number): Trials {
  const { rows } = choice;
  return {
    choice,
    large: (scope, width) => productTrial(scope, { rows, columns: width, depth: width }, seed),
    odd: (scope) => productTrial(scope, { rows: rows - 1, columns: 131, depth: 70 }, seed),
  };
}

/** `c = x · Wᵀ` of operands that are packed before. */
function productTrial(scope: Scope, sizes: Sizes, seed: number): Trial {
  const { device } = scope;
  const { rows, columns, depth } = sizes;
  const x = noise(rows * depth, seed), w = noise(columns * depth, seed + 1);
  const c = scope.empty([rows, columns], { label: "c" });
  const view = { tensor: c, stride: columns };
  const left = { tensor: scope.upload(x, [rows, depth]), stride: depth };
  const right = { tensor: scope.upload(w, [columns, depth]), stride: depth };
  const range = { rows, transposed: false, depth, columnBegin: 0, columnCount: columns };
  const pack = () => ({
    a: packRows(scope, left, { rows, depth }),
    panels: packDense(scope, right, range),
  });
  // Variants differ in where they read operands from.
  const packed = new Map<boolean, ReturnType<typeof pack>>();
  const operands = () => {
    const inTexels = readsTexels(device, rows);
    const known = packed.get(inTexels) ?? pack();
    packed.set(inTexels, known);
    return known;
  };
  return trial(scope, sizes, {
    c,
    run: () => product(device, { ...operands(), columns, c: view }),
    expected: (row, column) => dot(x, row * depth, 1, w, column * depth, 1, depth),
  });
}

/** `c = aᵀ · b`. */
function transposedTrial(scope: Scope, sizes: Sizes, seed: number): Trial {
  const { rows, columns, depth } = sizes;
  const left = noise(depth * rows, seed), right = noise(depth * columns, seed + 1);
  const a = scope.upload(left, [depth, rows], { label: "a" });
  const b = scope.upload(right, [depth, columns], { label: "b" });
  const c = scope.empty([rows, columns], { label: "c" });
  return trial(scope, sizes, {
    c,
    run: () => multiplyTransposed(scope.device, { a, b, c }),
    expected: (row, column) => dot(left, row, rows, right, column, columns, depth),
  });
}

/** One row by a square weight. */
async function rowTrial(
  scope: Scope,
  make: typeof nf4Weight | typeof bf16Weight,
  width: number,
  seed: number,
): Promise<Trial> {
  const row = noise(width, seed);
  const { weight, values } = await make(scope, width, seed + 1);
  const w = await scope.device.readF32(values);
  scope.release(values);
  const x = scope.upload(row, [1, width], { label: "x" });
  const c = scope.empty([1, width], { label: "c" });
  return trial(scope, { rows: 1, columns: width, depth: width }, {
    c,
    run: () => multiplyByWeight(scope.device, { x, weight, c }),
    expected: (_, column) => dot(row, 0, 1, w, column * width, 1, width),
  });
}

function trial(
  { device }: Scope,
  sizes: Sizes,
  { c, run, expected }: { c: Tensor; run: () => void; expected: Element },
): Trial {
  const shape = `${sizes.rows}×${sizes.columns}×${sizes.depth}`;
  const check = async () => checkElements(shape, await device.readF32(c), sizes, expected);
  return { shape, run, check };
}

/** The sum over `count` elements of x from `xBegin` on, `xStep` apart, times those of y. */
function dot(
  x: Float32Array,
  xBegin: number,
  xStep: number,
  y: Float32Array,
  yBegin: number,
  yStep: number,
  count: number,
): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += x[xBegin + k * xStep] * y[yBegin + k * yStep];
  return sum;
}
