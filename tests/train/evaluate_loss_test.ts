import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { evaluationBatches } from "../../src/train/batches.ts";
import { evaluateLoss } from "../../src/train/evaluate_loss.ts";
import type { TrainRun } from "../../src/train/prepare.ts";
import { trainStep } from "../../src/train/step.ts";
import { testDevice } from "../ops/harness.ts";
import { prepare, tempFolder, tinyConfig } from "./support.ts";

async function withRun(test: (run: TrainRun) => Promise<void>): Promise<void> {
  const device = await testDevice();
  const before = device.liveBytes;
  {
    using folder = tempFolder();
    using run = await prepare(device, await tinyConfig(folder, { lora_dropout: 0.5 }));
    await test(run);
  }
  assertEquals(device.liveBytes, before);
}

Deno.test("the eval loss is the mean over all targets, however they are batched", () =>
  withRun(async ({ model, trainExamples }) => {
    const lossOf = (size: number, maxRows: number) =>
      evaluateLoss(model, evaluationBatches(trainExamples, { batchSize: size }, { maxRows }));
    const whole = await lossOf(trainExamples.length, 10_000);
    for (const [size, maxRows] of [[1, 10_000], [5, 10_000], [12, 100]]) {
      assertAlmostEquals(await lossOf(size, maxRows), whole, 1e-6 * whole);
    }
    let sum = 0, targets = 0;
    for (const example of trainExamples) {
      const count = example.ids.length - example.targetStart;
      sum += count *
        await evaluateLoss(
          model,
          evaluationBatches([example], { batchSize: 1 }, { maxRows: 10_000 }),
        );
      targets += count;
    }
    assertAlmostEquals(sum / targets, whole, 1e-6 * whole);
  }));

Deno.test("it is the loss that a training step without dropout has, and leaves nothing behind", () =>
  withRun(async ({ model, adapter, trainable, trainExamples, config }) => {
    const { device } = trainable;
    const batches = evaluationBatches(trainExamples.slice(0, 4), { batchSize: 2 }, {
      maxRows: 10_000,
    });
    const loss = await evaluateLoss(model, batches);
    // The model's table of positions has grown by now.
    const before = device.liveBytes;
    assertEquals(await evaluateLoss(model, batches), loss);
    assertEquals(device.liveBytes, before);
    // B is zero at first, so that dropout on its input changes nothing.
    const step = await trainStep({
      model,
      adapter,
      trainable,
      batches,
      step: 0,
      seed: config.seed,
      learningRate: 0,
      weightDecay: 0,
      maxGradNorm: 0,
      neftuneAlpha: 0,
    });
    assertAlmostEquals(loss, step.loss, 1e-6 * loss);
  }));

Deno.test("an abort ends an evaluation between two batches", () =>
  withRun(async ({ model, trainExamples, trainable: { device } }) => {
    const batches = evaluationBatches(trainExamples, { batchSize: 1 }, { maxRows: 10_000 });
    const controller = new AbortController();
    await evaluateLoss(model, batches);
    const before = device.liveBytes;
    const evaluation = evaluateLoss(model, batches, controller.signal);
    controller.abort();
    const error = await assertRejects(() => evaluation, DOMException);
    assert(error.name === "AbortError");
    assertEquals(device.liveBytes, before);
  }));
