import { assert, assertEquals, assertThrows } from "@std/assert";
import { TrainingError } from "../../src/errors.ts";
import {
  batchesOfStep,
  examplesOfBatch,
  learningRateAt,
  planSteps,
  type ScheduleType,
} from "../../src/train/schedule.ts";
import { sharedTest } from "../shared.ts";

function assertClose(actual: number, expected: number, message?: string) {
  const error = Math.abs(actual - expected);
  assert(error <= 1e-12 * Math.abs(expected), `${message}: ${actual} is not ${expected}`);
}

interface Curve {
  config: { sched: ScheduleType; lr: number; warmup: number; steps: number };
  log_history: { step: number; learning_rate: number }[];
}

sharedTest("learningRateAt equals transformers' schedule in both golden curves", async (path) => {
  for (const name of ["qlora-curve", "qlora-curve-fulltext"]) {
    const text = await Deno.readTextFile(path(`golden/${name}/expected.json`));
    const { config, log_history }: Curve = JSON.parse(text);
    const schedule = {
      learningRate: config.lr,
      type: config.sched,
      warmupSteps: config.warmup,
      totalSteps: config.steps,
    };
    assertEquals(log_history.length, config.steps);
    for (const { step, learning_rate } of log_history) {
      assertClose(learningRateAt(step - 1, schedule), learning_rate, `${name}, step ${step}`);
    }
  }
});

Deno.test("learningRateAt: hand-computed values of each schedule", () => {
  const rates = (type: ScheduleType, warmupSteps: number, totalSteps: number) =>
    Array.from(
      { length: totalSteps + 1 },
      (_, step) => learningRateAt(step, { learningRate: 8, type, warmupSteps, totalSteps }),
    );
  assertEquals(rates("linear", 0, 4), [8, 6, 4, 2, 0]);
  assertEquals(rates("linear", 2, 6), [0, 4, 8, 6, 4, 2, 0]);
  assertEquals(rates("constant", 0, 2), [8, 8, 8]);
  assertEquals(rates("constant", 2, 4), [0, 4, 8, 8, 8]);
  assertEquals(rates("constant_with_warmup", 2, 4), rates("constant", 2, 4));
  const cosine = [0, 4, 8, 4 + 2 * Math.SQRT2, 4, 4 - 2 * Math.SQRT2, 0];
  rates("cosine", 2, 6).forEach((rate, step) => {
    assert(Math.abs(rate - cosine[step]) < 1e-14, `step ${step}: ${rate}`);
  });
});

Deno.test("learningRateAt: a warm-up longer than the run, and steps behind its end", () => {
  const at = (step: number, type: ScheduleType, warmupSteps: number) =>
    learningRateAt(step, { learningRate: 1, type, warmupSteps, totalSteps: 4 });
  assertEquals(at(3, "cosine", 10), 0.3);
  assertEquals(at(9, "linear", 0), 0);
  assertEquals(at(4, "linear", 4), 0);
});

const sizes = (examples: number, batchSize: number, accumulation: number) => ({
  examples,
  batchSize,
  accumulation,
  epochs: 1,
  maxSteps: -1,
});

Deno.test("planSteps: ceilings of batches, steps and epochs; max_steps overrides", () => {
  const plan = planSteps({ ...sizes(23, 2, 4), epochs: 2.5 });
  assertEquals([plan.batchesPerEpoch, plan.stepsPerEpoch, plan.totalSteps], [12, 3, 8]);
  assertEquals(planSteps({ ...sizes(23, 2, 4), maxSteps: 5, epochs: 2.5 }).totalSteps, 5);
  assertEquals(planSteps({ ...sizes(23, 2, 4), maxSteps: 0 }).totalSteps, 3);
  assertEquals(planSteps(sizes(1, 8, 8)).totalSteps, 1);
  assertThrows(() => planSteps(sizes(0, 2, 4)), TrainingError, "no examples");
});

Deno.test("batchesOfStep: an epoch's last step is short and never reaches into the next", () => {
  const plan = planSteps({ ...sizes(25, 2, 4), maxSteps: 9 });
  assertEquals(batchesOfStep(plan, 0), { epoch: 0, batches: [0, 1, 2, 3] });
  assertEquals(batchesOfStep(plan, 3), { epoch: 0, batches: [12] });
  assertEquals(batchesOfStep(plan, 4), { epoch: 1, batches: [0, 1, 2, 3] });
  assertEquals(examplesOfBatch(plan, 11), { start: 22, end: 24 });
  assertEquals(examplesOfBatch(plan, 12), { start: 24, end: 25 });
});

Deno.test("every example is used once an epoch, whatever the sizes", () => {
  for (const examples of [1, 2, 7, 16, 33]) {
    for (const batchSize of [1, 2, 5]) {
      for (const accumulation of [1, 3, 4]) {
        const plan = planSteps({ ...sizes(examples, batchSize, accumulation), epochs: 2 });
        const seen = new Map<string, number>();
        for (let step = 0; step < plan.totalSteps; step++) {
          const { epoch, batches } = batchesOfStep(plan, step);
          assert(batches.length > 0);
          for (const batch of batches) {
            const { start, end } = examplesOfBatch(plan, batch);
            for (let i = start; i < end; i++) {
              seen.set(`${epoch}:${i}`, (seen.get(`${epoch}:${i}`) ?? 0) + 1);
            }
          }
        }
        assertEquals(seen.size, 2 * examples);
        assertEquals(new Set(seen.values()), new Set([1]));
      }
    }
  }
});
