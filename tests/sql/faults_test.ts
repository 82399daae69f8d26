import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { nearest } from "../../src/sql/faults.ts";
import { levenshteinDistance } from "../../src/std/text.ts";
import { ownTime } from "./clock.ts";

Deno.test("levenshteinDistance: what the definition says", () => {
  const defined = (a: string, b: string): number =>
    a === "" || b === "" ? a.length + b.length : Math.min(
      defined(a.slice(1), b) + 1,
      defined(a, b.slice(1)) + 1,
      defined(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
    );
  const word = fc.string({ unit: fc.constantFrom("a", "b", "ä"), maxLength: 6 });
  fc.assert(
    fc.property(word, word, (a, b) => assertEquals(levenshteinDistance(a, b), defined(a, b))),
  );
  assertEquals(levenshteinDistance("kitten", "sitting"), 3);
});

Deno.test("nearest: the first of the nearest names, or none", () => {
  assertEquals(nearest("nme", ["age", "name", "Name", "names"]), "name");
  assertEquals(nearest("Singer ID", ["id", "singer_id"]), "singer_id");
  assertEquals(nearest("country", ["x", "yz"]), undefined);
  assertEquals(nearest("a", []), undefined);
  const many = Array.from({ length: 2000 }, (_, index) => `column_${index}`);
  assertEquals(nearest("colunm_1999x", [...many, "column_1999x"]), "column_1999x");
  assertEquals(nearest("nme", [...Array(100_000).fill("id"), "name"]), "name");
});

Deno.test("nearest: a hundred thousand long names take no long time", () => {
  const name = (index: number) => `${index}`.padStart(90, "abcdefghij");
  const candidates = Array.from({ length: 150_000 }, (_, index) => name(index));
  let fastest = Infinity;
  for (let attempt = 0; attempt < 4; attempt++) {
    const started = ownTime();
    assertEquals(nearest("x".repeat(90), candidates), undefined);
    fastest = Math.min(fastest, ownTime() - started);
  }
  assert(fastest < 50, `${fastest} ms`);
});
