/**
 * Addition and what gradients need of it.
 * @module
 */
import source from "../../kernels/add.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { expectShape, sizeOf, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("add", source);

/** `a + b`, elementwise; f32, shapes alike. Throws ShapeError. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  expectShape("add", a, a.shape);
  expectShape("add", b, a.shape);
  const y = tape.output(a.shape, "sum");
  const count = sizeOf(a.shape);
  tape.device.run(kernel, "sum", { a, b, y, count }, { threads: count });
  tape.record(y, [a, b], (dy) => {
    tape.accumulate(a, dy);
    tape.accumulate(b, dy);
  });
  return y;
}

/** `target += source`, elementwise; f32, as many elements each. */
export function accumulateInto(device: Device, target: Tensor, source: Tensor): void {
  const count = sizeOf(target.shape);
  expectShape("accumulate", source, target.shape);
  device.run(kernel, "accumulate", { a: source, y: target, count }, { threads: count });
}

/** Sets every element of an f32 tensor to `value`. */
export function fill(device: Device, target: Tensor, value: number): void {
  const count = sizeOf(target.shape);
  device.run(kernel, "fill", { y: target, count, value }, { threads: count });
}
