/**
 * Products with weights, dense or NF4, forward and backward. A weight is packed chunk by chunk, so
 * that never more than a small part of it exists as f32.
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { MAX_GROUPS_PER_AXIS } from "../device/kernel.ts";
import { describe, expectShape, type Scope, type Tensor } from "../device/tensor.ts";
import { product, type ProductOptions, transposedProduct } from "./gemm.ts";
import { PANEL } from "./gemm_variants.ts";
import { isForFewRows, multiplyFewRows } from "./matvec.ts";
import { type MatrixView, type PackedRows, packRows, packTransposedRows } from "./pack_rows.ts";
import { packDense, type PanelSource, panelSources } from "./panels.ts";
import type { Weight } from "./weight.ts";

/** Bytes of panels that exist at once. */
const MAX_PANEL_BYTES = 32 * 2 ** 20;

/** Rows, columns and depth of a transposed product from which packing costs less than it saves. */
const PACKING_PAYS = 64;

/** Rows [N, C] that are packed once for their products with several weights, and kept until then. */
export class SharedRows implements Disposable {
  readonly #scope: Scope;
  #packed: PackedRows | null = null;

  constructor(device: Device, readonly x: Tensor) {
    this.#scope = device.scope("packed rows");
  }

  /** Packed when they are first asked for. */
  get packed(): PackedRows {
    const [rows, depth] = this.x.shape;
    const view = { tensor: this.x, stride: depth };
    return this.#packed ??= packRows(this.#scope, view, { rows, depth });
  }

  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]();
  }
}

/** `x` itself, or the rows of it for one product, disposed of with `owner`. */
function shared(device: Device, x: Tensor | SharedRows, owner: DisposableStack): SharedRows {
  return x instanceof SharedRows ? x : owner.use(new SharedRows(device, x));
}

/**
 * `c[N, O] (+)= alpha · x[N, I] · Wᵀ` for `weight` [O, I]: a linear layer forward.
 * Throws {@linkcode ShapeError}.
 */
export function multiplyByWeight(
  device: Device,
  operands: { x: Tensor | SharedRows; weight: Weight; c: Tensor },
  options: ProductOptions = {},
): void {
  const { weight, c } = operands;
  using sharing = new DisposableStack();
  const rows = shared(device, operands.x, sharing);
  const { x } = rows;
  expectShape(`product with ${weight.name}`, x, [null, weight.columns]);
  expectShape(`product with ${weight.name}`, c, [x.shape[0], weight.rows]);
  if (isForFewRows(x.shape[0], weight)) {
    return multiplyFewRows(device, { x, weight, c }, options);
  }
  for (const source of panelSources(weight)) {
    const place = { c, column: source.rowBegin, transposed: false };
    multiplyInChunks(device, { a: rows.packed, source, ...place }, options);
  }
}

/**
 * `c[N, I] (+)= alpha · x[N, O] · W` for `weight` [O, I]: a linear layer backward.
 * Throws {@linkcode ShapeError}.
 */
export function multiplyByWeightTransposed(
  device: Device,
  operands: { x: Tensor | SharedRows; weight: Weight; c: Tensor },
  options: ProductOptions = {},
): void {
  const { weight, c } = operands;
  using sharing = new DisposableStack();
  const rows = shared(device, operands.x, sharing);
  const { x } = rows;
  expectShape(`product with ${weight.name}`, x, [null, weight.rows]);
  expectShape(`product with ${weight.name}`, c, [x.shape[0], weight.columns]);
  const stride = x.shape[1];
  let { accumulate = 0 } = options;
  for (const source of panelSources(weight)) {
    using scope = device.scope("packed rows");
    const view = { tensor: x, stride, offset: source.rowBegin };
    const isWhole = source.rowCount === weight.rows;
    const shape = { rows: x.shape[0], depth: source.rowCount };
    const a = isWhole ? rows.packed : packRows(scope, view, shape);
    const place = { c, column: 0, transposed: true };
    multiplyInChunks(device, { a, source, ...place }, { ...options, accumulate });
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
  const views = {
    a: { tensor: a, stride: aWidth, offset: aColumn },
    b: { tensor: b, stride: n },
    c: { tensor: c, stride: n },
  };
  const inQuads = [m, aWidth, aColumn, n].every((value) => value % 4 === 0);
  if (inQuads && Math.min(m, n, k) >= PACKING_PAYS) {
    multiplyTransposedPacked(device, views, { m, n, k }, options);
  } else {
    transposedProduct(device, views, { m, n, k }, options);
  }
}

/** Packs both operands, as many rows of them at a time as fit the scratch panel. */
function multiplyTransposedPacked(
  device: Device,
  { a, b, c }: { a: MatrixView; b: MatrixView; c: MatrixView },
  { m, n, k }: { m: number; n: number; k: number },
  options: ProductOptions,
): void {
  const most = Math.max(1, Math.floor(MAX_PANEL_BYTES / (16 * Math.max(m, n)))) * 4;
  let { accumulate = 0 } = options;
  for (let begin = 0; begin < k; begin += most) {
    const depth = Math.min(most, k - begin);
    using scope = device.scope("packed transposed product");
    const from = ({ tensor, stride, offset = 0 }: MatrixView) => ({
      tensor,
      stride,
      offset: offset + begin * stride,
    });
    const rows = packTransposedRows(scope, from(a), { rows: m, depth });
    const range = { rows: m, transposed: true, depth, columnBegin: 0, columnCount: n };
    const panels = packDense(scope, from(b), range);
    product(device, { a: rows, panels, columns: n, c }, { ...options, accumulate });
    accumulate = 1; // further rows add to the same sums
  }
}

/** Packs the source in chunks of columns that fit the scratch panels, and multiplies each. */
function multiplyInChunks(
  device: Device,
  operands: { a: PackedRows; source: PanelSource; c: Tensor; column: number; transposed: boolean },
  options: ProductOptions,
): void {
  const { a, source, c, column, transposed } = operands;
  const { depth } = a;
  const columns = transposed ? source.columns : source.rowCount;
  const panelBytes = source.panelBytes(device, a);
  const panels = Math.max(1, Math.floor(MAX_PANEL_BYTES / panelBytes));
  const most = Math.min(panels, MAX_GROUPS_PER_AXIS) * PANEL;
  for (let columnBegin = 0; columnBegin < columns; columnBegin += most) {
    const columnCount = Math.min(most, columns - columnBegin);
    using scope = device.scope("weight panels");
    const range = { rows: a.rows, transposed, depth, columnBegin, columnCount };
    const packed = source.pack(scope, range);
    const target = { tensor: c, stride: c.shape[1], offset: column + columnBegin };
    product(device, { a, panels: packed, columns: columnCount, c: target }, options);
  }
}
