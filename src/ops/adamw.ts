/**
 * The AdamW optimizer with gradient clipping.
 * @module
 */
import adamwSource from "../../kernels/adamw.wgsl" with { type: "text" };
import normSource from "../../kernels/grad_norm.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { Kernel } from "../device/kernel.ts";
import { type Scope, sizeOf, type Tensor } from "../device/tensor.ts";
import { adamwStep8bit, type BlockMoments, createBlockMoments, momentMaps } from "./adamw_8bit.ts";
import type { Parameter } from "./tape.ts";

const adamwKernel = new Kernel("adamw", adamwSource);
const normKernel = new Kernel("grad_norm", normSource);
const NORM_STRETCH = normKernel.info.overrides.get("STRETCH")!;

/** First and second moments of one parameter, in its shape: f32. */
export interface PlainMoments {
  readonly kind: "f32";
  readonly m: Tensor;
  readonly v: Tensor;
}

/** What AdamW remembers of one parameter. */
export type Moments = PlainMoments | BlockMoments;

/** How to keep moments. */
export interface MomentOptions {
  /** "8bit" as bitsandbytes' AdamW8bit; default "f32". */
  readonly kind?: Moments["kind"];
  /** Parameters of fewer elements keep f32 moments all the same; default 4,096, as in bitsandbytes. */
  readonly min8bitSize?: number;
}

/** Settings of one optimizer step. */
export interface AdamWStep {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** The count of this step, from 1. */
  readonly step: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** Moments of zero for each parameter, in their order. */
export function createMoments(
  scope: Scope,
  parameters: readonly Parameter[],
  { kind = "f32", min8bitSize = 4096 }: MomentOptions = {},
): Moments[] {
  let maps: Tensor | null = null;
  return parameters.map((parameter) => {
    const { name, tensor: { shape } } = parameter;
    if (kind === "8bit" && sizeOf(shape) >= min8bitSize && !parameter.isEmbedding) {
      return createBlockMoments(scope, parameter, maps ??= momentMaps(scope));
    }
    return {
      kind: "f32",
      m: scope.zeros(shape, { label: `${name} m` }),
      v: scope.zeros(shape, { label: `${name} v` }),
    };
  });
}

/**
 * The 2-norm of all gradients and the factor min(1, maxNorm / (norm + 1e-6)) that clips them, as a
 * tensor [norm, factor]; the factor is 0 where the norm is not finite. `maxNorm` 0 does not clip.
 */
export function clipGradients(
  scope: Scope,
  parameters: readonly Parameter[],
  maxNorm: number,
): Tensor {
  const { device } = scope;
  const groups = parameters.map(({ gradient }) => Math.ceil(sizeOf(gradient.shape) / NORM_STRETCH));
  const slots = groups.reduce((sum, count) => sum + count, 0);
  const partials = scope.empty([slots], { label: "squared gradients" });
  let slot = 0;
  parameters.forEach(({ gradient }, i) => {
    const args = { gradient, partials, count: sizeOf(gradient.shape), slot };
    device.run(normKernel, "squares", args, { groups: [groups[i]] });
    slot += groups[i];
  });
  const clipping = scope.empty([2], { label: "gradient norm" });
  const args = { partials, clipping, count: slots, max_norm: maxNorm };
  device.run(normKernel, "finish", args, { groups: [1] });
  return clipping;
}

/**
 * Changes every parameter by one AdamW step (decoupled weight decay). `clipping` comes from
 * {@linkcode clipGradients}; where its factor is 0, nothing changes. Source: arXiv:1711.05101.
 */
export function adamwStep(
  parameters: readonly Parameter[],
  moments: readonly Moments[],
  clipping: Tensor,
  options: AdamWStep & { device: Device },
): void {
  const { learningRate, weightDecay, step, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const shared = {
    rate1: 1 - beta1,
    beta2,
    rate2: 1 - beta2,
    epsilon,
    step_size: learningRate / (1 - beta1 ** step),
    correction2: Math.sqrt(1 - beta2 ** step),
  };
  parameters.forEach((parameter, i) => {
    const { tensor: weight, gradient } = parameter;
    const decay = 1 - learningRate * (parameter.decay ? weightDecay : 0);
    const numbers = { ...shared, decay }, state = moments[i];
    if (state.kind === "8bit") {
      const inputs = { moments: state, clipping, numbers: { ...numbers, beta1 } };
      return adamwStep8bit(options.device, parameter, inputs);
    }
    const count = sizeOf(weight.shape);
    const { m, v } = state;
    const args = { clipping, gradient, weight, m, v, count, ...numbers };
    options.device.run(adamwKernel, "step", args, { threads: count });
  });
}
