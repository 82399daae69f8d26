import { assertEquals } from "@std/assert";
import { createDatabases } from "../../src/data/databases.ts";
import { createValidator } from "../../src/data/validate.ts";
import { loadBuilder } from "../../src/sql/build.ts";

const build = await loadBuilder();

/** The kinds of fault of statements that are checked one after another by one validator. */
async function kinds(statements: readonly (readonly [ddl: string | null, sql: string])[]) {
  using databases = createDatabases();
  using validator = createValidator({ build, databases, timeoutMs: 1000 });
  const found: (string | null)[] = [];
  for (const [ddl, sql] of statements) {
    found.push((await validator.check({ ddl, sql })).invalid?.kind ?? null);
  }
  return found;
}

const T = "CREATE TABLE t (a)", U = "CREATE TABLE u (b)";
const noTable = "prepare_unknown_table";

Deno.test("each statement sees its own schema alone", async () => {
  assertEquals(
    await kinds([
      [T, "SELECT a FROM t"],
      [T, "SELECT b FROM t"],
      [U, "SELECT a FROM t"],
      [U, "SELECT b FROM u"],
      ["", "SELECT b FROM u"],
      [T, "SELECT a FROM t"],
      [null, "no SQL at all"],
    ]),
    [null, "prepare_unknown_column", noTable, null, noTable, null, null],
  );
});

Deno.test("a script that fails half-way leaves nothing behind", async () => {
  const half = `${T}; CREATE TABLE t (b)`;
  assertEquals(
    await kinds([
      [half, "SELECT a FROM t"],
      ["", "SELECT a FROM t"],
      [half, "SELECT a FROM t"],
      [`${T}; CREATE TABLE (`, "SELECT 1"],
      [T, "SELECT a FROM t"],
    ]),
    ["bad_schema", noTable, "bad_schema", "bad_schema", null],
  );
});

Deno.test("a script that ends the transaction leaves nothing behind either", async () => {
  for (
    const script of [
      `${T}; COMMIT`,
      `BEGIN; ${T}; COMMIT;`,
      `COMMIT; ${T}; BEGIN; ${U}`,
      `/* */ end; ${T}`,
      `SAVEPOINT s; ${T}; RELEASE s`,
      `${T}; ROLLBACK`,
      `${T}; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END`,
      `${T}; INSERT OR ROLLBACK INTO t VALUES (1)`,
    ]
  ) {
    const [, after, again] = await kinds([
      [script, "SELECT a FROM t"],
      [U, "SELECT a FROM t"],
      [U, "SELECT b FROM u"],
    ]);
    assertEquals([after, again], [noTable, null], script);
  }
});

Deno.test("statements that do not read are refused, and cannot change the schema", async () => {
  assertEquals(
    await kinds([
      [T, "DROP TABLE t"],
      [T, "SELECT a FROM t"],
      [T, "ROLLBACK"],
      [T, "SELECT a FROM t; SELECT a FROM t"],
      [T, ""],
    ]),
    ["prepare_not_allowed", null, "prepare_not_allowed", "prepare_not_allowed", "prepare_empty"],
  );
});
