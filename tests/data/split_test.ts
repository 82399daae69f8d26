import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Split } from "../../src/data/example.ts";
import { assignSplits, createGroups, type SplitRow } from "../../src/data/split.ts";

const options = { seed: 42, valRatio: 0.1, testRatio: 0.1 };

/** Rows about the schemas of the given names, and from files of the given splits. */
function build(rows: readonly (readonly [names: readonly string[], split: Split | null])[]) {
  const groups = createGroups();
  const built: SplitRow[] = rows.map(([names, split]) => ({ group: groups.add(names), split }));
  return { groups, rows: built };
}

function free(count: number, name: (i: number) => string[]) {
  return build(Array.from({ length: count }, (_, i) => [name(i), null]));
}

const countOf = (splits: readonly (Split | null)[], split: Split | null) =>
  splits.filter((each) => each === split).length;

Deno.test("groups are joined by rows that belong to several, in any order", () => {
  const groups = createGroups();
  const [a, b, c] = [["b"], ["c"], ["d"]].map((names) => groups.add(names));
  assert(groups.find(a) !== groups.find(b));
  groups.add(["c", "a", "b"]);
  assertEquals(groups.find(a), groups.find(b));
  assert(groups.find(c) !== groups.find(a));
  assertEquals([groups.key(a), groups.key(b), groups.key(c)], ["a", "a", "d"]);
});

Deno.test("shares are met to the row where groups are small, in both splits", () => {
  const { rows, groups } = free(1000, (i) => [`t${i >> 1}`]);
  const splits = assignSplits(rows, groups, options);
  assertEquals([countOf(splits, "val"), countOf(splits, "test")], [100, 100]);
});

Deno.test("the same seed gives the same split, another seed another", () => {
  const { rows, groups } = free(400, (i) => [`t${i % 40}`]);
  const splits = assignSplits(rows, groups, options);
  assertEquals(assignSplits(rows, groups, options), splits);
  assert(assignSplits(rows, groups, { ...options, seed: 43 }).some((s, i) => s !== splits[i]));
});

Deno.test("the split of a schema does not depend on the order of the rows", () => {
  const names = Array.from({ length: 60 }, (_, i) => [`t${i % 20}`]);
  const forward = build(names.map((name) => [name, null]));
  const backward = build(names.toReversed().map((name) => [name, null]));
  assertEquals(
    assignSplits(backward.rows, backward.groups, options).reverse(),
    assignSplits(forward.rows, forward.groups, options),
  );
});

Deno.test("with a few large groups the smallest is held back, with one none", () => {
  const few = free(100, (i) => [i < 10 ? "small" : i < 40 ? "middle" : "large"]);
  const splits = assignSplits(few.rows, few.groups, { seed: 1, valRatio: 0.05, testRatio: 0 });
  assertEquals([countOf(splits, "val"), countOf(splits, "train")], [10, 90]);
  const one = free(100, () => ["one"]);
  assertEquals(countOf(assignSplits(one.rows, one.groups, options), "train"), 100);
});

Deno.test("a ratio of 1 takes all, of 0 none", () => {
  const { rows, groups } = free(50, (i) => [`t${i % 7}`]);
  const ratios = (valRatio: number) =>
    assignSplits(rows, groups, { seed: 3, valRatio, testRatio: 0 });
  assertEquals(countOf(ratios(1), "val"), 50);
  assertEquals(countOf(ratios(0), "train"), 50);
});

Deno.test("files for evaluation keep their rows, and others lose what they share with them", () => {
  const { rows, groups } = build([
    [["a"], "train"],
    [["b"], "train"],
    [["b"], "val"],
    [["c"], "val"],
    [["c"], "test"],
    [["d", "c"], null],
  ]);
  assertEquals(assignSplits(rows, groups, options), ["train", null, "val", null, "test", null]);
});

Deno.test("no schema is ever on two sides, and no row is lost without a file for evaluation", () => {
  const names = fc.array(fc.integer({ min: 0, max: 30 }).map((n) => `t${n}`), {
    minLength: 1,
    maxLength: 3,
  });
  const split = fc.constantFrom<Split | null>("train", "val", "test", null);
  const ratio = fc.integer({ min: 0, max: 5 }).map((n) => n / 10);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(names, split), { maxLength: 80 }),
      fc.boolean(),
      ratio,
      ratio,
      (given, noFiles, valRatio, testRatio) => {
        const { rows, groups } = build(
          given.map(([names, split]) => [names, noFiles ? null : split]),
        );
        const splits = assignSplits(rows, groups, { seed: 5, valRatio, testRatio });
        const sides = new Map<string, Set<Split>>();
        given.forEach(([names], i) => {
          const side = splits[i];
          if (side === null) return assert(!noFiles, "a row was lost");
          for (const name of names) {
            sides.set(name, (sides.get(name) ?? new Set<Split>()).add(side));
          }
        });
        for (const [name, found] of sides) assertEquals(found.size, 1, name);
        given.forEach(([, split], i) => {
          if (!noFiles && split === "test") assertEquals(splits[i], "test");
        });
      },
    ),
    { numRuns: 400, seed: 11 },
  );
});
