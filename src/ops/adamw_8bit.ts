/**
 * AdamW moments in 8 bits, as bitsandbytes' AdamW8bit keeps them: a quarter of the memory.
 * @module
 */
import source from "../../kernels/adamw_8bit.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { foldRows, Kernel } from "../device/kernel.ts";
import { type Scope, sizeOf, type Tensor } from "../device/tensor.ts";
import { DYNAMIC_BLOCK_SIZE, dynamicMap, midpoints } from "../formats/dynamic_map.ts";
import type { Parameter } from "./tape.ts";

const kernel = new Kernel("adamw_8bit", source);

/** First and second moments of one parameter of `n` elements, in blocks of 256. */
export interface BlockMoments {
  readonly kind: "8bit";
  /** Codes, in the order of the elements: u8 [n], filled up to whole words. */
  readonly m: Tensor;
  readonly v: Tensor;
  /** The largest magnitude of each block: f32 [⌈n / 256⌉]. */
  readonly mAbsmax: Tensor;
  readonly vAbsmax: Tensor;
  /** What the codes stand for: {@linkcode momentMaps}. */
  readonly maps: Tensor;
}

/** The values of the codes of m and of v, and the midpoints between them: f32 [1024]. */
export function momentMaps(scope: Scope): Tensor {
  const [signed, unsigned] = [dynamicMap({ signed: true }), dynamicMap({ signed: false })];
  const values = [...signed, ...unsigned, ...midpoints(signed), 1, ...midpoints(unsigned), 1];
  return scope.upload(Float32Array.from(values), [values.length], { label: "8-bit maps" });
}

/** Moments of zero. */
export function createBlockMoments(
  scope: Scope,
  { name, tensor }: Parameter,
  maps: Tensor,
): BlockMoments {
  const count = sizeOf(tensor.shape);
  const codes = [4 * Math.ceil(count / 4)], blocks = [Math.ceil(count / DYNAMIC_BLOCK_SIZE)];
  return {
    kind: "8bit",
    m: scope.zeros(codes, { dtype: "u8", label: `${name} m` }),
    v: scope.zeros(codes, { dtype: "u8", label: `${name} v` }),
    mAbsmax: scope.zeros(blocks, { label: `${name} m absmax` }),
    vAbsmax: scope.zeros(blocks, { label: `${name} v absmax` }),
    maps,
  };
}

/** The numbers of one AdamW step, as the kernels name them. */
export interface StepNumbers {
  readonly decay: number;
  readonly beta1: number;
  readonly rate1: number;
  readonly beta2: number;
  readonly rate2: number;
  readonly epsilon: number;
  readonly step_size: number;
  readonly correction2: number;
}

/** Changes one parameter by an AdamW step; where the factor in `clipping` is 0, nothing changes. */
export function adamwStep8bit(
  device: Device,
  { tensor: weight, gradient }: Parameter,
  { moments, clipping, numbers }: {
    moments: BlockMoments;
    clipping: Tensor;
    numbers: StepNumbers;
  },
): void {
  const count = sizeOf(weight.shape);
  const { m, v, mAbsmax: m_absmax, vAbsmax: v_absmax, maps } = moments;
  const args = { clipping, maps, gradient, weight, m, v, m_absmax, v_absmax, count, ...numbers };
  device.run(kernel, "step", args, { groups: foldRows(Math.ceil(count / DYNAMIC_BLOCK_SIZE)) });
}
