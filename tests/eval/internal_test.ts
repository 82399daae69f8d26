import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { schemaQuestion, TEXT_TO_SQL_INSTRUCTION } from "../../src/data/question.ts";
import { FormatError } from "../../src/errors.ts";
import { kindOf, normaliseSql } from "../../src/eval/internal/sql_text.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import { tempFolder } from "../train/support.ts";
import { SHOP_SQL, sourceOf, writeDatabase } from "./shop.ts";

Deno.test("the same query in other clothes is the same text", () => {
  const same: [string, string][] = [
    ["SELECT a, b FROM t;", "select  A ,b\nfrom T"],
    ["SELECT 'x' FROM t", 'SELECT "x" FROM t -- so'],
    ["SELECT [a] FROM `t` WHERE a<>1", "SELECT a FROM t WHERE a != 1"],
    ["SELECT count(*) FROM t", "SELECT COUNT ( * ) FROM t /* all */ ;;"],
  ];
  for (const [a, b] of same) assertEquals(normaliseSql(a), normaliseSql(b));
  const different: [string, string][] = [
    ["SELECT 'x'", "SELECT 'X'"],
    ["SELECT a FROM t", "SELECT b FROM t"],
    ["SELECT a < b", "SELECT a <= b"],
    ["SELECT 'a b'", "SELECT 'a  b'"],
  ];
  for (const [a, b] of different) assertEquals(normaliseSql(a) === normaliseSql(b), false, a);
});

Deno.test("kinds of queries", () => {
  assertEquals(kindOf("SELECT a FROM t"), "simple select");
  assertEquals(kindOf("SELECT a FROM t WHERE b = 'count (x)'"), "where");
  assertEquals(kindOf("SELECT COUNT(a) FROM t WHERE b = 1"), "aggregation");
  assertEquals(kindOf("SELECT a FROM t WHERE b = (SELECT max(b) FROM t)"), "aggregation");
});

const DDL = "CREATE TABLE maker (id INTEGER, name TEXT, country TEXT)";

async function writeRecords(path: string, schema = DDL): Promise<string> {
  const record = (id: string, output: string) => ({
    id,
    instruction: TEXT_TO_SQL_INSTRUCTION,
    input: schemaQuestion(schema, "Which makers?"),
    output,
    meta: { db_id: "shop" },
  });
  const records = [
    record("a", "SELECT name FROM maker"),
    record("a", "SELECT id FROM maker ORDER BY id"),
  ];
  await Deno.writeTextFile(path, records.map((row) => JSON.stringify(row) + "\n").join(""));
  return path;
}

Deno.test("records without a database: text, syntax and schema are judged, results are not", async () => {
  using folder = tempFolder();
  const data = await writeRecords(folder("val.jsonl"));
  using benchmark = await openBenchmark("internal", sourceOf({ data }));
  assertEquals(benchmark.questions.map(({ id, dbId }) => [id, dbId]), [["a", "shop"], [
    "a (2)",
    "shop",
  ]]);
  assertMatch(benchmark.questions[0].prompt!.input, /^### Schema:\nCREATE TABLE maker/);
  const cases: [string, boolean, boolean, boolean, boolean][] = [
    ["select NAME from maker;", true, true, true, true],
    ["SELECT country FROM maker", true, false, true, true],
    ["SELECT nme FROM maker", true, false, false, false],
    ["SELECT name FROM makers", true, false, false, false],
    ["SELECT name FRO maker", false, false, false, false],
    ["DROP TABLE maker", true, false, false, true],
    ["", false, false, false, false],
  ];
  for (const [sql, parsed, exact, runs, schema] of cases) {
    const verdict = await benchmark.score(0, sql);
    const { exec, hasRows } = verdict;
    assertEquals(
      [verdict.parsed, verdict.exact, verdict.runs, verdict.schema, exec, hasRows],
      [parsed, exact, runs, schema, null, false],
      sql,
    );
  }
});

Deno.test("records with a database: results are compared, in order where gold orders", async () => {
  using folder = tempFolder();
  const data = await writeRecords(folder("val.jsonl"));
  await writeDatabase(folder("dbs/shop/shop.sqlite"), SHOP_SQL);
  for (const path of ["scripts/shop", "flat"]) {
    await Deno.mkdir(folder(path), { recursive: true });
    await Deno.writeTextFile(folder(`${path}/shop.sql`), SHOP_SQL);
  }
  const places = [
    { dbDir: folder("dbs") },
    { db: folder("dbs/shop/shop.sqlite") },
    { dbDir: folder("scripts") },
    { dbDir: folder("flat") },
    { db: folder("flat/shop.sql") },
  ];
  for (const place of places) {
    using benchmark = await openBenchmark("internal", sourceOf({ data, ...place }));
    const execOf = async (index: number, sql: string) => (await benchmark.score(index, sql)).exec;
    assertEquals(await execOf(0, "SELECT name FROM maker ORDER BY id DESC"), true);
    assertEquals(await execOf(1, "SELECT id FROM maker ORDER BY id DESC"), false);
    assertEquals(await execOf(1, "SELECT id FROM maker"), true);
    assertEquals(await execOf(0, "SELECT country FROM maker"), false);
    assertEquals((await benchmark.score(0, "SELECT name FROM maker")).hasRows, true);
  }
});

Deno.test("a script that is wrong, does more than build, or is not there, is named", async () => {
  using folder = tempFolder();
  const data = await writeRecords(folder("val.jsonl"));
  await Deno.mkdir(folder("dbs/shop"), { recursive: true });
  using benchmark = await openBenchmark("internal", sourceOf({ data, dbDir: folder("dbs") }));
  const fault = () =>
    assertRejects(() => benchmark.score(0, "SELECT name FROM maker"), FormatError);
  assertMatch((await fault()).message, /dbs\/shop is not there; check --db_dir and db_id$/);
  await Deno.writeTextFile(folder("dbs/shop/other.sql"), SHOP_SQL);
  assertMatch((await fault()).message, /has neither shop\.sqlite nor shop\.sql; check --db_dir/);
  const scripts: [script: string, said: RegExp][] = [
    [`${SHOP_SQL}; INSERT INTO makers VALUES (1);`, /no such table: makers; did you mean maker\?$/],
    ["CREATE TABEL maker (id);", /shop\.sql: near "TABEL": syntax error; write it in SQLite's/],
    ["ATTACH 'other.sqlite' AS o;", /it would attach a database [^;]*; leave that statement out$/],
    [
      "CREATE TABLE maker AS SELECT zeroblob(5000000) AS id",
      /; give a smaller script, or the database as a SQLite/,
    ],
  ];
  for (const [script, said] of scripts) {
    await Deno.writeTextFile(folder("dbs/shop/shop.sql"), script);
    const { message, file } = await fault();
    assertMatch(message, said);
    assertEquals(file, folder("dbs/shop/shop.sql"));
  }
});

Deno.test("a record whose own schema or gold query is broken is told apart", async () => {
  using folder = tempFolder();
  const data = await writeRecords(folder("val.jsonl"), "CREATE TABLE maker (id INTEGER, id TEXT)");
  using benchmark = await openBenchmark("internal", sourceOf({ data }));
  assertEquals((await benchmark.score(0, "SELECT name FROM maker")).fault!.kind, "gold_failed");
  const db = await writeDatabase(folder("other.sqlite"), "CREATE TABLE animal (id INTEGER)");
  using other = await openBenchmark("internal", sourceOf({ data, db }));
  const { exec, fault } = await other.score(0, "SELECT id FROM animal");
  assertEquals([exec, fault!.kind], [null, "gold_failed"]);
});
