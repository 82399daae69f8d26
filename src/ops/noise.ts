/**
 * Random masks and noise that depend only on a seed and the position, so that a recomputed block and
 * a resumed run see the same ones.
 * @module
 */
import source from "../../kernels/noise.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, sizeOf, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("noise", source);

/** What a dropout mask depends on. */
export interface Dropout {
  /** Chance that an element is zeroed, 0 ≤ p < 1; the others are scaled by 1/(1-p). */
  readonly probability: number;
  /** u32. */
  readonly seed: number;
  /** What element of the mask the first element has; default 0. */
  readonly begin?: number;
}

/** Writes (or adds) the masked and scaled elements of `x` to `y`; f32, shapes alike. Throws ShapeError. */
export function applyDropout(
  device: Device,
  options: Dropout & { x: Tensor; y: Tensor; accumulate?: 0 | 1 },
): void {
  const { x, y, probability, seed, begin = 0, accumulate = 0 } = options;
  expectShape("dropout", x, x.shape);
  expectShape("dropout", y, x.shape);
  const count = sizeOf(x.shape);
  const threshold = Math.min(0xffffffff, Math.round(probability * 2 ** 32));
  const scale = 1 / (1 - probability);
  const args = { x, y, count, seed, begin, threshold, scale, accumulate };
  device.run(kernel, "dropout", args, { threads: count });
}

/**
 * Adds uniform noise in [-scale, scale) to the embeddings `x` [N, C], with one scale per row [N].
 * Throws ShapeError. Source: NEFTune, arXiv:2310.05914 (scale = alpha / √(tokens · C)).
 */
export function addUniformNoise(tape: Tape, x: Tensor, scales: Tensor, seed: number): Tensor {
  expectShape("add noise", x, [null, null]);
  expectShape("add noise", scales, [x.shape[0]]);
  const count = sizeOf(x.shape);
  const y = tape.output(x.shape, "noisy embedding");
  const args = { x, scales, y, count, width: x.shape[1], seed };
  tape.device.run(kernel, "uniform_noise", args, { threads: count });
  tape.record(y, [x], (dy) => tape.accumulate(x, dy));
  return y;
}
