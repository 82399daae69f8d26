import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SqlError } from "../../src/errors.ts";
import { loadBuilder, readSampleValues, schemaFromDdl } from "../../src/sql/build.ts";
import { formatDdl, formatValue, quoteIdentifier } from "../../src/sql/ddl.ts";
import { loadSqlite } from "../../src/sql/engine.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import type { DatabaseSchema, Table } from "../../src/sql/schema.ts";

const SCRIPT = `
  CREATE TABLE "Straße" ("größe m" REAL NOT NULL, id INTEGER PRIMARY KEY, "it's ""so""" varchar(20));
  CREATE TABLE "order" (a INT, "select" TEXT, c REFERENCES "Straße", PRIMARY KEY ("select", a),
    FOREIGN KEY (a, "select") REFERENCES "order");
  INSERT INTO "Straße" VALUES (1.5, 1, 'it''s'), (1.5, 2, NULL), (2, 3, 'a
    b');`;

const FULL = `CREATE TABLE "Straße" (
  "größe m" REAL NOT NULL,
  id INTEGER PRIMARY KEY,
  "it's ""so""" varchar(20)
);

CREATE TABLE "order" (
  a INT,
  "select" TEXT,
  c,
  PRIMARY KEY ("select", a),
  FOREIGN KEY (c) REFERENCES "Straße" (id),
  FOREIGN KEY (a, "select") REFERENCES "order" ("select", a)
);`;

Deno.test("formatDdl: full, compact, and with sample values", async () => {
  using database = await openDatabase({ ddl: SCRIPT });
  const schema = await database.schema();
  assertEquals(formatDdl(schema), FULL);
  assertEquals(await schemaFromDdl(FULL), schema);
  assertEquals(
    formatDdl(schema, { style: "compact" }),
    `CREATE TABLE "Straße" ("größe m" REAL, id INTEGER PRIMARY KEY, "it's ""so""" varchar(20));
CREATE TABLE "order" (a INT, "select" TEXT, c, PRIMARY KEY ("select", a), ` +
      `FOREIGN KEY (c) REFERENCES "Straße" (id), ` +
      `FOREIGN KEY (a, "select") REFERENCES "order" ("select", a));`,
  );
  const sampleValues = await readSampleValues(database, schema, { perColumn: 2 });
  assertEquals(
    formatDdl({ tables: schema.tables.slice(0, 1) }, { sampleValues }),
    `CREATE TABLE "Straße" (
  "größe m" REAL NOT NULL, -- 1.5, 2
  id INTEGER PRIMARY KEY, -- 1, 2
  "it's ""so""" varchar(20) -- 'it''s', 'a b'
);`,
  );
});

const texts = fc.string({ unit: "binary", minLength: 1, maxLength: 12 })
  .map((text) => text.toWellFormed().replaceAll("\0", "-"));
// Two names that differ in the case of ASCII letters alone are one to SQLite, and it keeps some.
const nameLists = fc.uniqueArray(
  fc.oneof(
    texts,
    fc.constantFrom("order", "rowid", "a b", 'x"y', "größe", "日本", "'", "--", "/*"),
  ),
  { minLength: 1, maxLength: 4, selector: (name) => name.toLowerCase() },
).filter((names) => !names.some((name) => /^sqlite_/i.test(name)));
const types = fc.constantFrom(
  "",
  "INTEGER",
  "varchar(20)",
  "decimal(10, 2)",
  "time stamp",
  "primary",
  'a"b',
);
const plain = { noNullPrototype: true } as const;
const tablesNamed = (name: string, all: readonly string[]): fc.Arbitrary<Table> =>
  nameLists.chain((names) =>
    fc.record({
      name: fc.constant(name),
      columns: fc.tuple(...names.map((name) =>
        fc.record({ name: fc.constant(name), type: types, notNull: fc.boolean() }, plain)
      )),
      primaryKey: fc.subarray(names),
      foreignKeys: fc.array(
        fc.record({
          columns: fc.constant(names.slice(0, 1)),
          table: fc.constantFrom(...all),
          references: texts.map((text) => [text]),
        }, plain),
        { maxLength: 2 },
      ),
    }, plain)
  );
const schemas: fc.Arbitrary<DatabaseSchema> = nameLists.chain((names) =>
  fc.tuple(...names.map((name) => tablesNamed(name, names))).map((tables) => ({ tables }))
);
const values = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(null, 1, -0.5, 2n ** 60n, "*/ DROP", "a\nb", "--", new Uint8Array([0, 255])),
);

Deno.test("formatDdl: SQLite reads back what was written, whatever names and sample values are", async () => {
  await fc.assert(
    fc.asyncProperty(schemas, fc.array(values, { maxLength: 3 }), async (schema, sample) => {
      assertEquals(await schemaFromDdl(formatDdl(schema)), schema);
      const sampleValues = Object.fromEntries(schema.tables.map(({ name, columns }) => [
        name,
        Object.fromEntries(columns.map((column) => [column.name, sample])),
      ]));
      assertEquals(await schemaFromDdl(formatDdl(schema, { sampleValues })), schema);
      const compact = await schemaFromDdl(formatDdl(schema, { sampleValues, style: "compact" }));
      assertEquals(compact.tables.map(({ name }) => name), schema.tables.map(({ name }) => name));
    }),
    { numRuns: 300 },
  );
});

Deno.test("quoteIdentifier: quotes each keyword of SQLite that is not a name without quotes", async () => {
  const { module } = await loadSqlite();
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert(names.includes("sqlite3_keyword_name"));
  const build = await loadBuilder();
  const source = await Deno.readFile(
    new URL(import.meta.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm")),
  );
  // SQLite keeps its keywords as one text without blanks, so that each word of letters there is tried.
  const pool = new TextDecoder("latin1").decode(source).match(/REINDEXEDESCAPE[A-Z_]+/)![0];
  const candidates = new Set<string>();
  for (let at = 0; at < pool.length; at++) {
    for (let length = 2; length <= 17; length++) candidates.add(pool.slice(at, at + length));
  }
  let reserved = 0;
  for (const word of candidates) {
    if (quoteIdentifier(word) !== word) reserved++;
    using connection = build(
      `CREATE TABLE ${quoteIdentifier(word)} (${quoteIdentifier(word)} INT)`,
    );
    assertEquals(connection.schema().tables[0].name, word);
    assertEquals(
      connection.check(`SELECT ${quoteIdentifier(word)} FROM ${quoteIdentifier(word)}`),
      null,
    );
  }
  assert(reserved > 60, `${reserved} of ${candidates.size} words were keywords`);
});

Deno.test("formatValue: SQLite reads back the same value", async () => {
  using database = await openDatabase({ ddl: "CREATE TABLE t (a)" });
  for (
    const value of [null, 1, -2.5, 1e300, 2n ** 62n, "it's", 'a "b" \\', new Uint8Array([1, 255])]
  ) {
    const { rows } = await database.query(`SELECT ${formatValue(value)}`);
    assertEquals(rows, [[value]]);
  }
});

Deno.test("schemaFromDdl: reads several dialects of names, and views", async () => {
  const { tables } = await schemaFromDdl(
    "CREATE TABLE `a b` (`c d` int(11) NOT NULL, [e] text); CREATE VIEW v AS SELECT [e] x FROM `a b`",
  );
  assertEquals(tables, [
    {
      name: "a b",
      columns: [{ name: "c d", type: "int(11)", notNull: true }, {
        name: "e",
        type: "TEXT",
        notNull: false,
      }],
      primaryKey: [],
      foreignKeys: [],
    },
    {
      name: "v",
      columns: [{ name: "x", type: "TEXT", notNull: false }],
      primaryKey: [],
      foreignKeys: [],
    },
  ]);
});

Deno.test("loadBuilder: a wrong script is a SqlError of its kind, and the next one builds", async () => {
  const build = await loadBuilder();
  const faults = [
    ["CREATE TABL t (a)", "syntax"],
    ["CREATE TABLE t (a, A)", "runtime"],
    ["CREATE TABLE t (a); CREATE TABLE T (b)", "runtime"],
    ["ATTACH 'file' AS other", "not_allowed"],
    ["VACUUM INTO 'file'", "not_allowed"],
    ["INSERT INTO t VALUES (1)", "unknown_table"],
  ];
  for (const [script, kind] of faults) {
    const error = assertThrows(() => build(script), SqlError);
    assertEquals(error.kind, kind, error.message);
    using connection = build("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    assertEquals(connection.query("SELECT sum(a) FROM t").rows, [[3]]);
    assertEquals(connection.check("SELECT b FROM t")?.kind, "unknown_column");
  }
});

Deno.test("schemaFromDdl: text without a table is an error", async () => {
  for (const text of ["", "-- nothing", "SELECT 1"]) {
    const error = await schemaFromDdl(text).then(() => null, (error) => error);
    assert(error instanceof SqlError && error.kind === "empty", text);
  }
});
