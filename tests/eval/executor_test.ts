import { assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { run, runGold } from "../../src/eval/executor.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { SHOP_SQL } from "./shop.ts";

const options = { timeoutMs: 500 };

Deno.test("a query has rows, or a fault of a kind; integers stay apart from reals", async () => {
  using database = await openDatabase({ ddl: SHOP_SQL });
  const outcome = await run(database, "SELECT id, price FROM product WHERE id < 3", options);
  assertEquals(outcome, { rows: [[1n, 20], [2n, 150]], truncated: false, fault: null });
  const kinds: [string, string | undefined][] = [
    ["SELECT nme FROM maker", "unknown_column"],
    ["SELECT 1 FROM makers", "unknown_table"],
    ["SELECT FROM", "syntax"],
    ["DELETE FROM maker", "not_allowed"],
    ["SELECT name FROM maker WHERE id = ?", "runtime"],
    ["SELECT name FROM maker WHERE name = :name", "runtime"],
    ["SELECT json('{')", "runtime"],
    ["-- nothing", undefined],
    ["", undefined],
  ];
  for (const [sql, kind] of kinds) {
    assertEquals((await run(database, sql, options)).fault?.kind, kind, sql);
  }
});

Deno.test("rows beyond the limit are cut off, which is no fault", async () => {
  using database = await openDatabase({ ddl: SHOP_SQL });
  const outcome = await run(database, "SELECT id FROM sale", { ...options, maxRows: 2 });
  assertEquals(outcome, { rows: [[1n], [2n]], truncated: true, fault: null });
});

Deno.test("bytes that are not UTF-8 are left out, or an error for evaluators that say so", async () => {
  using database = await openDatabase({ ddl: "CREATE TABLE t (x TEXT)" });
  const sql = "SELECT CAST(x'61ff62' AS TEXT)";
  assertEquals((await run(database, sql, options)).rows, [["ab"]]);
  const strict = await run(database, sql, { ...options, invalidText: "error" });
  assertEquals(strict.fault?.kind, "runtime");
});

Deno.test("a gold query that does not run is an error", async () => {
  using database = await openDatabase({ ddl: SHOP_SQL });
  assertEquals(await runGold(database, "SELECT 1", options), [[1n]]);
  await assertRejects(
    () => runGold(database, "SELECT nothing FROM nowhere", options),
    FormatError,
    "Cannot run the gold query",
  );
});
