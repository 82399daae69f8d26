import { assert, assertEquals } from "@std/assert";
import { random } from "../../src/data/random.ts";
import { filterTokens, type SampleOptions, sampleToken } from "../../src/model/sample.ts";

const PROBABILITIES = [0.1, 0.4, 0.05, 0.3, 0.15];
const LOGITS = Float32Array.from(PROBABILITIES, (p) => Math.log(p) + 3);
const ALL: SampleOptions = { temperature: 1, topP: 1, topK: 0, uniform: 0 };
/** The largest number below 1 that the library draws. */
const HIGHEST = 1 - 2 ** -24;

/** How often each token comes when `uniform` takes 10,000 evenly spaced values. */
function shares(options: Partial<SampleOptions>, logits = LOGITS): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < 10000; i++) {
    counts[sampleToken(logits, { ...ALL, ...options, uniform: (i + 0.5) / 10000 })!]++;
  }
  return counts.map((count) => count / 10000);
}

function assertShares(actual: readonly number[], expected: readonly number[]): void {
  const apart = Math.max(...actual.map((share, i) => Math.abs(share - expected[i])));
  assert(apart <= 1e-4, `shares are ${actual}, expected ${expected}`);
}

function softmax(logits: ArrayLike<number>, temperature: number): number[] {
  const powers = Array.from(logits, (logit) => Math.exp(logit / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

Deno.test("tokens come as often as softmax(logits / temperature) says", () => {
  assertShares(shares({}), PROBABILITIES);
  for (const temperature of [0.5, 2, 100]) {
    assertShares(shares({ temperature }), softmax(LOGITS, temperature));
  }
});

Deno.test("a vanishing temperature takes the likeliest token", () => {
  for (const temperature of [1e-3, 1e-30]) {
    assertEquals(shares({ temperature }), [0, 1, 0, 0, 0]);
  }
  assertEquals(shares({ temperature: 1e-3 }, Float32Array.of(-1e30, 5, 1e30)), [0, 0, 1]);
});

Deno.test("top-k keeps the k likeliest", () => {
  assertEquals(shares({ topK: 1 }), [0, 1, 0, 0, 0]);
  assertShares(shares({ topK: 2 }), [0, 4 / 7, 0, 3 / 7, 0]);
  assertShares(shares({ topK: 5 }), PROBABILITIES);
  assertShares(shares({ topK: 99 }), PROBABILITIES);
});

Deno.test("top-p keeps the fewest likeliest tokens that reach it, and one at least", () => {
  assertEquals(shares({ topP: 0 }), [0, 1, 0, 0, 0]);
  assertEquals(shares({ topP: 0.39 }), [0, 1, 0, 0, 0]);
  assertShares(shares({ topP: 0.41 }), [0, 4 / 7, 0, 3 / 7, 0]);
  assertShares(shares({ topP: 0.69 }), [0, 4 / 7, 0, 3 / 7, 0]);
  assertShares(shares({ topP: 0.71 }), [0, 8 / 17, 0, 6 / 17, 3 / 17]);
});

Deno.test("top-p is of what top-k leaves, and after the temperature", () => {
  // Of the two that are left, the first has 4/7, more than a half.
  assertEquals(shares({ topK: 2, topP: 0.5 }), [0, 1, 0, 0, 0]);
  assertShares(shares({ topP: 0.5 }), [0, 4 / 7, 0, 3 / 7, 0]);
  // At half the temperature, 0.4 becomes 0.16 / 0.285.
  assertEquals(shares({ temperature: 0.5, topP: 0.55 }), [0, 1, 0, 0, 0]);
});

Deno.test("the ends of the uniform range are the likeliest and the last kept token", () => {
  assertEquals(sampleToken(LOGITS, ALL), 1);
  assertEquals(sampleToken(LOGITS, { ...ALL, uniform: HIGHEST }), 2);
  assertEquals(sampleToken(LOGITS, { ...ALL, topK: 3, uniform: HIGHEST }), 4);
});

Deno.test("of equal logits the lower id comes first, and top-k keeps those equal to its last", () => {
  const logits = Float32Array.of(0, -0, 3, 3, 2, 3);
  const keptBy = (topK: number) => [...filterTokens(logits, { ...ALL, topK })!.ids];
  assertEquals(keptBy(0), [2, 3, 5, 4, 0, 1]);
  assertEquals(keptBy(2), [2, 3, 5]);
  assertEquals(keptBy(4), [2, 3, 5, 4]);
  assertEquals(keptBy(5), [2, 3, 5, 4, 0, 1]);
});

interface GoldenCase {
  readonly row: string;
  readonly temperature: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly kept: readonly number[];
  readonly probabilities: readonly number[];
}

Deno.test("temperature, top-k and top-p leave the tokens that transformers leaves", async () => {
  const path = new URL("../golden/tiny/sampling.json", import.meta.url);
  const { rows, cases } = JSON.parse(await Deno.readTextFile(path));
  for (const golden of cases as GoldenCase[]) {
    const { row, temperature, top_k: topK, top_p: topP, kept, probabilities } = golden;
    const { ids, weights, total } = filterTokens(Float32Array.from(rows[row]), {
      temperature,
      topK,
      topP,
    })!;
    const what = JSON.stringify({ row, temperature, topK, topP });
    assertEquals([...ids].sort((a, b) => a - b), kept, what);
    ids.forEach((id, i) => {
      const apart = Math.abs(weights[i] / total - probabilities[kept.indexOf(id)]);
      assert(apart <= 1e-6, `${what}: token ${id} is ${apart} off`);
    });
  }
});

Deno.test("logits that are not finite give no token", () => {
  for (const bad of [NaN, Infinity]) {
    assertEquals(sampleToken(Float32Array.of(1, 2, bad, 3), { ...ALL, uniform: 0.5 }), null);
  }
  assertEquals(sampleToken(new Float32Array(3).fill(-Infinity), ALL), null);
  assertEquals(sampleToken(new Float32Array(Uint32Array.of(0, 0xffc00000).buffer), ALL), null);
});

Deno.test("a token of no probability is never drawn", () => {
  const logits = Float32Array.of(-Infinity, 0, -Infinity, 1, -1e4);
  for (const uniform of [0, 0.5, HIGHEST]) {
    assert([1, 3].includes(sampleToken(logits, { ...ALL, uniform })!));
  }
});

Deno.test("many draws of a seed spread as they should", () => {
  const draws = 20000;
  const counts = new Array<number>(LOGITS.length).fill(0);
  for (let i = 0; i < draws; i++) {
    counts[sampleToken(LOGITS, { ...ALL, uniform: random(42, "sample", 0, i).float() })!]++;
  }
  let chiSquare = 0;
  counts.forEach((count, i) => {
    const expected = draws * PROBABILITIES[i];
    chiSquare += (count - expected) ** 2 / expected;
  });
  // Four degrees of freedom: above 18.5 once in a thousand seeds.
  assert(chiSquare < 18.5, `chi-square ${chiSquare} of ${counts}`);
});
