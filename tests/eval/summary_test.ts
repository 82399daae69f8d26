import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { random } from "../../src/data/random.ts";
import { bootstrapMean, quantile } from "../../src/eval/bootstrap.ts";
import { compareRuns } from "../../src/eval/compare.ts";
import { summarise } from "../../src/eval/summary.ts";
import { scoredAs } from "./scored.ts";

const OPTIONS = { seed: 42, groups: ["easy", "hard"], generation: null };

Deno.test("quantiles are interpolated between neighbours", () => {
  assertEquals([0, 0.5, 1].map((at) => quantile([10, 20, 40, 80], at)), [10, 30, 80]);
  assertEquals(quantile([7], 0.95), 7);
});

Deno.test("the interval of a mean: that of the normal distribution, and the same for a seed", () => {
  const source = random(3, "answers");
  const values = Array.from({ length: 1000 }, () => Number(source.float() < 0.7));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const estimate = bootstrapMean(values, { seed: 1 })!;
  assertAlmostEquals(estimate.value, mean, 1e-12);
  const half = 1.96 * Math.sqrt(mean * (1 - mean) / values.length);
  assertAlmostEquals(estimate.low, mean - half, 0.004);
  assertAlmostEquals(estimate.high, mean + half, 0.004);
  assertEquals(bootstrapMean(values, { seed: 1 }), estimate);
  const wide = values.map((value, index) => value + index / 7);
  assert(bootstrapMean(wide, { seed: 1 })!.low !== bootstrapMean(wide, { seed: 2 })!.low);
  assertEquals(bootstrapMean([1, 1, 1], { seed: 1 }), { value: 1, low: 1, high: 1 });
  assertEquals(bootstrapMean([], { seed: 1 }), null);
});

Deno.test("95 % intervals hold the true mean about 95 times in 100", () => {
  const source = random(11, "coverage");
  let inside = 0;
  for (let round = 0; round < 300; round++) {
    const values = Array.from({ length: 200 }, () => Number(source.float() < 0.4));
    const { low, high } = bootstrapMean(values, { seed: round, resamples: 400 })!;
    inside += Number(low <= 0.4 && 0.4 <= high);
  }
  assert(inside >= 270 && inside <= 297, `${inside} of 300`);
});

Deno.test("a summary: shares, groups in their order, errors by how frequent they are", () => {
  const predictions = [
    scoredAs({ id: "1", exact: true, exec: true, hardness: "hard", latency_ms: 100, tokens: 20 }),
    scoredAs({ id: "2", exact: false, exec: true, hardness: "easy", latency_ms: 300, tokens: 20 }),
    scoredAs({ id: "3", exec: false, error_kind: "syntax", hardness: "easy", has_rows: false }),
    scoredAs({ id: "4", exec: false, error_kind: "wrong_result", hardness: "easy" }),
    scoredAs({ id: "5", exec: false, error_kind: "syntax", hardness: "easy" }),
  ];
  const summary = summarise(predictions, OPTIONS);
  const { exec, exact } = summary.metrics;
  assertEquals([exec!.right, exec!.total, exec!.value], [2, 5, 0.4]);
  assertEquals([exact!.right, exact!.total], [1, 5]);
  assert(exec!.low < 0.4 && exec!.high > 0.4);
  assertEquals(summary.groups.map(({ name, count }) => [name, count]), [["easy", 4], ["hard", 1]]);
  assertEquals(summary.groups[0].metrics.exec!.value, 0.25);
  assertEquals([summary.with_rows!.count, summary.with_rows!.metrics.exec!.right], [4, 2]);
  assertEquals(summary.errors, [{ kind: "syntax", count: 2 }, { kind: "wrong_result", count: 1 }]);
  assertEquals(summary.latency_ms, { p50: 200, p95: 290, mean: 200, count: 2 });
  assertEquals(summary.tokens_per_second, 100);
  const generation = { seconds: 4, tokens: 40 };
  assertEquals(summarise(predictions, { ...OPTIONS, generation }).tokens_per_second, 10);
  assertEquals(summary.components, null);
});

Deno.test("a summary of what is not judged, or not there, leaves it out", () => {
  const summary = summarise([scoredAs({ id: "1", exec: null, exact: null })], OPTIONS);
  assertEquals(Object.keys(summary.metrics), ["parsed", "runs", "schema"]);
  assertEquals([summary.with_rows, summary.latency_ms, summary.tokens_per_second], [
    null,
    null,
    null,
  ]);
  assertEquals(summary.groups, []);
});

Deno.test("components: precision over predictions that have one, recall over gold queries", () => {
  const none = [0, 0, 1, 1, 1] as const, right = [1, 1, 1, 1, 1] as const;
  const onlyPred = [2, 0, 0, 0, 0] as const, wrong = [1, 1, 0, 0, 0] as const;
  const wheres = [none, right, right, onlyPred, wrong];
  const predictions = wheres.map((where, index) =>
    scoredAs({ id: `${index}`, hardness: "easy", partial: { where } as never })
  );
  const partial = (where: unknown) =>
    Object.fromEntries(
      [
        ...["select", "select(no AGG)", "where(no OP)", "group(no Having)", "group", "order"],
        ...["and/or", "IUEN", "keywords"],
      ].map((name) => [name, none]).concat([["where", where as never]]),
    );
  const whole = predictions.map((prediction, index) => ({
    ...prediction,
    partial: partial(wheres[index]) as never,
  }));
  const { components } = summarise(whole, OPTIONS);
  const { acc, rec, f1 } = components!.where.all;
  assertEquals([acc, rec], [2 / 4, 2 / 3]);
  assertAlmostEquals(f1, 2 * acc * rec / (acc + rec), 1e-12);
  // Where neither ever has it, the evaluator's F1 is 1.
  assertEquals(components!.order.easy, { acc: 0, rec: 0, f1: 1 });
});

const COMPARE = { seed: 42, groups: ["easy", "hard"], name: "outputs/base" };

Deno.test("a comparison: paired differences and the questions that flipped", () => {
  const before = [1, 1, 0, 0, 0].map((exec, i) =>
    scoredAs({ id: `${i}`, exec: exec === 1, pred: `old ${i}`, hardness: i < 2 ? "easy" : "hard" })
  );
  const after = [1, 0, 1, 1, 0].map((exec, i) =>
    scoredAs({ id: `${i}`, exec: exec === 1, pred: `new ${i}`, hardness: i < 2 ? "easy" : "hard" })
  );
  const result = compareRuns([...before, scoredAs({ id: "other" })], after, COMPARE);
  const exec = result.metrics.find(({ metric }) => metric === "exec")!;
  assertEquals([exec.count, exec.baseline, exec.current], [5, 0.4, 0.6]);
  assertAlmostEquals(exec.difference.value, 0.2, 1e-12);
  assert(exec.difference.low < 0.2 && exec.difference.high > 0.2);
  assertEquals([result.count, result.unmatched, result.flipped_by], [5, 1, "exec"]);
  assertEquals(result.gained.map(({ id }) => id), ["2", "3"]);
  assertEquals(result.lost.map(({ id, baseline, current }) => [id, baseline, current]), [
    ["1", "old 1", "new 1"],
  ]);
  const hard = result.groups[1].metrics.find(({ metric }) => metric === "exec")!;
  assertEquals([result.groups[1].name, hard.baseline], ["hard", 0]);
  assertAlmostEquals(hard.current, 2 / 3, 1e-12);
});

Deno.test("the interval of paired differences is narrower than that of two runs on their own", () => {
  const runs = [0, 1].map((run) =>
    Array.from(
      { length: 400 },
      (_, i) => scoredAs({ id: `${i}`, exec: i % 2 === run % 1 || i < 20 }),
    )
  );
  const [exec] = compareRuns(runs[0], runs[1], COMPARE).metrics.filter((m) => m.metric === "exec");
  assertEquals(exec.difference, { value: 0, low: 0, high: 0 });
});

Deno.test("runs that cannot be compared are told", () => {
  const one = [scoredAs({ id: "1" })];
  assertMatch(
    assertThrows(() => compareRuns([scoredAs({ id: "2" })], one, COMPARE), FormatError).message,
    /no question in common/,
  );
  assertMatch(
    assertThrows(() => compareRuns([scoredAs({ id: "1", gold: "x" })], one, COMPARE), FormatError)
      .message,
    /1 has another gold query there/,
  );
});
