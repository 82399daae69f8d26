import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { random } from "../../src/data/random.ts";
import { batchRows, packBatch, sequenceLength } from "../../src/text/batch.ts";
import type { TokenizedExample } from "../../src/text/example.ts";
import {
  arrangeByCluster,
  prefixClusters,
  prefixGroups,
  sharedPrefix,
} from "../../src/data/prefix_sharing.ts";

function example(id: string, ids: number[], targetStart = ids.length - 1): TokenizedExample {
  return { id, ids: Uint32Array.from(ids), targetStart, truncated: false };
}

const a = example("a", [1, 5, 6, 7, 20, 30, 2], 5);
const b = example("b", [1, 5, 6, 7, 21, 31, 32, 2], 6);
const c = example("c", [1, 5, 8, 8, 22, 33, 2], 5);
const other = example("other", [1, 9, 9, 9, 9, 9, 2], 5);
const groupsOf = (examples: readonly TokenizedExample[]) =>
  prefixGroups(examples).map(({ prefix, members }) => [
    prefix,
    members.map(({ id }) => id).join(),
  ]);

Deno.test("a shared prefix ends where tokens differ, and before a row that predicts a target", () => {
  assertEquals([sharedPrefix(a, b), sharedPrefix(a, c), sharedPrefix(a, other)], [4, 2, 1]);
  const [early, late] = [{ ...a, targetStart: 3 }, { ...a, targetStart: 6 }];
  // Row 2 of `early` predicts its target, token 3.
  assertEquals([sharedPrefix(early, late), sharedPrefix(a, { ...a })], [2, 4]);
  const whole = { ...a, targetStart: 1 };
  assertEquals(sharedPrefix(whole, whole), 0);
});

Deno.test("neighbours that begin alike for half of their length are a group", () => {
  assertEquals(groupsOf([a, b, other]), [[4, "a,b"], [0, "other"]]);
  // 2 of a prompt's 5 tokens are not worth it, 3 are; then the group shares what all of it have.
  assertEquals(groupsOf([a, c]), [[0, "a"], [0, "c"]]);
  const short = example("short", [1, 5, 6, 9, 40, 2], 4);
  const alike = example("alike", [1, 5, 6, 9, 41, 2], 5);
  const less = example("less", [1, 5, 6, 7, 41, 2], 5);
  assertEquals(groupsOf([alike, short, less]), [[3, "alike,short,less"]]);
  assertEquals(groupsOf([short, less, alike]), [[3, "short,less,alike"]]);
  assertEquals(groupsOf([]), []);
  // One more that shares 5 tokens: with two that share 8 it saves 2 × 5 rows, with three less than now.
  const long = (id: string, shared: number) => {
    const ids = Array.from({ length: 9 }, (_, i) => i < shared ? i : 50 + i);
    return example(id, [...ids, 60, 2], 9);
  };
  const [one, two, three, half] = [long("1", 9), long("2", 8), long("3", 8), long("half", 5)];
  assertEquals(groupsOf([one, two, half]), [[5, "1,2,half"]]);
  assertEquals(groupsOf([one, two, three, half]), [[8, "1,2,3"], [0, "half"]]);
});

Deno.test("a batch holds the rows of a shared prefix once", () => {
  const batch = packBatch([other, a, b], { sharePrefixes: true });
  assertEquals([...batch.tokens], [...other.ids, ...a.ids, 21, 31, 32, 2]);
  assertEquals([...batch.positions], [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7]);
  assertEquals(batch.sequences, [
    { id: "other", start: 0, end: 7 },
    { id: "a", start: 7, end: 14 },
    { id: "b", start: 14, end: 18, prefix: { start: 7, end: 11 } },
  ]);
  assertEquals([...batch.targetRows], [4, 5, 11, 12, 15, 16]);
  assertEquals([...batch.targetIds], [9, 2, 30, 2, 32, 2]);
  assertEquals(batch.sequences.map(sequenceLength), [7, 7, 8]);
});

/** Examples of few tokens, so that many begin alike. */
const anyExamples = fc.array(
  fc.record({
    ids: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 8 }),
    targets: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 12 },
).map((made) =>
  made.map(({ ids, targets }, i) => example(`${i}`, ids, Math.max(1, ids.length - targets)))
);

Deno.test("however rows are shared, every sequence and its targets can be read back", () => {
  fc.assert(fc.property(anyExamples, (examples) => {
    const batch = packBatch(examples, { sharePrefixes: true });
    assertEquals(batch.tokens.length, batchRows(examples, { sharePrefixes: true }));
    assertEquals(batch.sequences.map(({ id }) => id), examples.map(({ id }) => id));
    let target = 0;
    batch.sequences.forEach(({ start, end, prefix }, i) => {
      const rows = [
        ...Array.from(
          { length: prefix ? prefix.end - prefix.start : 0 },
          (_, j) => prefix!.start + j,
        ),
        ...Array.from({ length: end - start }, (_, j) => start + j),
      ];
      const { ids, targetStart } = examples[i];
      assertEquals(rows.map((row) => batch.tokens[row]), [...ids]);
      assertEquals(rows.map((row) => batch.positions[row]), [...ids.keys()]);
      for (let j = targetStart; j < ids.length; j++) {
        assertEquals(batch.targetRows[target], rows[j - 1]);
        assertEquals(batch.targetIds[target++], ids[j]);
      }
    });
    assertEquals(target, batch.targetRows.length);
    assertEquals(new Set(batch.targetRows).size, target);
  }));
});

Deno.test("examples that begin alike are a cluster, in whatever order they come", () => {
  const clusterOf = (examples: TokenizedExample[]) => {
    const clusters = prefixClusters(examples);
    return (one: TokenizedExample) => clusters[examples.indexOf(one)];
  };
  for (const examples of [[a, b, other, c], [other, b, c, a]]) {
    const cluster = clusterOf(examples);
    assertEquals(cluster(a), cluster(b));
    assertEquals(new Set([cluster(a), cluster(other), cluster(c)]).size, 3);
  }
  assertEquals([...prefixClusters([a, { ...a }])], [0, 0]);
  assertEquals(prefixClusters([]).length, 0);
});

Deno.test("batches are of one cluster as far as they can, and none is lost", () => {
  const order = Uint32Array.of(3, 0, 6, 1, 4, 2, 7, 5);
  const clusters = Uint32Array.of(0, 0, 1, 0, 1, 2, 1, 0);
  // Cluster 0 is 3 0 1 7, cluster 1 is 6 4 2, cluster 2 is 5.
  const found = arrangeByCluster(order, clusters, { size: 3, rng: null });
  assertEquals([...found], [3, 0, 1, 6, 4, 2, 7, 5]);
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 6 }),
    (numbers, size) => {
      const order = Uint32Array.from(numbers, (_, i) => i);
      const clusters = Uint32Array.from(numbers);
      const arrange = (seed: number) =>
        arrangeByCluster(order, clusters, { size, rng: random(seed, "test") });
      const arranged = arrange(1);
      assertEquals(arranged.toSorted(), order);
      assertEquals(arrange(1), arranged);
      const batches = Array.from(
        { length: Math.ceil(order.length / size) },
        (_, i) => [...arranged.subarray(i * size, (i + 1) * size)],
      );
      const mixed = batches.filter((batch) => new Set(batch.map((i) => clusters[i])).size > 1);
      // What fills no batch of its own is fewer than a batch for each cluster.
      assert(mixed.length <= Math.ceil(4 * (size - 1) / size));
    },
  ));
});
