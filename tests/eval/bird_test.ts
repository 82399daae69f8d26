import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { compareSets } from "../../src/eval/bird.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { sharedTest } from "../shared.ts";
import { tempFolder } from "../train/support.ts";
import { SHOP_SQL, sourceOf, writeDatabase } from "./shop.ts";

sharedTest("bird: the official verdicts on GPT-4's answers about superheroes", async (path) => {
  const file = path("data/bird/oracle/superhero.minidev.gpt-4.verdicts.jsonl");
  const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  const source = sourceOf({ data: path("data/bird/mini_dev_sqlite.json"), timeoutMs: 30_000 });
  using benchmark = await openBenchmark("bird", source);
  const found = [];
  for (const { i, pred } of lines) {
    const { exec, hardness } = await benchmark.score(i, pred);
    found.push({ i, ex: Number(exec), difficulty: hardness });
  }
  assertEquals(found, lines.map(({ i, ex, difficulty }) => ({ i, ex, difficulty })));
  assertEquals(found.filter(({ ex }) => ex === 1).length, 40);
});

const GOLD = "SELECT city, age FROM customer WHERE age > 30";

Deno.test("bird: the set of rows decides, and every failure is a wrong answer", async () => {
  using database = await openDatabase({ ddl: SHOP_SQL });
  const kindOf = async (pred: string, gold = GOLD) =>
    (await compareSets(pred, gold, { database, timeoutMs: 300 }))?.kind ?? "right";
  assertEquals(await kindOf(GOLD), "right");
  assertEquals(await kindOf(`${GOLD} ORDER BY age DESC`), "right");
  assertEquals(await kindOf(`${GOLD} UNION ALL ${GOLD};`), "right");
  assertEquals(await kindOf("SELECT city, age * 1.0 FROM customer WHERE age > 30"), "right");
  assertEquals(await kindOf("SELECT age, city FROM customer WHERE age > 30"), "wrong_result");
  assertEquals(await kindOf("SELECT city, age FROM customer"), "wrong_result");
  assertEquals(await kindOf("SELECT city, age FROM client"), "unknown_table");
  assertEquals(await kindOf("SELEC city"), "syntax");
  assertEquals(await kindOf(`${GOLD}; SELECT 1`), "not_allowed");
  const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
  assertEquals(await kindOf(`${endless} WHERE x < 0`), "timeout");
  assertEquals(await kindOf("SELECT 1", "SELECT nothing FROM nowhere"), "gold_failed");
  // Python runs a text without a statement, and gets no rows.
  assertEquals(await kindOf("-- none", "SELECT 1 WHERE 0"), "right");
});

Deno.test("bird: difficulty, evidence in the prompt, and the schema from the database", async () => {
  using folder = tempFolder();
  await writeDatabase(folder("dev_databases/shop/shop.sqlite"), SHOP_SQL);
  const question = { db_id: "shop", question: "How many?", evidence: "many: more than 1" };
  const row = { ...question, question_id: 7, SQL: "SELECT 4", difficulty: "challenging" };
  await Deno.writeTextFile(folder("dev.json"), JSON.stringify([row]));
  using benchmark = await openBenchmark("bird", sourceOf({ data: folder("dev.json") }));
  const [{ id, prompt, dbId }] = benchmark.questions;
  assertEquals([id, dbId], ["bird-1", "shop"]);
  assertMatch(prompt!.input, /^### Schema:\nCREATE TABLE maker \([\s\S]*### Evidence:\nmany: more/);
  const { exec, exact, hardness, hasRows } = await benchmark.score(
    0,
    "SELECT count(*) FROM product",
  );
  assertEquals({ exec, exact, hardness, hasRows }, {
    exec: true,
    exact: null,
    hardness: "challenging",
    hasRows: true,
  });
  await Deno.remove(folder("dev_databases"), { recursive: true });
  const missing = await assertRejects(
    () => openBenchmark("bird", sourceOf({ data: folder("dev.json") })),
    FormatError,
  );
  assert(/there is no folder dev_databases beside it; name it with --db_dir/.test(missing.message));
});
