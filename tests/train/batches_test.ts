import { assert, assertEquals, assertThrows } from "@std/assert";
import { TrainingError } from "../../src/errors.ts";
import type { RaggedBatch } from "../../src/text/batch.ts";
import type { TokenizedExample } from "../../src/text/example.ts";
import { type BatchOptions, evaluationBatches, planBatches } from "../../src/train/batches.ts";

const OPTIONS: BatchOptions = {
  packing: false,
  prefix_sharing: false,
  shuffle: false,
  seed: 7,
  max_seq_length: 16,
  max_steps: -1,
  num_train_epochs: 2,
  per_device_train_batch_size: 2,
  gradient_accumulation_steps: 2,
};

/** Examples "0", "1", … of these lengths, of which the last two tokens are targets. */
function examplesOf(...lengths: number[]): TokenizedExample[] {
  return lengths.map((length, i) => ({
    id: `${i}`,
    ids: new Uint32Array(length).fill(i + 3),
    targetStart: Math.max(1, length - 2),
    truncated: false,
  }));
}

const idsOf = (batch: RaggedBatch) => batch.sequences.map(({ id }) => id).join(" ");

Deno.test("without shuffle every epoch takes the examples in file order", () => {
  const plan = planBatches(examplesOf(3, 4, 5, 6, 7), OPTIONS, { maxRows: 1000 });
  assertEquals(plan.steps.totalSteps, 4);
  const passes = [0, 1, 2, 3].map((step) => plan.batchesOf(step).map(idsOf));
  // Five examples are three batches, so the second step of an epoch has one batch of one example.
  assertEquals(passes, [["0 1", "2 3"], ["4"], ["0 1", "2 3"], ["4"]]);
  const [first] = plan.batchesOf(0);
  assertEquals([...first.tokens], [3, 3, 3, 4, 4, 4, 4]);
  assertEquals([...first.targetRows], [0, 1, 4, 5]);
});

Deno.test("a shuffled epoch has each example once, and another order than the next epoch", () => {
  const examples = examplesOf(...new Array(20).fill(4));
  const plan = planBatches(examples, { ...OPTIONS, shuffle: true }, { maxRows: 1000 });
  const orders = [0, 1].map((epoch) =>
    [0, 1, 2, 3, 4].flatMap((step) =>
      plan.batchesOf(epoch * 5 + step).flatMap((batch) => batch.sequences.map(({ id }) => id))
    )
  );
  const all = examples.map(({ id }) => id).sort();
  for (const order of orders) assertEquals(order.toSorted(), all);
  assert(orders[0].join() !== orders[1].join());
  assert(orders[0].join() !== examples.map(({ id }) => id).join());
});

Deno.test("a step's batches depend on the step alone, in whatever order they are asked for", () => {
  const options = { ...OPTIONS, shuffle: true };
  const examples = examplesOf(3, 4, 5, 6, 7, 8, 9);
  const forwards = planBatches(examples, options, { maxRows: 1000 });
  const backwards = planBatches(examples, options, { maxRows: 1000 });
  const steps = Array.from({ length: forwards.steps.totalSteps }, (_, step) => step);
  const expected = steps.map((step) => forwards.batchesOf(step));
  const found = steps.toReversed().map((step) => backwards.batchesOf(step)).reverse();
  assertEquals(found, expected);
  const other = planBatches(examples, { ...options, seed: 8 }, { maxRows: 1000 });
  assert(
    steps.some((step) =>
      other.batchesOf(step).map(idsOf).join() !== expected[step].map(idsOf).join()
    ),
  );
});

/** Twelve examples of two prompts by turns, which two tokens end. */
const twoPrompts = Array.from({ length: 12 }, (_, i): TokenizedExample => {
  const ids = Uint32Array.from({ length: 10 }, (_, at) => at < 8 ? 10 * (i % 2) + at : 50 + i);
  return { id: `${i}`, ids, targetStart: 9, truncated: false };
});
const SHARING: BatchOptions = {
  ...OPTIONS,
  prefix_sharing: true,
  per_device_train_batch_size: 3,
  gradient_accumulation_steps: 1,
};

Deno.test("with prefix sharing, examples of a batch begin alike and share these rows", () => {
  const plan = planBatches(twoPrompts, SHARING, { maxRows: 1000 });
  const batches = [0, 1, 2, 3].flatMap((step) => plan.batchesOf(step));
  assertEquals(batches.map(idsOf), ["0 2 4", "1 3 5", "6 8 10", "7 9 11"]);
  assertEquals(batches.map(({ tokens }) => tokens.length), [14, 14, 14, 14]);
  const shuffled = planBatches(twoPrompts, { ...SHARING, shuffle: true }, { maxRows: 1000 });
  const epochs = [0, 4].map((first) =>
    [0, 1, 2, 3].flatMap((step) => shuffled.batchesOf(first + step)).map((batch) => {
      const ids = batch.sequences.map(({ id }) => Number(id));
      assertEquals(new Set(ids.map((id) => id % 2)).size, 1);
      return ids;
    })
  );
  for (const ids of epochs) {
    assertEquals(ids.flat().toSorted((a, b) => a - b), [...twoPrompts.keys()]);
  }
  assert(epochs[0].join() !== epochs[1].join());
});

Deno.test("shared rows count once against maxRows", () => {
  const plan = planBatches(twoPrompts, { ...SHARING, per_device_train_batch_size: 6 }, {
    maxRows: 14,
  });
  assertEquals(plan.batchesOf(0).map(idsOf), ["0 2 4", "6 8 10"]);
  // Each sequence has 10 keys; without sharing their number is that of the rows.
  const limits = { maxRows: 20, maxKeys: 25 };
  const six = { ...SHARING, per_device_train_batch_size: 6 };
  assertEquals(planBatches(twoPrompts, six, limits).batchesOf(0).map(idsOf), [
    "0 2",
    "4 6",
    "8 10",
  ]);
  const alone = planBatches(twoPrompts, { ...six, prefix_sharing: false }, {
    maxRows: 30,
    maxKeys: 5,
  });
  assertEquals(alone.batchesOf(0).map(idsOf), ["0 1 2", "3 4 5"]);
});

Deno.test("evaluation shares rows too, and then takes what begins alike together", () => {
  const batches = evaluationBatches(twoPrompts, { batchSize: 6, sharePrefixes: true }, {
    maxRows: 1000,
  });
  assertEquals(batches.map(idsOf), ["0 2 4 6 8 10", "1 3 5 7 9 11"]);
  assertEquals(batches.map(({ tokens }) => tokens.length), [20, 20]);
});

Deno.test("a pass has at most maxRows rows; larger batches become several in the same order", () => {
  const examples = examplesOf(4, 4, 3, 8, 1, 1);
  const options = { ...OPTIONS, per_device_train_batch_size: 6, gradient_accumulation_steps: 1 };
  const passes = planBatches(examples, options, { maxRows: 8 }).batchesOf(0);
  assertEquals(passes.map(idsOf), ["0 1", "2", "3", "4 5"]);
  assertEquals(passes.map((pass) => pass.tokens.length), [8, 3, 8, 2]);
  assertEquals(evaluationBatches(examples, { batchSize: 6 }, { maxRows: 8 }).map(idsOf), [
    "0 1",
    "2",
    "3",
    "4 5",
  ]);
});

Deno.test("an example that no pass can hold is refused by name, in training and evaluation", () => {
  const examples = examplesOf(4, 9, 4);
  for (
    const plan of [
      () => planBatches(examples, OPTIONS, { maxRows: 8 }),
      () => evaluationBatches(examples, { batchSize: 2 }, { maxRows: 8 }),
    ]
  ) {
    const error = assertThrows(plan, TrainingError, "Cannot train on 1: it has 9 tokens");
    assert(error.message.includes("--max_seq_length 8"), error.message);
  }
});

Deno.test("with packing a sequence is a pack: no more than max_seq_length, each example once", () => {
  const lengths = [9, 3, 7, 5, 5, 11, 2, 6, 16, 1];
  const options = {
    ...OPTIONS,
    packing: true,
    num_train_epochs: 1,
    per_device_train_batch_size: 1,
  };
  const plan = planBatches(examplesOf(...lengths), options, { maxRows: 1000 });
  const passes = Array.from({ length: plan.steps.totalSteps }, (_, step) => plan.batchesOf(step))
    .flat();
  assert(passes.every((pass) => pass.tokens.length <= options.max_seq_length));
  // First fit: 9 3 2 1, 7 5, 5 11, 6, 16.
  assertEquals(passes.length, 5);
  const ids = passes.flatMap((pass) => pass.sequences.map(({ id }) => id));
  assertEquals(ids.toSorted(), lengths.map((_, i) => `${i}`).toSorted());
  // The sequences of a pack stay apart.
  const mixed = passes.find((pass) => pass.sequences.length > 1)!;
  const { start } = mixed.sequences[1];
  assertEquals(mixed.positions[start], 0);
});

Deno.test("evaluation takes the examples in file order, at most a batch size at once", () => {
  const batches = evaluationBatches(examplesOf(3, 4, 5, 6, 7), { batchSize: 2 }, { maxRows: 1000 });
  assertEquals(batches.map(idsOf), ["0 1", "2 3", "4"]);
  assertEquals(evaluationBatches([], { batchSize: 2 }, { maxRows: 1000 }), []);
});
