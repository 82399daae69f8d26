/**
 * Kernels that compute the same in several ways. Which way is the fastest depends on the adapter and is
 * found by measuring; results differ in the rounding of sums at most.
 * @module
 */
import { KernelError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";

/** Lanes of the subgroups that the `*_subgroup` kernels are written for. */
export const SUBGROUP_LANES = 8;

/**
 * Whether the device runs the `*_subgroup` kernels: they are for CPU adapters, whose workgroups of
 * eight invocations are one subgroup, its lanes in the order of the invocations.
 */
export function runsSubgroupKernels({ info }: Device): boolean {
  return info.software && info.subgroupSize === SUBGROUP_LANES;
}

/** One way: a kernel with constants. */
export interface Variant {
  /** Its name among the others of a choice. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly constants: Readonly<Record<string, number>>;
  /** Whether the device can run it. */
  runsOn(device: Device): boolean;
}

/** A place where one of several variants is taken. */
export interface Choice<V extends Variant = Variant> {
  /** Its name in {@linkcode Device.tuning}. */
  readonly name: string;
  readonly variants: readonly V[];
  /** What is taken where the device's tuning says nothing. */
  defaultFor(device: Device): V;
}

/**
 * The variant that the device's tuning names, or the default.
 * Throws {@linkcode KernelError} where it names one that is not there or cannot run.
 */
export function chosenVariant<V extends Variant>(device: Device, choice: Choice<V>): V {
  const name = device.tuning[choice.name];
  if (name === undefined) return choice.defaultFor(device);
  const variant = choice.variants.find((variant) => variant.name === name);
  if (variant?.runsOn(device)) return variant;
  const possible = choice.variants.filter((variant) => variant.runsOn(device));
  throw new KernelError(
    `Cannot use ${name} for ${choice.name}: ${device.info.name} can run ` +
      possible.map(({ name }) => name).join(", "),
    { kernel: choice.variants[0].kernel.name },
  );
}
