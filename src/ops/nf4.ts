/**
 * NF4 quantisation on the GPU.
 * @module
 */
import source from "../../kernels/nf4.wgsl" with { type: "text" };
import { FormatError, ShapeError } from "../errors.ts";
import { Kernel } from "../device/kernel.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import { dynamicMap } from "../formats/dynamic_map.ts";
import { NESTED_BLOCK_SIZE, NF4_BLOCK_SIZE, NF4_CODES } from "../formats/nf4.ts";
import { sumF32 } from "../formats/sum.ts";
import { type DenseDType, DTYPE_CODES, type Nf4Weight } from "./weight.ts";

const kernel = new Kernel("nf4", source);

/** The tables that NF4 weights read: 16 code values and 256 scale values. */
export const NF4_TABLE_VALUES: Float32Array = new Float32Array([
  ...NF4_CODES,
  ...dynamicMap({ signed: true }),
]);

/** {@linkcode NF4_TABLE_VALUES}, or a checkpoint's own, on the GPU: f32 [272]. */
export function nf4Tables(scope: Scope, values: Float32Array = NF4_TABLE_VALUES): Tensor {
  return scope.upload(values, [NF4_TABLE_VALUES.length], { label: "NF4 tables" });
}

/** What is to be quantised. */
export interface Nf4Options {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** The dtype of the dense weight. */
  readonly dtype: DenseDType;
  readonly doubleQuant: boolean;
  readonly tables: Tensor;
}

/** Quantises a weight that arrives in stretches. */
export interface Nf4Quantizer {
  /**
   * Quantises the next `count` elements, in row-major order, from `values` (the weight's dtype).
   * Every stretch but the last has a multiple of 64 elements. Throws {@linkcode ShapeError}.
   */
  append(values: Tensor, count: number): void;
  /**
   * The weight, once all its elements have arrived.
   * Throws {@linkcode FormatError} where an element was NaN or infinite.
   */
  finish(): Promise<Nf4Weight>;
}

/** Starts to quantise a weight, which will live in `scope`. Source: bitsandbytes, arXiv:2305.14314. */
export function nf4Quantizer(scope: Scope, options: Nf4Options): Nf4Quantizer {
  const { name, rows, columns, dtype, doubleQuant, tables } = options;
  const { device } = scope;
  const total = rows * columns;
  const blocks = Math.ceil(total / NF4_BLOCK_SIZE);
  const label = `${name} absmax`;
  const codes = scope.empty([Math.ceil(total / 2)], { dtype: "u8", label: `${name} codes` });
  const absmax = scope.empty([blocks], { label });
  let done = 0;

  const append = (values: Tensor, count: number) => {
    if (done % NF4_BLOCK_SIZE !== 0 || done + count > total) {
      throw new ShapeError(
        `Cannot quantise ${name}: ${count} elements after ${done} of ${total}; only the last ` +
          `stretch may end within a block of ${NF4_BLOCK_SIZE}`,
      );
    }
    const args = { tables, w: values, codes_out: codes, absmax_out: absmax };
    device.run(kernel, "quantize", { ...args, count, block_begin: done / NF4_BLOCK_SIZE }, {
      threads: Math.ceil(count / NF4_BLOCK_SIZE),
      constants: { FORMAT: DTYPE_CODES[dtype] },
    });
    done += count;
  };

  const meanScale = async (): Promise<number> => {
    // sync: the offset is summed on the host, in the order that gives PyTorch's last bit
    const scales = await device.readF32(absmax);
    if (!scales.every(Number.isFinite)) {
      throw new FormatError(
        `Cannot quantise ${name}: it has elements that are not finite; ` +
          "the weights are damaged, fetch them again",
      );
    }
    return Math.fround(sumF32(scales) / blocks);
  };

  const finish = async (): Promise<Nf4Weight> => {
    if (done !== total) {
      throw new ShapeError(`Cannot quantise ${name}: ${done} of ${total} elements arrived`);
    }
    const offset = device.computes ? await meanScale() : 0;
    const shared = { kind: "nf4", name, rows, columns, codes, tables, dtype } as const;
    if (!doubleQuant) return { ...shared, absmax, nested: null };
    const nestedBlocks = Math.ceil(blocks / NESTED_BLOCK_SIZE);
    const small = scope.empty([blocks], { dtype: "u8", label });
    const nested = scope.empty([1 + nestedBlocks], { label: `${name} nested absmax` });
    const args = { tables, absmax, absmax_out: small, nested_out: nested, count: blocks, offset };
    device.run(kernel, "nest", args, { threads: nestedBlocks });
    scope.release(absmax);
    return { ...shared, absmax: small, nested };
  };
  return { append, finish };
}

/** Restores a weight: f32 [rows, columns]. */
export function dequantizeNf4(scope: Scope, weight: Nf4Weight): Tensor {
  const { rows, columns, codes, absmax, tables } = weight;
  const values = scope.empty([rows, columns], { label: weight.name });
  const count = rows * columns;
  const nested = weight.nested ?? tables; // bound but not read without double quantisation
  const constants = { DOUBLE: weight.nested ? 1 : 0 };
  const args = { codes, absmax, nested, tables, values, count };
  scope.device.run(kernel, "dequantize", args, { threads: count, constants });
  return values;
}
