/**
 * What goes wrong around the scoring of Spider: files that are missing or do not belong together.
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FormatError } from "../../../src/errors.ts";
import type { BenchmarkSource } from "../../../src/eval/benchmark.ts";
import { openBenchmark } from "../../../src/eval/open.ts";
import { tempFolder } from "../../train/support.ts";
import { SHOP_QUESTIONS, SHOP_SQL, sourceOf, writeDatabase, writeShop } from "../shop.ts";

async function openFault(source: Partial<BenchmarkSource>): Promise<string> {
  const open = async () => {
    using benchmark = await openBenchmark("spider", sourceOf(source));
    await benchmark.checkGold(0);
  };
  return (await assertRejects(open, FormatError)).message;
}

Deno.test("missing schemas, databases and questions are told, with what to give", async () => {
  using folder = tempFolder();
  const data = await writeShop(folder.path);
  await Deno.rename(folder("tables.json"), folder("schemas.json"));
  assertMatch(await openFault({ data }), /tables\.json is not in .*name it with --tables/);
  const tables = folder("schemas.json");
  await Deno.rename(folder("database"), folder("files"));
  assertMatch(await openFault({ data, tables }), /no folder database .*name it with --db_dir/);
  const dbDir = folder("files");
  using benchmark = await openBenchmark("spider", sourceOf({ data, tables, dbDir }));
  assertEquals((await benchmark.score(0, SHOP_QUESTIONS[0].query)).exec, true);
  assertMatch(await openFault({ data: folder("none.json"), tables, dbDir }), /none\.json/);
});

Deno.test("a db_id that is not there, or leads out of the folder, is told", async () => {
  using folder = tempFolder();
  const [question] = SHOP_QUESTIONS;
  const data = await writeShop(folder.path, [{ ...question, db_id: "shpo" }]);
  assertMatch(await openFault({ data }), /question 1.*shpo/);
  await writeShop(folder.path, [{ ...question, db_id: "../shop" }]);
  assertMatch(await openFault({ data }), /question 1/);
  await Deno.writeTextFile(folder("gold.sql"), "SELECT count(*) FROM product\tshpo\n");
  assertMatch(
    await openFault({ gold: folder("gold.sql") }),
    /about shpo, which is not in .*tables/,
  );
  await Deno.writeTextFile(folder("gold.sql"), "SELECT count(*) FROM product\n");
  assertMatch(
    await openFault({ gold: folder("gold.sql") }),
    /line 1 is not a query, a tab and its/,
  );
  await writeShop(folder.path);
  await Deno.writeTextFile(folder("gold.sql"), "SELECT count(*) FROM product\tshop\n");
  assertMatch(await openFault({ data, gold: folder("gold.sql") }), /has 1 queries for 4 questions/);
});

Deno.test("a damaged database, or one of another schema, is told with its question", async () => {
  using folder = tempFolder();
  const data = await writeShop(folder.path);
  const path = folder("database/shop/shop.sqlite");
  await writeDatabase(folder("zoo.sqlite"), "CREATE TABLE animal (id INTEGER)");
  assertMatch(
    await openFault({ data, db: folder("zoo.sqlite") }),
    /Cannot score spider-1, about shop: Cannot read the query: there is no table product/,
  );
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, bytes.subarray(0, 5000));
  assertMatch(await openFault({ data }), /spider-1, about shop: Cannot open .*shop\.sqlite/);
  await Deno.writeTextFile(path, "version https://git-lfs.github.com/spec/v1\n");
  assertMatch(await openFault({ data }), /Git-LFS pointer/);
  bytes.fill(0xee, 110, bytes.length);
  await Deno.writeFile(path, bytes);
  assertMatch(await openFault({ data }), /shop\.sqlite/);
  await Deno.remove(path);
  assertMatch(await openFault({ data }), /shop/);
});

Deno.test("entries of tables.json that are no schemas are told", async () => {
  using folder = tempFolder();
  const data = await writeShop(folder.path);
  await Deno.writeTextFile(folder("tables.json"), '[{"db_id": "shop"}]');
  assertMatch(await openFault({ data }), /entry 1 is no schema|shop/);
  await Deno.writeTextFile(folder("tables.json"), "{");
  assertMatch(await openFault({ data }), /tables\.json/);
});

Deno.test("a prediction has to be right on all databases of a test suite", async () => {
  using folder = tempFolder();
  const data = await writeShop(folder.path);
  const constant = "SELECT 4 FROM product LIMIT 1";
  const execOf = async () => {
    using benchmark = await openBenchmark("spider", sourceOf({ data }));
    return [
      (await benchmark.score(0, constant)).exec,
      (await benchmark.score(0, "SELECT count(id) FROM product")).exec,
    ];
  };
  assertEquals(await execOf(), [true, true]);
  const more = `${SHOP_SQL} INSERT INTO product VALUES (9, 'sofa', 1.0, 1);`;
  await writeDatabase(folder("database/shop/shop_v2.sqlite"), more);
  assertEquals(await execOf(), [false, true]);
});

Deno.test("no rows, no answer, and endless queries", async () => {
  using folder = tempFolder();
  const question = { question: "?", query: "SELECT name FROM maker", db_id: "empty" };
  const data = await writeShop(folder.path, [question, ...SHOP_QUESTIONS]);
  using benchmark = await openBenchmark("spider", sourceOf({ data, timeoutMs: 200 }));
  const other = await benchmark.score(0, "SELECT title FROM product");
  assertEquals([other.exec, other.exact, other.hasRows], [true, false, false]);
  const none = await benchmark.score(0, "  ");
  assertEquals([none.exec, none.parsed, none.fault!.kind], [false, false, "empty"]);
  const endless =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT max(x) FROM n";
  const late = await benchmark.score(1, endless);
  assertEquals([late.exec, late.runs, late.schema, late.fault!.kind], [
    false,
    false,
    true,
    "timeout",
  ]);
  // The database is as good as before.
  assertEquals((await benchmark.score(1, SHOP_QUESTIONS[0].query)).exec, true);
});
