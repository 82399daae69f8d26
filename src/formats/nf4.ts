/**
 * The NF4 weight format of bitsandbytes: what its codes stand for.
 *
 * A weight is flattened row-major and cut into blocks of 64. A block keeps its largest magnitude
 * (`absmax`, f32) and, per element, the index of the code nearest to element / absmax. Double
 * quantisation stores the absmax values themselves in 8 bits.
 *
 * Source: bitsandbytes 0.50 (functional.py, backends/default/ops.py) and the QLoRA paper
 * (arXiv:2305.14314, section 3).
 * @module
 */
import { DYNAMIC_BLOCK_SIZE } from "./dynamic_map.ts";

/** The 16 values a code stands for, in the order of the codes. */
// deno-fmt-ignore
export const NF4_CODES: Float32Array<ArrayBuffer> = new Float32Array([
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
  0.7229568362236023, 1,
]);

/** Elements that share an absmax in checkpoints. */
export const NF4_BLOCK_SIZE = 64;

/** absmax values that share a scale under double quantisation. */
export const NESTED_BLOCK_SIZE = DYNAMIC_BLOCK_SIZE;

/** What a dequantised weight is rounded to, in PyTorch's words. */
export type FloatDtype = "float32" | "bfloat16" | "float16";
