import { assert, assertEquals } from "@std/assert";
import { random } from "../../../src/data/random.ts";
import { smallDatabase } from "../../../src/data/synthetic/databases.ts";
import {
  indefinite,
  isPlural,
  listed,
  monthInWords,
  plural,
  say,
  sentence,
} from "../../../src/data/synthetic/english.ts";
import { levelOf } from "../../../src/data/synthetic/level.ts";
import { syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { FormatError, SqlError } from "../../../src/errors.ts";
import { hardnessOf } from "../../../src/eval/spider/hardness.ts";
import { parseQuery } from "../../../src/eval/spider/parse.ts";
import { spiderSchema } from "../../../src/eval/spider/schema.ts";

Deno.test("english: a pattern takes one of its alternatives; slots are never taken for patterns", () => {
  const rng = random(1);
  const texts = new Set(
    Array.from({ length: 200 }, () => say(rng, "(a|b (c|d)|) <x>", { x: "(y|z) <x>" })),
  );
  assertEquals([...texts].sort(), [" (y|z) <x>", "a (y|z) <x>", "b c (y|z) <x>", "b d (y|z) <x>"]);
  assertEquals(say(rng, "<unknown>"), "<unknown>");
});

Deno.test("english: plurals, articles, lists and sentences", () => {
  const cases = {
    city: "cities",
    day: "days",
    class: "classes",
    branch: "branches",
    "date of birth": "dates of birth",
    pages: "pages",
    "tickets sold": "tickets sold",
    "units in stock": "units in stock",
    status: "statuses",
    species: "species",
    diagnosis: "diagnoses",
    address: "addresses",
  };
  for (const [one, many] of Object.entries(cases)) assertEquals(plural(one), many);
  assertEquals(
    ["pages", "years of experience", "number of pages", "address", "status"].map(isPlural),
    [
      true,
      true,
      false,
      false,
      false,
    ],
  );
  assertEquals(["order", "hour rate", "unit price", "user", "age"].map(indefinite), [
    "an order",
    "a hour rate",
    "a unit price",
    "a user",
    "an age",
  ]);
  assertEquals([listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")], [
    "a",
    "a and b",
    "a, b or c",
  ]);
  assertEquals(sentence("how many  are there"), "How many are there?");
  assertEquals(sentence("which is it? Give the name"), "Which is it? Give the name.");
  assertEquals(monthInWords("2023-05"), "May 2023");
});

Deno.test("levels: clauses, further traits, subqueries and set operations", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["SELECT a FROM t", "easy"],
    ["SELECT COUNT(*) FROM t WHERE b = 'x AND y LIMIT 3'", "easy"],
    ["SELECT a, b FROM t WHERE c = 1", "medium"],
    ["SELECT a FROM t WHERE c = 1 ORDER BY d", "medium"],
    ["SELECT a FROM t WHERE c BETWEEN 1 AND 2", "easy"],
    ["SELECT t.a, COUNT(*) FROM t JOIN u ON t.i = u.i GROUP BY t.a", "medium"],
    ["SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY COUNT(*)", "hard"],
    ["SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY COUNT(*) LIMIT 1", "extra"],
    ["SELECT a FROM t WHERE b > (SELECT AVG(b) FROM t)", "hard"],
    ["SELECT a, c FROM t WHERE b > (SELECT AVG(b) FROM t WHERE c = 1)", "extra"],
    ["SELECT a FROM t WHERE b = 1 EXCEPT SELECT a FROM t WHERE c = 1", "hard"],
  ];
  for (const [sql, level] of cases) assertEquals(levelOf(sql), level, sql);
});

Deno.test("levels: those of Spider's evaluator for 98 of 100 queries that it can read", () => {
  let read = 0;
  let same = 0;
  for (const { sql, level, database } of syntheticPairs({ split: "train", seed: 1, count: 2000 })) {
    let hardness: string;
    try {
      hardness = hardnessOf(parseQuery(sql, spiderSchema(database.schema)));
    } catch (error) {
      assert(error instanceof FormatError || error instanceof SqlError, String(error));
      continue;
    }
    read++;
    if (hardness === level) same++;
  }
  assert(read > 1500, `${read}`);
  assert(same / read >= 0.98, `${same} of ${read}`);
});

Deno.test("small databases: names differ within a table and a schema, and styles between schemas", () => {
  const styles = new Set<string>();
  for (let index = 0; index < 300; index++) {
    const { schema } = smallDatabase(index, { seed: 5, unseen: index % 4 === 0 });
    const tables = schema.tables.map(({ name }) => name.toLowerCase());
    assertEquals(new Set(tables).size, tables.length);
    for (const { name, columns } of schema.tables) {
      const names = columns.map((column) => column.name.toLowerCase());
      assertEquals(new Set(names).size, names.length, `${name}: ${names}`);
      assert(columns.length >= 3, name);
      for (const { name } of columns) {
        if (/^[a-z]+_[a-z_]+$/.test(name)) styles.add("snake");
        if (/^[A-Z]+_[A-Z_]+$/.test(name)) styles.add("upper");
        if (/^[a-z]+[A-Z][a-zA-Z]+$/.test(name)) styles.add("camel");
        if (/^[A-Z][a-z]+[A-Z][a-zA-Z]+$/.test(name)) styles.add("pascal");
      }
    }
  }
  assertEquals(styles.size, 4);
});
