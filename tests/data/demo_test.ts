import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  DEMO_DATABASES,
  demoDatabase,
  demoFolder,
  type DemoSplitOptions,
  demoSplits,
} from "../../src/data/demo.ts";
import type { InstructionRecord } from "../../src/data/record.ts";
import { ConfigError } from "../../src/errors.ts";
import { loadBuilder } from "../../src/sql/build.ts";
import { INPUT_PARTS } from "./synthetic/input.ts";

const make = (options: Partial<DemoSplitOptions>) =>
  demoSplits({ seed: 3, train: 0, validation: 0, test: 0, ...options });
const parts = ({ input, output }: InstructionRecord) => {
  const [, ddl, question] = INPUT_PARTS.exec(input)!;
  return { ddl, question: question.toLowerCase(), sql: output };
};

const splits = make({ train: 2000, validation: 200, test: 300 });
const NAMES = ["train", "validation", "test"] as const;

Deno.test("demo databases: the scripts of the folder data/demo, by name", () => {
  for (const name of DEMO_DATABASES) {
    assertEquals(demoDatabase(name), Deno.readTextFileSync(`${demoFolder()}${name}/${name}.sql`));
  }
  const folders = Array.from(Deno.readDirSync(demoFolder())).filter((entry) => entry.isDirectory);
  assertEquals(folders.map(({ name }) => name).sort(), [...DEMO_DATABASES].sort());
  assertThrows(() => demoDatabase("toString"), ConfigError, "take one of ecommerce, finance");
});

Deno.test("demo splits: as many as asked for, about each database, and every query runs on its rows", async () => {
  assertEquals(NAMES.map((name) => splits[name].length), [2000, 200, 300]);
  const build = await loadBuilder();
  const all = NAMES.flatMap((name) => splits[name]);
  assertEquals(new Set(all.map(({ id }) => id)).size, all.length);
  const byDatabase = Map.groupBy(all, ({ meta }) => String(meta!.db_id));
  assertEquals([...byDatabase.keys()].sort(), [...DEMO_DATABASES].sort());
  for (const [name, records] of byDatabase) {
    assert(records.length > all.length / 10, `${records.length} about ${name}`);
    using connection = build(demoDatabase(name));
    let empty = 0;
    for (const { output } of records) {
      if (connection.query(output).rows.length === 0) empty++;
    }
    assert(empty <= records.length / 50, `${empty} of ${records.length} without rows`);
    using shown = build(parts(records[0]).ddl);
    assertEquals(shown.check(records[0].output), null);
  }
});

Deno.test("demo splits: no question and no query is in two, of whatever seeds", () => {
  const more = make({ seed: 4, train: 2000, validation: 200, test: 300 });
  const sets = (part: "question" | "sql") =>
    NAMES.map((name) => new Set([...splits[name], ...more[name]].map((row) => parts(row)[part])));
  for (const part of ["question", "sql"] as const) {
    const [train, validation, test] = sets(part);
    assert(train.isDisjointFrom(validation) && train.isDisjointFrom(test), part);
    assert(validation.isDisjointFrom(test), part);
  }
  const questions = splits.train.map((row) => parts(row).question);
  assertEquals(new Set(questions).size, questions.length);
});

Deno.test("demo splits: the same from the same seed, others from another; fewer are the first of more", () => {
  assertEquals(make({ train: 50, test: 9 }), make({ train: 50, test: 9 }));
  assertEquals(make({ train: 50 }).train, splits.train.slice(0, 50));
  assertEquals(make({ validation: 20 }).validation, splits.validation.slice(0, 20));
  assertEquals(make({ test: 20 }).test, splits.test.slice(0, 20));
  assert(
    make({ seed: 4, train: 50 }).train.every(({ input }, i) => input !== splits.train[i].input),
  );
});

Deno.test("demo splits: a record is worded as every other, with its database and its level", () => {
  const [{ id, instruction, input, output, source, meta }] = splits.validation;
  assertEquals([id, source, Object.keys(meta!)], [
    "demo-validation-1",
    "synthetic",
    ["db_id", "level", "theme"],
  ]);
  assertMatch(instruction, /^Write a SQL query that answers/);
  assertMatch(input, INPUT_PARTS);
  assertMatch(output, /^SELECT /);
});
