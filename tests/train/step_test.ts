import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { packBatch, type RaggedBatch } from "../../src/text/batch.ts";
import type { TokenizedExample } from "../../src/text/example.ts";
import { planBatches } from "../../src/train/batches.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import type { TrainRun } from "../../src/train/prepare.ts";
import { noiseScales, type StepInputs, type StepResult, trainStep } from "../../src/train/step.ts";
import { testDevice } from "../ops/harness.ts";
import { prepare, tempFolder, tinyConfig } from "./support.ts";

/** Runs one step, by default one that changes no weight. */
function stepOf(run: TrainRun, changes: Partial<StepInputs> = {}): Promise<StepResult> {
  const { model, adapter, trainable, trainExamples, config } = run;
  return trainStep({
    model,
    adapter,
    trainable,
    batches: [packBatch(trainExamples.slice(0, 4))],
    step: 0,
    seed: config.seed,
    learningRate: 0,
    weightDecay: 0,
    maxGradNorm: 0,
    neftuneAlpha: 0,
    ...changes,
  });
}

const readAll = ({ trainable: { device, parameters } }: TrainRun, what: "tensor" | "gradient") =>
  Promise.all(parameters.map((parameter) => device.readF32(parameter[what])));

const norm = (tensors: readonly Float32Array[]) =>
  Math.sqrt(tensors.reduce((sum, values) => values.reduce((s, x) => s + x * x, sum), 0));

const difference = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
  norm(a.map((values, i) => values.map((x, k) => x - b[i][k])));

/** Runs `test` with a model whose B matrices are not zero any more, so that all gradients count. */
async function withRun(
  options: Partial<TrainConfig>,
  test: (run: TrainRun) => Promise<void>,
): Promise<void> {
  const device = await testDevice();
  const before = device.liveBytes;
  {
    using folder = tempFolder();
    using run = await prepare(device, await tinyConfig(folder, options));
    if (run.adapter) {
      for (const { b } of run.adapter.pairs.values()) {
        const count = b.byteLength / 4;
        device.write(b, Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) / 3));
      }
    }
    await test(run);
  }
  assertEquals(device.liveBytes, before);
}

for (const method of ["full", "qlora"] as const) {
  Deno.test(`${method}: however four examples are cut into passes, the step is the same`, () =>
    withRun({ method }, async (run) => {
      const examples = run.trainExamples.slice(0, 4);
      const options = { ...run.config, shuffle: false, max_steps: 1, num_train_epochs: 1 };
      const planned = (batch: number, accumulation: number, maxRows: number) =>
        planBatches(examples, {
          ...options,
          per_device_train_batch_size: batch,
          gradient_accumulation_steps: accumulation,
        }, { maxRows }).batchesOf(0);
      const rows = examples.reduce((sum, { ids }) => sum + ids.length, 0);
      const cuts: Record<string, RaggedBatch[]> = {
        "one batch of 4": planned(4, 1, rows),
        "2 × 2": planned(2, 2, rows),
        "4 × 1": planned(1, 4, rows),
        "one batch of 4, split by rows": planned(4, 1, Math.ceil(rows * 0.6)),
        "packed": planBatches(examples, {
          ...options,
          packing: true,
          max_seq_length: rows,
          per_device_train_batch_size: 1,
          gradient_accumulation_steps: 1,
        }, { maxRows: rows }).batchesOf(0),
      };
      assertEquals(Object.values(cuts).map((passes) => passes.length), [1, 2, 4, 2, 1]);
      const results = [];
      for (const [name, batches] of Object.entries(cuts)) {
        const result = await stepOf(run, { batches });
        results.push({ name, result, gradients: await readAll(run, "gradient") });
      }
      const [first, ...others] = results;
      assert(first.result.gradNorm > 0.1);
      assertEquals(first.result.tokens, rows);
      for (const { name, result, gradients } of others) {
        assertEquals(result.targets, first.result.targets);
        assertEquals(result.tokens, rows);
        assertAlmostEquals(result.loss, first.result.loss, 1e-6 * first.result.loss, name);
        const apart = difference(gradients, first.gradients);
        assert(apart <= 1e-5 * first.result.gradNorm, `${name}: gradients are ${apart} apart`);
      }
    }));
}

/** Examples that begin like `example`, each with another end of its prompt. */
function alike(example: TokenizedExample, ends: readonly number[][]): TokenizedExample[] {
  const { ids, targetStart } = example;
  return ends.map((end, i) => ({
    ...example,
    id: `${example.id}-${i}`,
    ids: Uint32Array.of(...ids.subarray(0, targetStart - 2), ...end, ...ids.subarray(targetStart)),
    targetStart: targetStart - 2 + end.length,
  }));
}

for (
  const { method, checkpointing } of [
    { method: "full", checkpointing: true },
    { method: "qlora", checkpointing: true },
    { method: "lora", checkpointing: false },
  ] as const
) {
  const kept = checkpointing ? "with" : "without";
  Deno.test(`${method}, ${kept} checkpointing: a shared prefix changes neither loss nor gradients`, () =>
    withRun({ method }, async (run) => {
      const [first, second, other] = run.trainExamples;
      // Two groups, the second with the same prompt and the same example twice, and one like none.
      const text = { ...other, targetStart: 1 };
      const examples = [
        ...alike(first, [[7, 8, 9], [7, 11], [12, 13, 14, 15, 16]]),
        text,
        ...alike(second, [[20, 21], [22], [20, 21]]),
      ];
      examples.push({ ...examples[4], ids: examples[4].ids.slice(0, -1) });
      const shared = packBatch(examples, { sharePrefixes: true });
      const apart = packBatch(examples);
      assertEquals(shared.sequences.map(({ prefix }) => prefix !== undefined), [
        ...[false, true, true],
        false,
        ...[false, true, true, true],
      ]);
      const saved = 2 * (first.targetStart - 2) + 3 * (second.targetStart - 2);
      assertEquals(apart.tokens.length - shared.tokens.length, saved);
      const tape = { checkpointing };
      const expected = await stepOf(run, { batches: [apart], tape });
      const gradients = await readAll(run, "gradient");
      const found = await stepOf(run, { batches: [shared], tape });
      assertEquals([found.targets, found.tokens], [expected.targets, expected.tokens]);
      assertAlmostEquals(found.loss, expected.loss, 1e-6 * expected.loss);
      const off = difference(await readAll(run, "gradient"), gradients);
      assert(off <= 1e-5 * expected.gradNorm, `gradients are ${off} apart`);
    }));
}

Deno.test("the loss is a mean over targets, not over passes or examples", () =>
  withRun({ method: "lora" }, async (run) => {
    const batches = run.trainExamples.slice(0, 4).map((example) => packBatch([example]));
    const alone = [];
    for (const batch of batches) alone.push(await stepOf(run, { batches: [batch] }));
    const whole = await stepOf(run, { batches });
    const targets = alone.reduce((sum, result) => sum + result.targets, 0);
    const sum = alone.reduce((sum, result) => sum + result.loss * result.targets, 0);
    assertEquals(whole.targets, targets);
    assertAlmostEquals(whole.loss, sum / targets, 1e-6 * whole.loss);
    const meanOfMeans = alone.reduce((sum, { loss }) => sum + loss, 0) / alone.length;
    assert(Math.abs(whole.loss - meanOfMeans) > 1e-3, "the examples do not tell the two apart");
  }));

Deno.test("gradNorm is the norm of all gradients before clipping; max_grad_norm clips what Adam sees", () =>
  withRun({ method: "lora" }, async (run) => {
    const { device, moments } = run.trainable;
    const plain = await stepOf(run);
    assertAlmostEquals(plain.gradNorm, norm(await readAll(run, "gradient")), 1e-6 * plain.gradNorm);
    // After one step m is (1 - β1) times the gradient that Adam was given.
    const seenByAdam = async (maxGradNorm: number) => {
      for (const { m, v } of moments) [m, v].forEach((tensor) => device.clear(tensor));
      const { gradNorm } = await stepOf(run, { maxGradNorm });
      assertEquals(gradNorm, plain.gradNorm);
      return norm(await Promise.all(moments.map(({ m }) => device.readF32(m)))) / 0.1;
    };
    const tolerance = 1e-5 * plain.gradNorm;
    assertAlmostEquals(await seenByAdam(0), plain.gradNorm, tolerance);
    assertAlmostEquals(await seenByAdam(plain.gradNorm * 2), plain.gradNorm, tolerance);
    assertAlmostEquals(await seenByAdam(plain.gradNorm / 8), plain.gradNorm / 8, tolerance);
  }));

Deno.test("NEFTune noise follows seed and step, and its strength", () =>
  withRun({ method: "full" }, async (run) => {
    const lossOf = async (neftuneAlpha: number, changes: Partial<StepInputs> = {}) =>
      (await stepOf(run, { neftuneAlpha, ...changes })).loss;
    const plain = await lossOf(0);
    assertEquals(await lossOf(0, { step: 3 }), plain);
    const noisy = await lossOf(30);
    assert(Math.abs(noisy - plain) > 1e-3);
    assertEquals(await lossOf(30), noisy);
    assert(await lossOf(30, { step: 1 }) !== noisy);
    assert(await lossOf(30, { seed: 1 }) !== noisy);
    assertAlmostEquals(await lossOf(1e-4), plain, 1e-4);
  }));

Deno.test("NEFTune's scale is alpha / √(tokens · width) of each sequence", () => {
  const ids = (length: number) => new Uint32Array(length);
  const example = (length: number) => ({
    id: "x",
    ids: ids(length),
    targetStart: 1,
    truncated: false,
  });
  const scales = noiseScales(packBatch([example(4), example(9)]), 12, 16);
  assertEquals([...scales], [...Array(4).fill(12 / 8), ...Array(9).fill(12 / 12)]);
  // Shared rows have the scale of the first sequence, 4 tokens; 5 more make the second one 9.
  const alike = [example(4), { ...example(9), targetStart: 4 }];
  const shared = packBatch([{ ...alike[0], targetStart: 3 }, alike[1]], { sharePrefixes: true });
  assertEquals(shared.tokens.length, 4 + 9 - 2);
  assertEquals([...noiseScales(shared, 12, 16)], [...Array(4).fill(12 / 8), ...Array(7).fill(1)]);
});

Deno.test("dropout follows seed and step, each pass has its own, and evaluation has none", () =>
  withRun({ method: "lora", lora_dropout: 0.4 }, async (run) => {
    const first = await stepOf(run);
    assertEquals((await stepOf(run)).loss, first.loss);
    assert((await stepOf(run, { step: 1 })).loss !== first.loss);
    assert((await stepOf(run, { seed: 1 })).loss !== first.loss);
    const batch = packBatch(run.trainExamples.slice(0, 1));
    const once = (await stepOf(run, { batches: [batch] })).loss;
    const twice = (await stepOf(run, { batches: [batch, batch] })).loss;
    assert(Math.abs(twice - once) > 1e-6, "both passes drop the same inputs");
    for (const { dropout } of run.adapter!.pairs.values()) assertEquals(dropout, null);
  }));

Deno.test("gradients through dropout, noise, packing and accumulation fit the loss's slope", () =>
  withRun({ method: "lora", lora_dropout: 0.3 }, async (run) => {
    const { device, parameters } = run.trainable;
    const [a, b, c, d] = run.trainExamples;
    const batches = [packBatch([a, b]), packBatch([c]), packBatch([d])];
    const changes = { batches, step: 5, neftuneAlpha: 5 };
    const { gradNorm } = await stepOf(run, changes);
    const gradients = await readAll(run, "gradient");
    const weights = await readAll(run, "tensor");
    // Along the gradient the slope is its norm. The step is small enough for the curvature, and large
    // enough for a loss in f32.
    const lossAt = async (distance: number) => {
      parameters.forEach(({ tensor }, i) => {
        const scale = distance / gradNorm;
        device.write(tensor, weights[i].map((weight, k) => weight + scale * gradients[i][k]));
      });
      return (await stepOf(run, changes)).loss;
    };
    const slope = (await lossAt(0.02) - await lossAt(-0.02)) / 0.04;
    assertAlmostEquals(slope, gradNorm, 0.01 * gradNorm);
  }));

Deno.test("a step changes what is trained and nothing else", () =>
  withRun({ method: "lora" }, async (run) => {
    const { device } = run.trainable;
    const trained = new Set(run.trainable.parameters.map(({ tensor }) => tensor.storage));
    const frozen = [...run.model.weights.values()].flatMap((weight) => {
      if (weight.kind === "vector") return [weight.tensor];
      const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
      return matrix.kind === "dense" ? matrix.parts.map((part) => part.values) : [];
    });
    assert(frozen.length === 12 && !frozen.some(({ storage }) => trained.has(storage)));
    const read = () => Promise.all(frozen.map((tensor) => device.readU32(tensor)));
    const [before, weights] = [await read(), await readAll(run, "tensor")];
    await stepOf(run, { learningRate: 0.01, weightDecay: 0.1 });
    assertEquals(await read(), before);
    for (const [i, values] of (await readAll(run, "tensor")).entries()) {
      assert(values.some((value, k) => value !== weights[i][k]), run.trainable.parameters[i].name);
    }
  }));

Deno.test("where a gradient is not finite, no weight changes", () =>
  withRun({ method: "lora" }, async (run) => {
    const { device, parameters } = run.trainable;
    const [poisoned] = parameters;
    const values = await device.readF32(poisoned.tensor);
    values[3] = NaN;
    device.write(poisoned.tensor, values);
    const weights = await readAll(run, "tensor");
    const { loss, gradNorm } = await stepOf(run, { learningRate: 0.01, maxGradNorm: 1 });
    assertEquals([loss, gradNorm], [NaN, NaN]);
    assertEquals(await readAll(run, "tensor"), weights);
  }));
