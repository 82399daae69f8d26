import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { KeyValueCache, type SequenceStep } from "../../src/model/kv_cache.ts";
import { loadModel } from "../../src/model/load.ts";
import type { Model } from "../../src/model/model.ts";
import { linear } from "../../src/ops/linear.ts";
import { gatherRows } from "../../src/ops/rows.ts";
import { Tape } from "../../src/ops/tape.ts";
import { assertWithin } from "../ops/harness.ts";
import { BASE, DENSE, leavesNothing, logitsOf } from "./support.ts";

/** Longer than the tiny model's window of 16. */
const LONG = Array.from({ length: 23 }, (_, i) => (i * 131 + 1) % 1024);
const SHORT = Array.from({ length: 9 }, (_, i) => (i * 57 + 400) % 1024);

// Another order of the same f32 sums.
const TOLERANCE = 2e-5;

/** The logits of each step's rows, end to end. */
async function cachedLogits(
  device: Device,
  model: Model,
  options: { capacities: readonly number[]; steps: readonly SequenceStep[][]; window?: null },
): Promise<Float32Array[]> {
  const { capacities, steps } = options;
  const config = "window" in options ? { ...model.config, slidingWindow: null } : model.config;
  using scope = device.scope("test");
  const cache = new KeyValueCache(scope, config, capacities);
  const logits: Float32Array[] = [];
  for (const step of steps) {
    using pass = device.scope("pass");
    const tape = new Tape(pass);
    const hidden = model.network.forward(tape, cache.step(pass, step).input);
    logits.push(await device.readF32(linear(tape, hidden, model.network.output)));
  }
  return logits;
}

for (const [name, cuts] of [["one by one", 1], ["in pieces of 5", 5], ["whole", 23]] as const) {
  for (const window of [16, null]) {
    Deno.test(`cached rows ${name}, window ${window}: the logits of a whole pass`, () =>
      leavesNothing(async (device) => {
        using model = await loadModel(device, BASE, DENSE);
        const steps: SequenceStep[][] = [];
        for (let i = 0; i < LONG.length; i += cuts) {
          steps.push([{ sequence: 0, ids: LONG.slice(i, i + cuts) }]);
        }
        const changes = window === null ? { window } : {};
        const capacities = [LONG.length];
        const logits = await cachedLogits(device, model, { capacities, steps, ...changes });
        const whole = await logitsOf(model, LONG, window);
        assertWithin("logits", logits.flatMap((values) => [...values]), whole, TOLERANCE);
      }));
  }
}

Deno.test("sequences side by side in a cache do not see each other", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const vocabulary = model.config.vocabularySize;
    const [long, short] = [await logitsOf(model, LONG), await logitsOf(model, SHORT)];
    // Room to spare, another order than the cache's, and a sequence that pauses.
    const [both, onlyLong, bothAgain] = await cachedLogits(device, model, {
      capacities: [30, 12],
      steps: [
        [{ sequence: 1, ids: SHORT.slice(0, 7) }, { sequence: 0, ids: LONG.slice(0, 18) }],
        [{ sequence: 0, ids: LONG.slice(18, 21) }],
        [{ sequence: 0, ids: LONG.slice(21) }, { sequence: 1, ids: SHORT.slice(7) }],
      ],
    });
    const rows = (values: Float32Array, begin: number, end?: number) =>
      values.subarray(begin * vocabulary, end && end * vocabulary);
    assertWithin("short, first", rows(both, 0, 7), rows(short, 0, 7), TOLERANCE);
    assertWithin("long, first", rows(both, 7), rows(long, 0, 18), TOLERANCE);
    assertWithin("long, alone", onlyLong, rows(long, 18, 21), TOLERANCE);
    assertWithin("long, last", rows(bothAgain, 0, 2), rows(long, 21), TOLERANCE);
    assertWithin("short, last", rows(bothAgain, 2), rows(short, 7), TOLERANCE);
  }));

Deno.test("a full cache refuses further rows and takes its memory with its scope", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const before = device.liveBytes;
    {
      using scope = device.scope("test");
      const cache = new KeyValueCache(scope, model.config, [4, 2]);
      // Keys and values of 6 rows of 2 heads of 8, in 2 layers; each buffer in whole 256 bytes.
      assertEquals(scope.byteLength, 2 * 2 * Math.ceil(6 * 2 * 8 * 4 / 256) * 256);
      cache.step(scope, [{ sequence: 0, ids: [1, 2, 3] }]);
      const tooMany = [{ sequence: 0, ids: [4, 5] }];
      assertThrows(() => cache.step(scope, tooMany), RangeError, "Cannot cache 5 rows");
      const steps = [{ sequence: 0, ids: [4] }, { sequence: 1, ids: [7, 8] }];
      const { input: next, lastRows } = cache.step(scope, steps);
      assertEquals([...lastRows], [0, 2]);
      assertEquals([...next.tokens], [4, 7, 8]);
      assertEquals(next.length, 4);
      assert(next.cache === cache);
    }
    assertEquals(device.liveBytes, before);
    await device.sync();
  }));

for (const window of [16, null]) {
  Deno.test(`prompts that begin alike are read once, window ${window}: the logits of each alone`, () =>
    leavesNothing(async (device) => {
      using model = await loadModel(device, BASE, DENSE);
      const config = { ...model.config, slidingWindow: window };
      // The third is the first one again, the last like none.
      const prompts = [LONG, [...LONG.slice(0, 15), 7, 8], LONG, LONG.slice(0, 17), SHORT];
      const lastLogits = async (prompts: number[][]) => {
        using scope = device.scope("test");
        const capacities = prompts.map(({ length }) => length + 1);
        const cache = new KeyValueCache(scope, config, capacities);
        const steps = prompts.map((ids, sequence) => ({ sequence, ids }));
        const read = async (steps: SequenceStep[]) => {
          const tape = new Tape(scope);
          const { input, lastRows } = cache.step(scope, steps);
          const hidden = model.network.forward(tape, input);
          const last = gatherRows(tape, hidden, scope.upload(lastRows));
          const logits = await device.readF32(linear(tape, last, model.network.output));
          return { rows: input.tokens.length, logits };
        };
        const first = await read(steps);
        const second = await read(steps.map(({ sequence }) => ({ sequence, ids: [9] })));
        return { rows: first.rows, logits: [first.logits, second.logits] };
      };
      const together = await lastLogits(prompts);
      assertEquals(together.rows, 23 + 2 + 8 + 2 + 9);
      const width = together.logits[0].length / prompts.length;
      for (const [i, prompt] of prompts.entries()) {
        const alone = await lastLogits([prompt]);
        for (const [pass, values] of alone.logits.entries()) {
          const found = together.logits[pass].subarray(i * width, (i + 1) * width);
          assertWithin(`prompt ${i}, pass ${pass}`, found, values, TOLERANCE);
        }
      }
    }));
}
