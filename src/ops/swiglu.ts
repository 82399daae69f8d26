/**
 * SwiGLU, the gated activation of Mistral's feed-forward block.
 * @module
 */
import source from "../../kernels/swiglu.wgsl" with { type: "text" };
import { Kernel } from "../device/kernel.ts";
import { expectShape, sizeOf, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

const kernel = new Kernel("swiglu", source);

/** `silu(gate) · up`, elementwise; f32, shapes alike. Throws ShapeError. Source: arXiv:2002.05202. */
export function swiglu(tape: Tape, gate: Tensor, up: Tensor): Tensor {
  expectShape("swiglu", gate, gate.shape);
  expectShape("swiglu", up, gate.shape);
  const { device } = tape;
  const count = sizeOf(gate.shape);
  const y = tape.output(gate.shape, "swiglu");
  device.run(kernel, "forward", { gate, up, y, count }, { threads: count });
  tape.record(y, [gate, up], (dy) => {
    // One kernel writes both, so it needs both even where only one is wanted.
    using unwanted = device.scope("swiglu");
    const dGate = tape.gradientTarget(gate) ?? discard(gate);
    const dUp = tape.gradientTarget(up) ?? discard(up);
    device.run(kernel, "backward", {
      gate,
      up,
      dy,
      d_gate: dGate.tensor,
      d_up: dUp.tensor,
      count,
      accumulate_gate: dGate.accumulate,
      accumulate_up: dUp.accumulate,
    }, { threads: count });

    function discard(input: Tensor) {
      return { tensor: unwanted.empty(input.shape), accumulate: 0 } as const;
    }
  });
  return y;
}
