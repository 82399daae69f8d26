import { assert, assertEquals } from "@std/assert";
import { random } from "../../src/data/random.ts";
import {
  equalLists,
  equalResults,
  equalSets,
  pythonFloat,
  type Row,
  valueKey,
} from "../../src/eval/results.ts";

const anyOrder = { ordered: false }, inOrder = { ordered: true };

Deno.test("values are equal where Python finds them equal", () => {
  const equal: [unknown, unknown][] = [[1n, 1], [0n, -0], [2n ** 60n, 2 ** 60], [null, null]];
  const different: [unknown, unknown][] = [
    [1n, "1"],
    [null, ""],
    [null, 0n],
    ["a", "A"],
    [2n ** 60n + 1n, 2 ** 60],
    [1.5, 1n],
    ["null", null],
    [new Uint8Array([97]), "a"],
  ];
  for (const [a, b] of equal) assertEquals(valueKey(a as never), valueKey(b as never));
  for (const [a, b] of different) {
    assert(valueKey(a as never) !== valueKey(b as never), `${a} and ${b}`);
  }
});

Deno.test("equalResults: the order of columns never counts, that of rows only where it matters", () => {
  const a: Row[] = [["x", 1n], ["y", 2n]];
  assert(equalResults(a, [[1, "x"], [2, "y"]], inOrder));
  assert(!equalResults(a, [[2, "y"], [1, "x"]], inOrder));
  assert(equalResults(a, [[2, "y"], [1, "x"]], anyOrder));
  // One order of columns has to hold for all rows.
  assert(!equalResults(a, [["x", 1n], [2n, "y"]], anyOrder));
  assert(!equalResults([[1n, 2n], [3n, 4n]], [[2n, 1n], [3n, 4n]], anyOrder));
});

Deno.test("equalResults: the number of equal rows counts, and of columns", () => {
  assert(!equalResults([[1n], [1n], [2n]], [[1n], [2n], [2n]], anyOrder));
  assert(!equalResults([[1n], [1n]], [[1n]], anyOrder));
  assert(!equalResults([[1n]], [[1n, 1n]], anyOrder));
  assert(!equalResults([[1n]], [], anyOrder));
  assert(equalResults([], [], inOrder));
});

Deno.test("equalResults finds the order of columns among many that look alike", () => {
  const source = random(7, "columns");
  for (let round = 0; round < 200; round++) {
    const width = 1 + source.below(6);
    const rows: bigint[][] = Array.from(
      { length: 1 + source.below(8) },
      () => Array.from({ length: width }, () => BigInt(source.below(2))),
    );
    const order = source.shuffle(Array.from({ length: width }, (_, index) => index));
    const moved = source.shuffle(rows.map((row) => order.map((column) => row[column])));
    assert(equalResults(rows, moved, anyOrder), JSON.stringify({ order }));
    // With one value changed, the number of ones in the whole result differs.
    const changed = moved.map((row) => [...row]);
    changed[0][0] = 1n - changed[0][0];
    assert(!equalResults(rows, changed, anyOrder));
  }
});

Deno.test("equalResults keeps the evaluator's quirk: values are put in the order of their text", () => {
  // As text, "1/" comes between 1.0 and 1, so the sorted rows differ though the values are equal.
  assert(!equalResults([[1n, "1/"]], [[1, "1/"]], anyOrder));
  assert(equalResults([[1n, "a"]], [[1, "a"]], anyOrder));
});

Deno.test("equalSets and equalLists: BIRD's rule and WikiSQL's", () => {
  assert(equalSets([[1n], [1n], [2n]], [[2], [1]]));
  assert(!equalSets([[1n, "a"]], [["a", 1n]]));
  assert(!equalSets([[1n]], [[1n], [null]]));
  assert(equalLists([[1n], [2n]], [[1], [2]]));
  assert(!equalLists([[1n], [2n]], [[2n], [1n]]));
  assert(!equalLists([[1n], [1n]], [[1n]]));
});

Deno.test("long values are equal where all of them is, and rows of them need no longer text", () => {
  const long = "\u0001".repeat(2_000_000);
  const row: Row = Array.from({ length: 30 }, () => long);
  const other: Row = [...row.slice(1), `${long.slice(1)}x`];
  const bytes = new Uint8Array(2000), otherBytes = bytes.with(1999, 1);
  assert(equalLists([row], [[...row]]) && equalSets([row, row], [row]));
  assert(equalResults([row], [row], inOrder));
  assert(!equalLists([row], [other]) && !equalSets([row], [other]));
  assert(!equalSets([[1n]], [row]) && !equalLists([[1n], [2n]], [row]));
  assert(equalLists([[bytes]], [[bytes.slice()]]) && !equalLists([[bytes]], [[otherBytes]]));
  // Where one value ends and the next begins counts.
  assert(!equalLists([["a", "text b"]], [["a6 text b", ""]]));
});

Deno.test("pythonFloat writes floats as Python does", () => {
  const cases: [number, string][] = [
    [1, "1.0"],
    [-0, "-0.0"],
    [0.1, "0.1"],
    [1e16, "1e+16"],
    [123456789012345680, "1.2345678901234568e+17"],
    [9999999999999998, "9999999999999998.0"],
    [1e-5, "1e-05"],
    [0.0001, "0.0001"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
  ];
  for (const [value, text] of cases) assertEquals(pythonFloat(value), text);
});
