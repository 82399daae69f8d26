import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { writeUnseen } from "../../data/demo/make_unseen.ts";
import { DEMO_DATABASES, demoDatabase, demoFolder, demoSplits } from "../../src/data/demo.ts";
import { LEVELS } from "../../src/data/synthetic/level.ts";
import { FormatError } from "../../src/errors.ts";
import { openDemoRecords, scoreDemoAnswers } from "../../src/eval/demo.ts";
import { evaluate, followEvaluation } from "../../src/eval/evaluate.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import { summarise } from "../../src/eval/summary.ts";
import type { Benchmark } from "../../src/eval/benchmark.ts";
import { tempFolder } from "../train/support.ts";
import { SHOP_SQL, sourceOf, writeDatabase } from "./shop.ts";

async function scoresOf(benchmark: Benchmark, answers: readonly string[]) {
  const given = answers.map((sql, index) => ({ index, sql, latencyMs: null, tokens: null }));
  const source = { answers: given, predictor: null, log: null };
  return (await followEvaluation(evaluate(benchmark, source))).predictions;
}

const goldOf = ({ questions }: Benchmark) => questions.map(({ gold }) => gold);

Deno.test("demo: the project's fifty questions need no path, and their gold queries score fully", async () => {
  using benchmark = await openBenchmark("demo", sourceOf({ schemaStyle: "compact" }));
  const { questions, groups } = benchmark;
  assertEquals(questions.length, 50);
  assertEquals([...new Set(questions.map(({ dbId }) => dbId))], [...DEMO_DATABASES].sort());
  assertEquals([questions[0].id, questions.at(-1)!.id], ["ecommerce-1", "saas-10"]);
  // The schema is the whole one of the database, laid out as records for training are.
  const { input } = questions[0].prompt!;
  assertMatch(input, /^### Schema:\nCREATE TABLE customers \(id INTEGER PRIMARY KEY, [^\n]*\);\n/);
  assertEquals(input.match(/^CREATE TABLE \w+ \(.*\);$/gm)!.length, 5);
  assert(input.endsWith(`\n\n### Question:\n${questions[0].question}`));
  const scored = await scoresOf(benchmark, goldOf(benchmark));
  assertEquals(scored.filter(({ exec, exact, has_rows }) => !(exec && exact && has_rows)), []);
  const { groups: present, components } = summarise(scored, { seed: 1, groups, generation: null });
  assertEquals(present.map(({ name }) => name), [...LEVELS]);
  assertEquals(components!.where.all, { acc: 1, rec: 1, f1: 1 });
});

Deno.test("demo: questions about schemas that no training row has, as data/demo/make_unseen.ts writes them", async () => {
  using folder = tempFolder();
  const databases = await writeUnseen(folder.path, 40);
  using benchmark = await openBenchmark("demo", sourceOf({ data: folder.path }));
  assertEquals(benchmark.questions.length, 40);
  assertEquals(new Set(benchmark.questions.map(({ dbId }) => dbId)).size, databases);
  const scored = await scoresOf(benchmark, goldOf(benchmark));
  assertEquals(scored.filter(({ exec }) => !exec), []);
});

Deno.test("demo: answers are right by their rows, and wrong ones say why", async () => {
  const data = `${demoFolder()}retail/questions.jsonl`;
  for (const place of [{ data }, { data: `${demoFolder()}retail/` }]) {
    using benchmark = await openBenchmark("demo", sourceOf({ ...place, maxSamples: 3 }));
    const scored = await scoresOf(benchmark, [
      "SELECT stores.name FROM stores WHERE NOT city <> 'Leeds' ORDER BY id DESC",
      "SELECT AVG(salary) FROM employee WHERE position = 'cashier'",
      // The right rows in the wrong order.
      "SELECT name, price FROM products WHERE price BETWEEN 3 AND 6 ORDER BY price DESC, name",
    ]);
    assertEquals(scored.map(({ exec, error_kind, hardness }) => [exec, error_kind, hardness]), [
      [true, null, "easy"],
      [false, "unknown_table", "easy"],
      [false, "wrong_result", "medium"],
    ]);
  }
});

Deno.test("demo: questions of one's own beside a SQLite file or a script; rows that are none are told", async () => {
  using folder = tempFolder();
  await writeDatabase(folder("shop/shop.sqlite"), SHOP_SQL);
  const question = { db_id: "shop", question: "Which makers?", sql: "SELECT name FROM maker" };
  const file = folder("shop/questions.jsonl");
  const write = (rows: readonly unknown[]) =>
    Deno.writeTextFile(file, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  await write([question, { ...question, id: "own", query: question.sql, sql: undefined }]);
  const open = (data: string, more = {}) => openBenchmark("demo", sourceOf({ data, ...more }));
  for (const [data, more] of [[folder.path], [file, { db: folder("shop/shop.sqlite") }]] as const) {
    using benchmark = await open(data, more);
    assertMatch(benchmark.questions[0].id, /^question-[0-9a-f]{16}$/);
    assertEquals(benchmark.questions[1].id, "own");
    const { exec } = await benchmark.score(1, "SELECT name FROM maker");
    assertEquals(exec, true);
  }
  const fault = async (data: string) =>
    (await assertRejects(() => open(data), FormatError)).message;
  await write([question, { db_id: "shop", question: "Which?" }]);
  assertMatch(await fault(file), /questions\.jsonl: question 2: the row has no sql or query/);
  await write([{ ...question, db_id: "../shop" }]);
  assertMatch(await fault(file), /this is no name of a database; correct db_id/);
  await write([{ ...question, db_id: "none" }]);
  assertMatch(await fault(file), /none is not there; check --db_dir and db_id/);
  await Deno.remove(file);
  assertMatch(await fault(folder.path), /neither it nor a folder in it has a questions\.jsonl/);
  assertMatch(await fault(file), /there is no such file/);
});

Deno.test("demo records: answers are scored by executing them, without any file", async () => {
  const { test } = demoSplits({ seed: 5, train: 0, validation: 0, test: 40 });
  const gold = await scoreDemoAnswers(test, test.map(({ output }) => `${output};\n\n### More`));
  assertEquals(gold.filter(({ exec }) => !exec), []);
  assertEquals(
    gold.map(({ db_id, hardness }) => [db_id, hardness]),
    test.map(({ meta }) => [
      meta!.db_id,
      meta!.level,
    ]),
  );
  const texts = test.map(({ output }, i) =>
    [
      "",
      "SELECT name FROM nowhere",
      `SELECT * FROM (${output}) WHERE 0`,
      "```sql\nSELECT 1\n```",
    ][
      i % 4
    ]
  );
  const wrong = await scoreDemoAnswers(test, texts);
  assertEquals(wrong.slice(0, 4).map(({ error_kind }) => error_kind), [
    "empty",
    "unknown_table",
    "wrong_result",
    "wrong_result",
  ]);
  assert(wrong.filter(({ exec }) => exec).length <= 2, "a wrong answer is right");
  await assertRejects(() => scoreDemoAnswers(test, ["SELECT 1"]), RangeError, "one for each");
});

Deno.test("demo records: the prompts are those of training, and the databases those of data/demo", async () => {
  const { test } = demoSplits({ seed: 5, train: 0, validation: 0, test: 3 });
  using benchmark = await openDemoRecords(test);
  assertEquals(
    benchmark.questions.map(({ id, prompt }) => ({ id, ...prompt })),
    test.map((record) => (
      { id: record.id, instruction: record.instruction, input: record.input }
    )),
  );
  const foreign = [{ ...test[0], meta: { db_id: "shop" } }];
  await assertRejects(() => openDemoRecords(foreign), FormatError, "its db_id is shop, no demo");
  await assertRejects(() => openDemoRecords([{ ...test[0], output: "" }]), FormatError, "output");
});

Deno.test("records about demo databases are scored on their scripts, by their levels", async () => {
  using folder = tempFolder();
  const { test } = demoSplits({ seed: 6, train: 0, validation: 0, test: 30 });
  const lines = test.map((record) => JSON.stringify(record) + "\n").join("");
  await Deno.writeTextFile(folder("test.jsonl"), lines);
  const source = sourceOf({ data: folder("test.jsonl"), dbDir: demoFolder() });
  using benchmark = await openBenchmark("internal", source);
  assertEquals(benchmark.groups, LEVELS);
  const scored = await scoresOf(benchmark, goldOf(benchmark));
  assertEquals(scored.filter(({ exec, hardness }) => !exec || hardness === null), []);
  const judged = scored.filter(({ partial }) => partial !== null).length;
  assert(judged > 15 && judged < 30, `parts of ${judged} queries are scored`);
});

Deno.test("parts of queries: keys that are joined are equal, what cannot be read has no parts", async () => {
  using folder = tempFolder();
  await Deno.mkdir(folder("retail"));
  await Deno.writeTextFile(folder("retail/retail.sql"), demoDatabase("retail"));
  const sql = "SELECT COUNT(*) FROM sales JOIN products ON sales.product_id = products.id " +
    "WHERE products.price > 3 GROUP BY products.id";
  const questions = [
    { db_id: "retail", question: "How many?", sql },
    { db_id: "retail", question: "When?", sql: "SELECT strftime('%Y', sale_date) FROM sales" },
  ];
  const rows = questions.map((row) => JSON.stringify(row) + "\n").join("");
  await Deno.writeTextFile(folder("retail/questions.jsonl"), rows);
  using benchmark = await openBenchmark("demo", sourceOf({ data: folder.path }));
  const partOf = async (sql: string) => (await benchmark.score(0, sql)).partial!;
  const { group, where, select } = await partOf(
    sql.replace("GROUP BY products.id", "GROUP BY product_id").replace("> 3", "> 4")
      .replace("COUNT(*)", "SUM(quantity)"),
  );
  // As in Spider, the values of conditions do not count.
  assertEquals([group, where, select], [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]);
  assertEquals((await partOf("SELEC")).where, [0, 1, 0, 0, 0]);
  assertEquals((await benchmark.score(1, questions[1].sql)).partial, null);
});
