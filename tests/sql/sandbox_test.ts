import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqlError, type SqlErrorKind } from "../../src/errors.ts";
import type { SqlValue } from "../../src/sql/database.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { sharedTest } from "../shared.ts";

const ENDLESS =
  "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r";
const DDL = `
  CREATE TABLE singer (singer_id INTEGER PRIMARY KEY, name TEXT, age INT);
  CREATE TABLE "Straße" ("Größe m" REAL, "select" TEXT, "it's ""so""" BLOB, singer_id INT);
  INSERT INTO singer VALUES (1, 'Ann', 30), (2, NULL, 9007199254740993);
  INSERT INTO "Straße" VALUES (2.5, 'x', x'00ff', 1);`;

Deno.test("query: columns, values and the names of repeated columns", async () => {
  using database = await openDatabase({ ddl: DDL });
  const { columns, rows, truncated, ms } = await database.query(
    "SELECT *, age AS name FROM singer",
  );
  assertEquals(columns, ["singer_id", "name", "age", "name"]);
  assertEquals(rows, [[1, "Ann", 30, 30], [2, null, 9007199254740993n, 9007199254740993n]]);
  assertEquals(truncated, false);
  assert(ms >= 0);
  assertEquals(
    (await database.query("SELECT 1, 2.0, 1e999, '', x'', -9223372036854775808", {
      integers: "bigint",
    }))
      .rows,
    [[1n, 2, Infinity, "", new Uint8Array(0), -9223372036854775808n]],
  );
  assertEquals(
    (await database.query(
      `SELECT "Größe m", "select", "it's ""so""", [select], \`select\`, "no column"
      FROM "Straße"`,
    )).rows,
    [[2.5, "x", new Uint8Array([0, 255]), "x", "x", "no column"]],
  );
  assertEquals((await database.query("SELECT 1 WHERE 0")).rows, []);
  assertEquals((await database.query("VALUES (1), (2)")).rows, [[1], [2]]);
  assertEquals((await database.query(" ;; /* a */ SELECT 'a;b'; -- c\n ; ")).rows, [["a;b"]]);
  assertEquals((await database.query("EXPLAIN QUERY PLAN SELECT * FROM singer")).rows.length, 1);
});

Deno.test("query: text that is not UTF-8 is replaced, ignored as Python does, or an error", async () => {
  using database = await openDatabase({ ddl: "CREATE TABLE t (a)" });
  // What Python's bytes.decode("utf-8", errors="ignore") gives.
  const cases: readonly (readonly [hex: string, ignored: string])[] = [
    ["61ff62", "ab"],
    ["c3a4", "ä"],
    ["c3", ""],
    ["e28261", "a"],
    ["61efbfbd62", "a\ufffdb"],
    ["efbfbdff", "\ufffd"],
    ["ffefbfbd", "\ufffd"],
    ["e2efbfbd", "\ufffd"],
    ["eda080", ""],
    ["f0908080", "\u{10000}"],
    ["f09080", ""],
    ["f5808080", ""],
    ["c0af", ""],
    ["efbbbf61", "\ufeffa"],
    ["610062", "a\0b"],
  ];
  for (const [hex, ignored] of cases) {
    const sql = `SELECT CAST(x'${hex}' AS TEXT)`;
    assertEquals((await database.query(sql, { invalidText: "ignore" })).rows, [[ignored]], hex);
    const replaced = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.fromHex(hex));
    assertEquals((await database.query(sql)).rows, [[replaced]], hex);
    const strict = await database.query(sql, { invalidText: "error" }).then(
      () => "",
      (e) => e.kind,
    );
    const valid = Uint8Array.fromHex(hex).length === new TextEncoder().encode(ignored).length;
    assertEquals(strict, valid ? "" : "runtime", hex);
  }
});

Deno.test("query: each limit sets truncated, and none where the result just fits", async () => {
  using database = await openDatabase({
    ddl: `CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'üü')`,
  });
  const rowsOf = async (options: object, sql = "SELECT * FROM t") => {
    const { rows, truncated } = await database.query(sql, options);
    return [rows, truncated];
  };
  const all: SqlValue[][] = [[1, "one"], [2, "two"], [3, "üü"]];
  assertEquals(await rowsOf({}), [all, false]);
  assertEquals(await rowsOf({ maxRows: 3 }), [all, false]);
  assertEquals(await rowsOf({ maxRows: 2 }), [all.slice(0, 2), true]);
  assertEquals(await rowsOf({ maxRows: 0 }), [[], true]);
  assertEquals(await rowsOf({ maxCells: 6 }), [all, false]);
  assertEquals(await rowsOf({ maxCells: 5 }), [all.slice(0, 2), true]);
  assertEquals(await rowsOf({ maxBytes: 34 }), [all, false]);
  assertEquals(await rowsOf({ maxBytes: 33 }), [all.slice(0, 2), true]);
  assertEquals(await rowsOf({ maxCellBytes: 4 }), [all, false]);
  assertEquals(await rowsOf({ maxCellBytes: 3 }), [[all[0], all[1], [3, "ü"]], true]);
  assertEquals(await rowsOf({ maxCellBytes: 1 }), [[[1, "o"], [2, "t"], [3, ""]], true]);
  assertEquals(await rowsOf({ maxCellBytes: 2 }, "SELECT x'010203'"), [
    [[new Uint8Array([1, 2])]],
    true,
  ]);
  assertEquals(
    (await database.query(ENDLESS.replace("max(x)", "x"), { maxRows: 10 })).rows.length,
    10,
  );
});

Deno.test("query and check: the kind of a fault, where it is and the nearest name", async () => {
  using database = await openDatabase({ ddl: DDL });
  const faults: readonly (readonly [string, SqlErrorKind, suggestion?: string, offset?: number])[] =
    [
      ["", "empty"],
      [" -- a\n /* b */ ;", "empty"],
      ["SELEC name FROM singer", "syntax", undefined, 0],
      ["SELECT 'ä', FROM singer", "syntax", undefined, 12],
      ["SELECT * FROM singers", "unknown_table", "singer"],
      ["SELECT * FROM strasse", "unknown_table", "Straße"],
      ["SELECT * FROM main.singr", "unknown_table", "singer"],
      ["SELECT * FROM zzzzzzzzzzzzz", "unknown_table"],
      ["SELECT nmae FROM singer", "unknown_column", "name", 7],
      ["SELECT T1.singerid FROM singer AS T1", "unknown_column", "singer_id"],
      ['SELECT name FROM "Straße"', "unknown_column", "singer.name"],
      ['SELECT Grösse FROM "Straße"', "unknown_column", "Größe m"],
      ['SELECT singer_id FROM singer, "Straße"', "ambiguous", undefined, 7],
      ["SELECT nope(1)", "unknown_function"],
      ["SELECT max(1, 2", "syntax"],
      ["SELECT max() FROM singer", "runtime"],
      ["SELECT name FROM singer WHERE singer_id = ?", "runtime"],
      ["SELECT :name", "runtime"],
      ["DELETE FROM singer", "not_allowed"],
      ["SELECT 1; SELECT 2", "not_allowed"],
    ];
  for (const [sql, kind, suggestion, offset] of faults) {
    const error = await assertRejects(() => database.query(sql), SqlError, "Cannot run the SQL: ");
    const checked = await database.check(sql);
    for (const fault of [error, checked]) {
      assertEquals([fault?.kind, fault?.suggestion], [kind, suggestion], sql);
      if (offset !== undefined) assertEquals(fault?.offset, offset, sql);
    }
    if (suggestion) assertStringIncludes(error.message, `did you mean ${suggestion}?`);
  }
  assertEquals(await database.check("SELECT name FROM singer"), null);
  assertEquals(await database.check(ENDLESS), null); // prepared, not run
  assertEquals(await database.check("SELECT abs(-9223372036854775808)"), null);
  assertEquals(
    (await assertRejects(() => database.query("SELECT abs(-9223372036854775808)"), SqlError)).kind,
    "too_large",
  );
});

Deno.test("query: after a statement that took all time or memory, the next is answered", async () => {
  using database = await openDatabase({ ddl: DDL }, { maxMemory: 32 << 20 });
  const bombs = [
    [ENDLESS, "timeout"],
    // One call of a function that looks for a long text in a longer one; SQLite cannot interrupt it.
    [
      "SELECT instr(hex(zeroblob(2000000)), hex(zeroblob(1000000)) || 'b')",
      "timeout",
    ],
    ["SELECT group_concat(zeroblob(4000000)) FROM singer a, singer b", "too_large"],
    [
      "SELECT DISTINCT zeroblob(1000000) || a.value || b.value FROM json_each('[1,2,3,4,5,6,7,8,9]') a, json_each('[1,2,3,4,5,6,7,8,9]') b",
      "too_large",
    ],
  ];
  for (const [sql, kind] of bombs) {
    const error = await assertRejects(
      () => database.query(sql, { timeoutMs: kind === "timeout" ? 200 : 20_000 }),
      SqlError,
    );
    assertEquals(error.kind, kind, `${sql}: ${error.message}`);
    assertEquals((await database.query("SELECT count(*) FROM singer")).rows, [[2]]);
  }
});

Deno.test("query: many at once each get their own answer, also while an engine is replaced", async () => {
  using database = await openDatabase({ ddl: DDL });
  const stopped = database.query(
    "SELECT instr(hex(zeroblob(2000000)), hex(zeroblob(1000000)) || 'b')",
    {
      timeoutMs: 50,
    },
  ).then(() => "rows", (error) => error.kind);
  const answers = Array.from({ length: 20 }, (_, index) => database.query(`SELECT ${index}`));
  assertEquals(await stopped, "timeout");
  assertEquals((await Promise.all(answers)).map(({ rows }) => rows[0][0]), [...Array(20).keys()]);
});

Deno.test("query: maxLength bounds each value that is made", async () => {
  using database = await openDatabase({ ddl: DDL }, { maxLength: 1000 });
  assertEquals((await database.query("SELECT length(zeroblob(1000))")).rows, [[1000]]);
  const error = await assertRejects(
    () => database.query("SELECT length(zeroblob(1001))"),
    SqlError,
  );
  assertEquals(error.kind, "too_large");
});

Deno.test("query: a closed database says so", async () => {
  const database = await openDatabase({ ddl: DDL });
  database[Symbol.dispose]();
  await assertRejects(() => database.query("SELECT 1"), SqlError, "the database is closed");
});

Deno.test("openDatabase: a wrong script is a SqlError", async () => {
  assertEquals(
    (await assertRejects(() => openDatabase({ ddl: "CREATE" }), SqlError)).kind,
    "syntax",
  );
});

Deno.test("query: indexes for text and space can be searched", async () => {
  using database = await openDatabase({
    ddl:
      `CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('a bird'), ('a cat');
      CREATE VIRTUAL TABLE places USING rtree(id, low, high); INSERT INTO places VALUES (7, 1, 2);`,
  });
  assertEquals((await database.query("SELECT body FROM notes WHERE notes MATCH 'cat'")).rows, [[
    "a cat",
  ]]);
  assertEquals(
    (await database.query("SELECT highlight(notes, 0, '<', '>') FROM notes('bird')")).rows,
    [
      ["a <bird>"],
    ],
  );
  assertEquals((await database.query("SELECT id FROM places WHERE low < 1.5")).rows, [[7]]);
  assertEquals((await database.schema()).tables.map(({ name }) => name), ["notes", "places"]);
});

/** The last two are younger than the types that come with Deno. */
const NATIVE = {
  readOnly: true,
  enableDoubleQuotedStringLiterals: true,
  returnArrays: true,
  readBigInts: true,
};

sharedTest(
  "query: each gold query of Spider dev gives the rows that a native SQLite gives",
  async (path) => {
    const examples: { db_id: string; query: string }[] = JSON.parse(
      await Deno.readTextFile(path("data/spider/dev.json")),
    );
    let count = 0;
    for (const [name, group] of Map.groupBy(examples, ({ db_id }) => db_id)) {
      const file = path(`data/spider/database/${name}/${name}.sqlite`);
      using native = new DatabaseSync(`file:${file}?immutable=1`, NATIVE);
      using database = await openDatabase(file);
      for (const { query } of group) {
        const expected = native.prepare(query).all() as unknown as SqlValue[][];
        const { rows, truncated } = await database.query(query, { integers: "bigint" });
        assertEquals(rows, expected, query);
        assertEquals(truncated, false);
        count++;
      }
    }
    assertEquals(count, 1034);
  },
);
