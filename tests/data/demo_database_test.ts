import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { demoRecords } from "../../src/data/demo.ts";
import { DEMO_DATABASES, demoDatabase, writeDemoBenchmark } from "../../src/data/demo_database.ts";
import { ConfigError } from "../../src/errors.ts";
import { evaluate } from "../../src/eval/evaluate.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { sourceOf } from "../eval/shop.ts";
import { tempFolder } from "../train/support.ts";

Deno.test("every demo query runs on the demo database of its schema, many with rows", async () => {
  let withRows = 0;
  const records = demoRecords({ count: 300, seed: 5, split: "train" });
  for (const name of DEMO_DATABASES) {
    using database = await openDatabase({ ddl: demoDatabase(name) });
    for (const { output } of records.filter(({ meta }) => meta!.schema === name)) {
      const { rows } = await database.query(output);
      if (rows.length > 0) withRows++;
    }
  }
  assert(withRows > 200, `${withRows} of 300 queries give rows`);
});

Deno.test("the same seed gives the same rows, another one others; an unknown name is refused", () => {
  assertEquals(demoDatabase("shop", { seed: 1 }), demoDatabase("shop", { seed: 1 }));
  assert(demoDatabase("shop", { seed: 1 }) !== demoDatabase("shop", { seed: 2 }));
  assertThrows(() => demoDatabase("toString"), ConfigError, "take one of shop, clinic");
});

Deno.test("the demo benchmark is read as Spider's, and its gold queries score fully", async () => {
  using folder = tempFolder();
  const data = await writeDemoBenchmark(folder("benchmark"), { count: 24 });
  using benchmark = await openBenchmark("spider", sourceOf({ data }));
  assertMatch(benchmark.questions[0].prompt!.input, /^### Schema:\nCREATE TABLE [\s\S]*\?$|\.$/);
  const answers = benchmark.questions.map(({ gold }, index) => (
    { index, sql: gold, latencyMs: null, tokens: null }
  ));
  const events = await Array.fromAsync(
    evaluate(benchmark, { answers, predictor: null, log: null }),
  );
  const scores = events.flatMap((event) => event.type === "score" ? [event.prediction] : []);
  assertEquals(scores.length, 24);
  assertEquals(scores.filter(({ exec, exact }) => !(exec && exact)), []);
});
