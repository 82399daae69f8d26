/**
 * Confidence intervals by resampling.
 * @module
 */
import { random } from "../data/random.ts";

/** A mean with its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How intervals are made. */
export interface BootstrapOptions {
  /** The same seed gives the same interval. */
  readonly seed: number;
  /** Default 2000. */
  readonly resamples?: number;
  /** The share of resamples inside of the interval. Default 0.95. */
  readonly level?: number;
}

/**
 * The mean of `values` with a percentile interval: as many values are drawn with replacement as there
 * are, again and again, and the interval spans the middle of the means (Efron, "Bootstrap methods",
 * 1979). For paired results give the differences. Null for no values.
 */
export function bootstrapMean(
  values: readonly number[],
  { seed, resamples = 2000, level = 0.95 }: BootstrapOptions,
): Estimate | null {
  const count = values.length;
  if (count === 0) return null;
  const source = random(seed, "bootstrap");
  const numbers = Float64Array.from(values);
  const means = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    let sum = 0;
    // A draw of 24 bits is close enough to uniform over any number of questions.
    for (let k = 0; k < count; k++) sum += numbers[Math.floor(source.float() * count)];
    means[i] = sum / count;
  }
  means.sort();
  return {
    value: values.reduce((sum, value) => sum + value, 0) / count,
    low: quantile(means, (1 - level) / 2),
    high: quantile(means, (1 + level) / 2),
  };
}

/** The value below which the share `at` of `sorted` lies, interpolated between neighbours. */
export function quantile(sorted: ArrayLike<number>, at: number): number {
  const place = (sorted.length - 1) * at;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
