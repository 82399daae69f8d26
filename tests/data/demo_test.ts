import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { demoRecords } from "../../src/data/demo.ts";
import type { InstructionRecord } from "../../src/data/record.ts";
import { ConfigError } from "../../src/errors.ts";

const INPUT = /^### Schema:\n(.+)\n\n### Question:\n(.+)$/;

function parts(record: InstructionRecord): { ddl: string; question: string } {
  assertMatch(record.input, INPUT);
  const [, ddl, question] = INPUT.exec(record.input)!;
  return { ddl, question };
}

Deno.test("every demo query runs on its own schema, and on no other", () => {
  for (const split of ["train", "val"] as const) {
    for (const record of demoRecords({ count: 400, seed: 3, split })) {
      const { ddl } = parts(record);
      const database = new DatabaseSync(":memory:");
      try {
        assertThrows(() => database.prepare(record.output), Error, "no such table");
        database.exec(ddl);
        database.prepare(record.output).all();
      } finally {
        database.close();
      }
    }
  }
});

Deno.test("demo records of one seed are the same, of another seed not", () => {
  const make = (seed: number) => demoRecords({ count: 50, seed, split: "train" });
  assertEquals(make(1), make(1));
  assert(make(1).some((record, i) => record.input !== make(2)[i].input));
  assertEquals(demoRecords({ count: 20, seed: 1, split: "train" }), make(1).slice(0, 20));
});

Deno.test("demo questions are distinct, and train and val of any seeds share none", () => {
  const train = new Set<string>();
  for (const seed of [1, 2, 3]) {
    const questions = demoRecords({ count: 1000, seed, split: "train" })
      .map((record) => parts(record).question);
    assertEquals(new Set(questions).size, 1000);
    for (const question of questions) train.add(question);
  }
  for (const seed of [1, 4]) {
    for (const record of demoRecords({ count: 300, seed, split: "val" })) {
      const { question } = parts(record);
      assert(!train.has(question), `train and val share "${question}"`);
    }
  }
});

Deno.test("demo rows vary in schema and in kind of query", () => {
  const records = demoRecords({ count: 400, seed: 5, split: "train" });
  const count = (pattern: RegExp) => records.filter(({ output }) => pattern.test(output)).length;
  assertEquals(new Set(records.map(({ meta }) => meta?.schema)).size, 6);
  for (
    const pattern of [/ WHERE /, /COUNT\(/, /AVG\(/, /MAX\(/, / LIMIT /, / GROUP BY /, / JOIN /]
  ) {
    assert(count(pattern) >= 10, `only ${count(pattern)} of 400 queries match ${pattern}`);
  }
  assert(records.some(({ output }) => output.includes("O''Neil")), "no quote is escaped");
  assert(records.every(({ output }) => !/[{}]|undefined/.test(output)), "a blank was not filled");
});

Deno.test("asking for more demo records than there are questions is an error", () => {
  assertThrows(
    () => demoRecords({ count: 20_000, seed: 1, split: "val" }),
    ConfigError,
    "Cannot make 20000 val demo records",
  );
});
