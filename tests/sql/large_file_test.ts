import { assert, assertEquals, assertRejects } from "@std/assert";
import { SqlError } from "../../src/errors.ts";
import { Connection } from "../../src/sql/connection.ts";
import { loadSqlite } from "../../src/sql/engine.ts";
import { openReadOnly } from "../../src/sql/file.ts";
import { createRuntime } from "../../src/sql/runtime.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { makeDatabase, temporaryFolder } from "./files.ts";

const path = `${temporaryFolder()}/large.db`;
makeDatabase(
  path,
  `CREATE TABLE t (a, b); WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 20000)
     INSERT INTO t SELECT n, 'row ' || n FROM r;
   CREATE TABLE wide (x); INSERT INTO wide VALUES (zeroblob(3000000));`,
);
const open = () => openDatabase(path, { maxInMemory: 0, name: "large" });
/** Reading is all that a large file needs. */
const permissions: Deno.PermissionOptions = { read: true, write: false, run: false, net: false };

Deno.test({
  name: "a file that is read page by page answers as one in memory does",
  permissions,
  async fn() {
    using near = await openDatabase(path, { name: "large" });
    using far = await open();
    assertEquals(await far.schema(), await near.schema());
    for (
      const sql of [
        "SELECT count(*), sum(a), max(b) FROM t",
        "SELECT 1, 2.5, NULL, 'ä', x'00ff', 9223372036854775807, -0.0, 1e999",
        "SELECT * FROM t ORDER BY b DESC LIMIT 1000",
        "SELECT * FROM t",
        "SELECT length(x), x FROM wide",
      ]
    ) {
      const [a, b] = [await near.query(sql), await far.query(sql)];
      assertEquals({ ...b, ms: 0 }, { ...a, ms: 0 });
      assertEquals(await far.check(sql), null);
    }
    for (const sql of ["SELECT c FROM t", "DELETE FROM t", "SELECT", "SELECT 1; SELECT 2", ""]) {
      const [a, b] = [await near.check(sql), await far.check(sql)];
      assert(b instanceof SqlError);
      assertEquals([b.kind, b.message, b.offset, b.suggestion], [
        a?.kind,
        a?.message,
        a?.offset,
        a?.suggestion,
      ]);
      assertEquals((await assertRejects(() => far.query(sql), SqlError)).kind, b.kind);
    }
  },
});

Deno.test({
  name: "a file that is read page by page goes on after an engine was given up",
  permissions,
  async fn() {
    using database = await open();
    const sql = "SELECT instr(hex(zeroblob(900000)), hex(zeroblob(400000)) || 'x')";
    const error = await assertRejects(() => database.query(sql, { timeoutMs: 50 }), SqlError);
    assertEquals(error.kind, "timeout");
    assertEquals((await database.query("SELECT count(*) FROM t")).rows, [[20000]]);
  },
});

Deno.test("a large file that is closed answers no more, and closes once", async () => {
  const database = await open();
  const late = database.query("SELECT 1");
  database[Symbol.dispose]();
  database[Symbol.dispose]();
  await assertRejects(() => late, SqlError, "the database is closed");
  await assertRejects(() => database.query("SELECT 1"), SqlError, "the database is closed");
});

Deno.test("a disk that is slow is left at the deadline, and one that fails is an error", async () => {
  const sqlite = await loadSqlite();
  const file = openReadOnly(path);
  try {
    let [slow, fails] = [false, false];
    const disk: typeof file = {
      ...file,
      read(into, offset) {
        if (slow) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        return fails ? null : file.read(into, offset);
      },
    };
    const connect = () =>
      Connection.open(createRuntime(sqlite, { maxMemory: 64 << 20, file: disk }), {
        source: "file",
        maxLength: 4 << 20,
      });
    const connection = connect();
    slow = true;
    const started = performance.now();
    assertEquals(
      faultOf(() => connection.query("SELECT x FROM wide", { timeoutMs: 50 })),
      "timeout",
    );
    assert(performance.now() - started < 500); // 733 pages would take 3.7 s
    slow = false;
    const other = connect();
    fails = true;
    assertEquals(faultOf(() => other.query("SELECT x FROM wide")), "database");
  } finally {
    file.close();
  }
});

function faultOf(run: () => unknown): string {
  try {
    run();
    return "rows";
  } catch (error) {
    if (error instanceof SqlError) return error.kind;
    throw error;
  }
}
