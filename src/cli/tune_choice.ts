/**
 * Measures the variants of one choice and takes the fastest that computes what it should.
 * @module
 */
import { DeviceError, KernelError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import type { Variant } from "../ops/variants.ts";
import { fastest } from "./bench_measure.ts";
import { ROUGH_SECONDS } from "./bench_timing.ts";
import type { Trial, Trials } from "./tune_trials.ts";

/** A variant whose first run takes this many times as long as the best is not timed further. */
const HOPELESS = 1.5;

/** What is not faster than the default by this factor is noise, and the default stays. */
const WORTHWHILE = 1.03;

/** One variant's time. */
export interface Timing {
  readonly variant: string;
  readonly seconds: number;
}

/** What came of a variant. */
export type TuneRow =
  & { readonly choice: string; readonly shape: string; readonly isDefault: boolean }
  & (Timing | { readonly variant: string; readonly reason: string });

/**
 * Runs every variant that the device can run: first over odd sizes and over the sizes to be timed,
 * which it has to compute rightly, then for its time. Returns the variant to take.
 *
 * @throws {KernelError} if the default itself computes something wrong
 * @throws {DeviceError} if the device fails with the default, or is lost
 */
export async function* tuneChoice(
  device: Device,
  { choice, odd, large }: Trials,
  { width, repeats }: { width: number; repeats: number },
): AsyncGenerator<TuneRow, string> {
  using scope = device.scope(`tune ${choice.name}`);
  const trials = { odd: await odd(scope), large: await large(scope, width) };
  const usual = choice.defaultFor(device);
  const others = choice.variants.filter((variant) => variant !== usual && variant.runsOn(device));
  const timings: Timing[] = [];
  for (const variant of [usual, ...others]) {
    const isDefault = variant === usual;
    const row = {
      choice: choice.name,
      shape: trials.large.shape,
      variant: variant.name,
      isDefault,
    };
    try {
      const best = Math.min(...timings.map(({ seconds }) => seconds));
      const seconds = await timeOf(device, choice.name, variant, { trials, best, repeats });
      timings.push({ variant: variant.name, seconds });
      yield { ...row, seconds };
    } catch (error) {
      if (isDefault || !isOfVariant(device, error)) throw error;
      yield { ...row, reason: error.message };
    }
  }
  return fastestOf(timings);
}

/** Whether other variants may do better: not where the device is lost. */
function isOfVariant(device: Device, error: unknown): error is KernelError | DeviceError {
  return error instanceof KernelError || error instanceof DeviceError && !device.lost;
}

/** The name of the fastest; the first is the default, which others must beat clearly. */
export function fastestOf(timings: readonly Timing[]): string {
  const [usual] = timings;
  const best = timings.reduce((best, timing) => timing.seconds < best.seconds ? timing : best);
  return best.seconds * WORTHWHILE < usual.seconds ? best.variant : usual.variant;
}

async function timeOf(
  device: Device,
  choice: string,
  { name }: Variant,
  { trials: { odd, large }, best, repeats }: {
    trials: Readonly<Record<"odd" | "large", Trial>>;
    best: number;
    repeats: number;
  },
): Promise<number> {
  device.tuning = { [choice]: name };
  try {
    for (const trial of [odd, large]) {
      trial.run();
      await trial.check();
    }
    const first = await fastest(device, 1, large.run, ROUGH_SECONDS);
    if (first > best * HOPELESS) return first;
    return Math.min(first, await fastest(device, repeats, large.run, ROUGH_SECONDS));
  } finally {
    device.tuning = {};
  }
}
