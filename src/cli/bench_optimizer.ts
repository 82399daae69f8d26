/**
 * Trials of the optimizer.
 * @module
 */
import type { Scope } from "../device/tensor.ts";
import { adamwStep, clipGradients, createMoments, type Moments } from "../ops/adamw.ts";
import {
  checkMatrix,
  type KernelTrial,
  noiseTensor,
  streamShape,
  type TrialSizes,
} from "./bench_trials.ts";

/** Bytes a weight, read and then written: weight, gradient and two moments of f32 or of 8 bits. */
const BYTES = { f32: (4 + 4 + 4 + 4) + (4 + 4 + 4), "8bit": (4 + 4 + 1 + 1) + (4 + 1 + 1) };

const LEARNING_RATE = 1e-3, WEIGHT_DECAY = 0.1;

/** The gradient's norm, and steps with moments of f32 and of 8 bits. */
export function optimizerTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const [rows, width] = streamShape(sizes);
  const gradient = noiseTensor(scope, [rows, width], sizes.seed);
  const start = noiseTensor(scope, [rows, width], sizes.seed + 1);
  const tensor = scope.empty([rows, width], { label: "w" });
  const parameter = { name: "w", tensor, gradient: gradient.tensor, decay: true };
  const clipping = clipGradients(scope, [parameter], 0);

  const stepTrial = (kind: Moments["kind"]): KernelTrial => {
    const options = { learningRate: LEARNING_RATE, weightDecay: WEIGHT_DECAY, step: 1, device };
    const zeros = (owner: Scope) => createMoments(owner, [parameter], { kind, min8bitSize: 1 });
    const moments = zeros(scope);
    return {
      name: `adamw${kind === "8bit" ? "_8bit" : ""} ${rows}×${width}`,
      work: { bytes: BYTES[kind] * rows * width },
      run: () => adamwStep([parameter], moments, clipping, options),
      async check() {
        using inner = device.scope("bench");
        device.copy(start.tensor, tensor);
        adamwStep([parameter], zeros(inner), clipping, options);
        // From moments of zero the first step goes by the learning rate, whatever the gradient is.
        checkMatrix(this.name, await device.readF32(tensor), width, (row, column) => {
          const i = row * width + column, g = gradient.host[i];
          const decayed = start.host[i] * (1 - LEARNING_RATE * WEIGHT_DECAY);
          return decayed - LEARNING_RATE * g / (Math.abs(g) + 1e-8);
        });
      },
    };
  };
  const norm: KernelTrial = {
    name: `grad_norm ${rows}×${width}`,
    work: { bytes: gradient.tensor.byteLength },
    run() {
      using inner = device.scope("bench");
      clipGradients(inner, [parameter], 0);
    },
    async check() {
      const found = await device.readF32(clipping);
      const expected = Math.sqrt(gradient.host.reduce((sum, g) => sum + g * g, 0));
      checkMatrix(this.name, found.map((value) => value / expected).subarray(0, 1), 1, () => 1);
    },
  };
  return [norm, stepTrial("f32"), stepTrial("8bit")];
}
