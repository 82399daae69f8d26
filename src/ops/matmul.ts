/**
 * Matrix products. Every weight, whatever its format, is unpacked chunk by chunk into column panels
 * of f32 that one product kernel reads; the formats differ in their unpacking alone.
 * @module
 */
import gemmSource from "../../kernels/gemm.wgsl" with { type: "text" };
import gemmTnSource from "../../kernels/gemm_tn.wgsl" with { type: "text" };
import packDenseSource from "../../kernels/pack_dense.wgsl" with { type: "text" };
import packNf4Source from "../../kernels/pack_nf4.wgsl" with { type: "text" };
import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { describe, expectShape, type Tensor } from "../device/tensor.ts";
import {
  type DensePart,
  type DenseWeight,
  DTYPE_CODES,
  type Nf4Weight,
  type Weight,
} from "./weight.ts";

const gemm = new Kernel("gemm", gemmSource);
const gemmTn = new Kernel("gemm_tn", gemmTnSource);
const packDense = new Kernel("pack_dense", packDenseSource);
const packNf4 = new Kernel("pack_nf4", packNf4Source);

const PANEL = 32;
const MAX_PANEL_BYTES = 64 * 2 ** 20;

/** What becomes of the product: `c = alpha · product`, or `c += …` with `accumulate` 1. */
export interface ProductOptions {
  readonly alpha?: number;
  readonly accumulate?: 0 | 1;
}

/**
 * `c[N, O] (+)= alpha · x[N, I] · Wᵀ` for `weight` [O, I]: a linear layer forward.
 * Throws {@linkcode ShapeError}.
 */
export function multiplyByWeight(
  device: Device,
  operands: { x: Tensor; weight: Weight; c: Tensor },
  options: ProductOptions = {},
): void {
  const { x, weight, c } = operands;
  expectShape(`product with ${weight.name}`, x, [null, weight.columns]);
  expectShape(`product with ${weight.name}`, c, [x.shape[0], weight.rows]);
  for (const source of sourcesOf(weight)) {
    product(device, { a: x, source, c, transposed: false, cOffset: source.rowBegin, ...options });
  }
}

/**
 * `c[N, I] (+)= alpha · x[N, O] · W` for `weight` [O, I]: a linear layer backward.
 * Throws {@linkcode ShapeError}.
 */
export function multiplyByWeightTransposed(
  device: Device,
  operands: { x: Tensor; weight: Weight; c: Tensor },
  options: ProductOptions = {},
): void {
  const { x, weight, c } = operands;
  expectShape(`product with ${weight.name}`, x, [null, weight.rows]);
  expectShape(`product with ${weight.name}`, c, [x.shape[0], weight.columns]);
  let { accumulate = 0 } = options;
  for (const source of sourcesOf(weight)) {
    const place = { aOffset: source.rowBegin, cOffset: 0 };
    product(device, { a: x, source, c, transposed: true, ...place, ...options, accumulate });
    accumulate = 1; // further rows of the weight add to the same sums
  }
}

/**
 * `c[M, N] (+)= alpha · a[K, M]ᵀ · b[K, N]`: the gradient of a weight. `a` may be wider than M: its
 * columns from `aColumn` on are taken. Throws {@linkcode ShapeError}.
 */
export function multiplyTransposed(
  device: Device,
  operands: { a: Tensor; aColumn?: number; b: Tensor; c: Tensor },
  options: ProductOptions = {},
): void {
  const { a, aColumn = 0, b, c } = operands;
  expectShape("transposed product", a, [null, null]);
  const [k, aWidth] = a.shape;
  expectShape("transposed product", b, [k, null]);
  const n = b.shape[1];
  expectShape("transposed product", c, [null, n]);
  const m = c.shape[0];
  if (aColumn + m > aWidth) {
    throw new ShapeError(
      `Cannot run transposed product: ${describe(a)} has no ${m} columns from ${aColumn} on`,
    );
  }
  const { alpha = 1, accumulate = 0 } = options;
  const args = { a, b, c, m, n, k, a_stride: aWidth, a_offset: aColumn, alpha, accumulate };
  device.run(gemmTn, "main", args, { threads: m * n });
}

/** Rows of a weight that lie in one buffer, and how to unpack them into panels. */
interface PanelSource {
  readonly rowBegin: number;
  readonly rowCount: number;
  readonly columns: number;
  pack(device: Device, packed: Tensor, range: PackRange): void;
}

interface PackRange {
  readonly transposed: boolean;
  readonly columnBegin: number;
  readonly columnCount: number;
  readonly depth: number;
}

function sourcesOf(weight: Weight): PanelSource[] {
  if (weight.kind === "nf4") return [nf4Source(weight)];
  return weight.parts.map((part) => denseSource(weight, part));
}

function denseSource(weight: DenseWeight, { rowBegin, rowCount, values }: DensePart): PanelSource {
  const { columns } = weight;
  const FORMAT = DTYPE_CODES[weight.dtype];
  return {
    rowBegin,
    rowCount,
    columns,
    pack: (device, packed, { transposed, columnBegin, columnCount, depth }) =>
      device.run(
        packDense,
        "pack",
        {
          w: values,
          packed,
          columns,
          depth,
          column_begin: columnBegin,
          column_count: columnCount,
        },
        {
          threads: packed.byteLength / 4,
          constants: { PANEL, FORMAT, TRANSPOSED: Number(transposed) },
        },
      ),
  };
}

function nf4Source(weight: Nf4Weight): PanelSource {
  const { rows, columns, codes, absmax, tables } = weight;
  const nested = weight.nested ?? tables; // not read without double quantisation
  const constants = {
    PANEL,
    DOUBLE: weight.nested ? 1 : 0,
  };
  return {
    rowBegin: 0,
    rowCount: rows,
    columns,
    pack: (device, packed, { transposed, columnBegin, columnCount, depth }) =>
      device.run(
        packNf4,
        "pack",
        {
          codes,
          absmax,
          nested,
          tables,
          packed,
          columns,
          depth,
          column_begin: columnBegin,
          column_count: columnCount,
        },
        {
          threads: packed.byteLength / 4,
          constants: { ...constants, TRANSPOSED: Number(transposed) },
        },
      ),
  };
}

/** Unpacks a source in chunks of columns that fit the scratch panel, and multiplies each. */
function product(
  device: Device,
  operands: ProductOptions & {
    a: Tensor;
    source: PanelSource;
    c: Tensor;
    transposed: boolean;
    aOffset?: number;
    cOffset: number;
  },
): void {
  const { a, source, c, transposed, aOffset = 0, cOffset, alpha = 1, accumulate = 0 } = operands;
  const depth = transposed ? source.rowCount : source.columns;
  const columns = transposed ? source.columns : source.rowCount;
  const most = Math.max(1, Math.floor(MAX_PANEL_BYTES / (PANEL * depth * 4))) * PANEL;
  for (let columnBegin = 0; columnBegin < columns; columnBegin += most) {
    const columnCount = Math.min(most, columns - columnBegin);
    using scope = device.scope("weight panels");
    const packed = scope.empty([Math.ceil(columnCount / PANEL), depth, PANEL]);
    source.pack(device, packed, { transposed, columnBegin, columnCount, depth });
    const [m] = a.shape;
    device.run(gemm, "main", {
      a,
      b: packed,
      c,
      m,
      n: columnCount,
      k: depth,
      a_stride: a.shape[1],
      a_offset: aOffset,
      c_stride: c.shape[1],
      c_offset: cOffset + columnBegin,
      alpha,
      accumulate,
    }, { threads: m * columnCount, constants: { PANEL } });
  }
}
