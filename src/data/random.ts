/**
 * Seeded random numbers that are the same on every machine: only 32-bit integer arithmetic and
 * exactly rounded floating-point operations are used. A stream belongs to a seed and any number of
 * keys, so that, say, the order of epoch 3 can be made without making those of epochs 0 to 2.
 * @module
 */

/** One stream of random numbers. Each call takes the next numbers of the stream. */
export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** A multiple of 2^-24 in [0, 1), which stays below 1 when it is rounded to f32. */
  float(): number;
  /** An unbiased integer in [0, `n`). Throws RangeError unless `n` is an integer in [1, 2^32]. */
  below(n: number): number;
  /** Shuffles `array` in place (Fisher-Yates) and returns it. */
  shuffle<T extends { readonly length: number; [index: number]: unknown }>(array: T): T;
  /** A number of the standard normal distribution. */
  normal(): number;
}

/**
 * The stream of `seed` and `keys`. Streams with different keys are unrelated.
 *
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018). Its state is a hash of the seed and the keys. Throws RangeError for a number
 * that is not a safe integer.
 */
export function random(seed: number, ...keys: readonly (number | string)[]): Random {
  const uint32 = xoshiro128(hashKeys([seed, ...keys]));
  let spare: number | null = null;

  const float = () => (uint32() >>> 8) / 0x1000000;

  function below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x100000000) {
      throw new RangeError(
        `Cannot draw a number below ${n}: the bound is out of range; use an integer from 1 to 2^32`,
      );
    }
    // The incomplete last group of n values is drawn again, or small results would be more likely.
    const limit = 0x100000000 - (0x100000000 % n);
    let value = uint32();
    while (value >= limit) value = uint32();
    return value % n;
  }

  function shuffle<T extends { readonly length: number; [index: number]: unknown }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = below(i + 1);
      const held = array[i];
      array[i] = array[j];
      array[j] = held;
    }
    return array;
  }

  /** Marsaglia's polar method ("A convenient method for generating normal variables", 1964). */
  function normal(): number {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    while (true) {
      const x = 2 * float() - 1;
      const y = 2 * float() - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) {
        const scale = Math.sqrt(-2 * naturalLog(square) / square);
        spare = y * scale;
        return x * scale;
      }
    }
  }

  return { uint32, float, below, shuffle, normal };
}

/** The xoshiro128** generator that starts from `state`, four u32 that are not all 0. */
export function xoshiro128(state: Uint32Array): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Hashes the keys into four u32 with MurmurHash3's finaliser, one lane of state for each. */
function hashKeys(keys: readonly (number | string)[]): Uint32Array {
  const lanes = Uint32Array.of(0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667);
  const add = (word: number) => {
    for (let lane = 0; lane < 4; lane++) {
      let hash = lanes[lane] ^ word;
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      // Without the lane's own increment, lanes that once met would stay equal.
      lanes[lane] = (hash ^ (hash >>> 16)) + Math.imul(lane + 1, 0x9e3779b9);
    }
  };
  for (const key of keys) {
    if (typeof key === "string") {
      add(1);
      add(key.length);
      for (let i = 0; i < key.length; i++) add(key.charCodeAt(i));
    } else {
      if (!Number.isSafeInteger(key)) {
        throw new RangeError(
          `Cannot seed random numbers with ${key}: it is not a whole number; use an integer below 2^53`,
        );
      }
      add(2);
      add(key >>> 0);
      add(Math.floor(key / 0x100000000) >>> 0);
    }
  }
  if (lanes.every((lane) => lane === 0)) lanes[0] = 1;
  return lanes;
}

/**
 * ln(x) for x in (0, 1), from the series of artanh. `Math.log` may differ in its last bit between
 * engines, and with it every weight that is drawn.
 */
function naturalLog(x: number): number {
  let exponent = 0;
  while (x < Math.SQRT1_2) {
    x *= 2;
    exponent--;
  }
  const t = (x - 1) / (x + 1);
  let sum = 0;
  let power = t;
  for (let n = 1; n <= 25; n += 2) {
    sum += power / n;
    power *= t * t;
  }
  return exponent * Math.LN2 + 2 * sum;
}
