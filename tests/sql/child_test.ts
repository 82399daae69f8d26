import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError, SqlError } from "../../src/errors.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { makeDatabase, temporaryFolder } from "./files.ts";

const path = `${temporaryFolder()}/large.db`;
makeDatabase(
  path,
  `CREATE TABLE t (a, b); WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 20000)
     INSERT INTO t SELECT n, 'row ' || n FROM r;`,
);
const open = () => openDatabase(path, { maxInMemory: 0, name: "large" });

/** The process that queries the file. */
async function childId(): Promise<number> {
  for await (const { name } of Deno.readDir(`/proc/${Deno.pid}/task`)) {
    const children = await Deno.readTextFile(`/proc/${Deno.pid}/task/${name}/children`);
    for (const id of children.split(" ").filter((id) => id !== "")) {
      const line = await Deno.readTextFile(`/proc/${id}/cmdline`);
      if (line.includes("child_main.ts") && line.includes(path)) return Number(id);
    }
  }
  throw new Error("no child process was found");
}

Deno.test("a child process answers as the sandbox in this process does", async () => {
  using near = await openDatabase(path, { name: "large" });
  using far = await open();
  assertEquals(await far.schema(), await near.schema());
  for (
    const sql of [
      "SELECT count(*), sum(a), max(b) FROM t",
      "SELECT 1, 2.5, NULL, 'ä', x'00ff', 9223372036854775807, -0.0, 1e999",
      "SELECT * FROM t ORDER BY b DESC LIMIT 1000",
      "SELECT * FROM t",
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
  assertEquals((await far.query("SELECT * FROM t", { maxRows: 7, integers: "bigint" })).rows[6], [
    7n,
    "row 7",
  ]);
});

Deno.test("a child process answers many questions in their order", async () => {
  using database = await open();
  const answers = Array.from({ length: 30 }, (_, index) => database.query(`SELECT ${index}`));
  assertEquals((await Promise.all(answers)).map(({ rows }) => rows[0][0]), [...Array(30).keys()]);
});

Deno.test("a child process that does not answer is killed at the deadline, and replaced", async () => {
  using database = await open();
  const id = await childId();
  Deno.kill(id, "SIGSTOP");
  const started = performance.now();
  const error = await assertRejects(() => database.query("SELECT 1", { timeoutMs: 100 }), SqlError);
  assertEquals(error.kind, "timeout");
  assert(performance.now() - started >= 100);
  assertEquals((await database.query("SELECT count(*) FROM t")).rows, [[20000]]);
  assert(await childId() !== id);
});

Deno.test("a child process that ends is an error, and is replaced", async () => {
  using database = await open();
  const answer = assertRejects(
    () => database.query("SELECT count(*) FROM t a, t b, t c"),
    SqlError,
    "the process that ran it has ended",
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  Deno.kill(await childId(), "SIGKILL");
  await answer;
  assertEquals((await database.query("SELECT count(*) FROM t")).rows, [[20000]]);
});

Deno.test("a child process ends when its database is closed", async () => {
  const database = await open();
  const id = await childId();
  database[Symbol.dispose]();
  await assertRejects(() => database.query("SELECT 1"), SqlError, "the database is closed");
  while (true) {
    try {
      await Deno.stat(`/proc/${id}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    } catch {
      break;
    }
  }
});

Deno.test({
  name: "a child process that is not allowed is an error that says what to allow",
  permissions: { read: true, run: false },
  async fn() {
    await assertRejects(open, FormatError, "add --allow-run=deno, or raise maxInMemory");
  },
});
