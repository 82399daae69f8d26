/**
 * Tensors put by for the backward pass, as they are or in half the memory.
 * @module
 */
import source from "../../kernels/keep.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import { type Scope, sizeOf, type Tensor } from "../device/tensor.ts";

const kernel = new Kernel("keep", source);

/** "f16" rounds to half floats: half the memory, 11 bits of precision, up to ±65,504. */
export type KeepFormat = "f32" | "f16";

/** A tensor put by. */
export interface Kept {
  /** The tensor as f32; where it had to be made again it lives in `scope`. */
  restore(scope: Scope): Tensor;
  /** Gives its memory back early. */
  release(): void;
}

/** Takes the f32 tensor `x`, which `scope` owns, and keeps it there. */
export function keep(scope: Scope, x: Tensor, format: KeepFormat): Kept {
  if (format === "f32") return { restore: () => x, release: () => scope.release(x) };
  const { shape, label } = x;
  const count = sizeOf(shape);
  const pairs = Math.ceil(count / 2);
  const halves = scope.empty([pairs], { dtype: "u32", label });
  scope.device.run(kernel, "narrow", { x, halves, count }, { threads: pairs });
  scope.release(x);
  return {
    restore(target) {
      const y = target.empty(shape, { label });
      target.device.run(kernel, "widen", { halves, y, count }, { threads: pairs });
      return y;
    },
    release: () => scope.release(halves),
  };
}
