/**
 * All choices among variants of kernels, and what a tuning must be to be used.
 * @module
 */
import type { Device, Tuning } from "../device/device.ts";
import { productChoices, transposedChoice } from "./gemm_variants.ts";
import { matvecChoices } from "./matvec.ts";
import type { Choice } from "./variants.ts";

/** Every choice there is. */
export const kernelChoices: readonly Choice[] = [
  ...productChoices,
  transposedChoice,
  ...Object.values(matvecChoices),
];

/**
 * Stands for the variants and the sources of their kernels: what was measured with another value says
 * nothing about these. SHA-256, the first 16 digits.
 */
export async function variantsHash(): Promise<string> {
  const text = kernelChoices.map(({ name, variants }) => [
    name,
    ...variants.map(({ name, kernel, constants }) => [name, kernel.source, constants]),
  ]);
  const bytes = new TextEncoder().encode(JSON.stringify(text));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

/** Why the device cannot use a tuning, or null. */
export function tuningFault(device: Device, tuning: Tuning): string | null {
  for (const [name, wanted] of Object.entries(tuning)) {
    const choice = kernelChoices.find((choice) => choice.name === name);
    if (!choice) return `nothing is called ${name}`;
    const variant = choice.variants.find((variant) => variant.name === wanted);
    if (!variant) return `${name} has no variant ${wanted}`;
    if (!variant.runsOn(device)) return `this adapter cannot run ${wanted}`;
  }
  return null;
}
