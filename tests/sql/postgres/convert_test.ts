import { assert, assertEquals } from "@std/assert";
import { random } from "../../../src/data/random.ts";
import { readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { type PostgresSchema, postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { randomQueries, TROUBLE } from "./random_query.ts";
import { CONVERTED, REFUSED } from "./rules.ts";

async function troubleSchema({ contents = true } = {}): Promise<PostgresSchema> {
  using database = await openDatabase({ ddl: TROUBLE });
  return postgresSchema(
    await database.schema(),
    contents ? await readContents(database) : undefined,
  );
}

Deno.test("toPostgres: each way in which the dialects differ", async () => {
  const schema = await troubleSchema();
  for (const [sqlite, postgres] of CONVERTED) {
    assertEquals(toPostgres(sqlite, schema), { ok: true, sql: postgres }, sqlite);
  }
});

Deno.test("toPostgres: what cannot be shown to be the same is refused with its reason", async () => {
  const schema = await troubleSchema();
  for (const [sqlite, kind, message] of REFUSED) {
    assertEquals(toPostgres(sqlite, schema), { ok: false, reason: { kind, message } }, sqlite);
  }
});

Deno.test("toPostgres: without the contents, texts are not taken for numbers or dates", async () => {
  const schema = await troubleSchema({ contents: false });
  const converted = (sql: string) => {
    const conversion = toPostgres(sql, schema);
    return conversion.ok ? conversion.sql : conversion.reason.kind;
  };
  assertEquals(
    converted("SELECT CAST(code AS INTEGER) FROM item"),
    String.raw`SELECT CASE WHEN code IS NOT NULL THEN CAST(COALESCE(` +
      String.raw`SUBSTRING(code FROM '^\s*[+-]?\d{1,18}'), '0') AS bigint) END FROM item`,
  );
  assertEquals(converted("SELECT strftime('%Y', d) FROM sale"), "dates");
  assertEquals(
    converted("SELECT strftime('%Y', day) FROM item"),
    "SELECT TO_CHAR(day, 'YYYY') FROM item",
    "but a declared date is one",
  );
});

Deno.test("toPostgres: columns of numbers and texts can only be counted", async () => {
  using database = await openDatabase({
    ddl: "CREATE TABLE t (id INT, m); INSERT INTO t VALUES (1, 1), (2, 'x'), (3, NULL);",
  });
  const schema = postgresSchema(await database.schema(), await readContents(database));
  for (const sql of ["SELECT count(m) FROM t", "SELECT id FROM t WHERE m IS NULL"]) {
    assert(toPostgres(sql, schema).ok, sql);
  }
  for (
    const sql of [
      "SELECT m FROM t",
      "SELECT * FROM t",
      "SELECT id FROM t WHERE m = 1",
      "SELECT id FROM t ORDER BY m",
      "SELECT count(*) FROM t GROUP BY m",
      "SELECT count(DISTINCT m) FROM t",
      "SELECT max(m) FROM t",
      "SELECT count(*) FROM (SELECT DISTINCT m FROM t)",
      "SELECT id FROM t UNION SELECT m FROM t",
    ]
  ) {
    const conversion = toPostgres(sql, schema);
    assertEquals(conversion.ok ? "converted" : conversion.reason.kind, "types", sql);
  }
});

Deno.test("toPostgres: damaged queries are converted or refused, and never crash it", async () => {
  const schema = await troubleSchema();
  const stream = random(1, "damage");
  const next = randomQueries(() => stream.float());
  const noise = [
    "(",
    ")",
    "'",
    '"',
    ",",
    " SELECT ",
    " NOT ",
    ".",
    "*",
    "1",
    "\0",
    " IN ",
    "é",
    "-- ",
  ];
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    let sql = next();
    for (let edits = stream.below(3) + 1; edits > 0; edits--) {
      const at = stream.below(sql.length + 1);
      sql = sql.slice(0, at) + noise[stream.below(noise.length)] + sql.slice(at + stream.below(6));
    }
    if (!toPostgres(sql, schema).ok) refused++;
  }
  assert(refused > 1000 && refused < 5000, `${refused} were refused`);
});

Deno.test("toPostgres: queries that nest deep, or are long, are refused", async () => {
  const schema = await troubleSchema();
  const many = 100_000;
  for (
    const sql of [
      `SELECT ${"(".repeat(many)}1`,
      `SELECT ${"-".repeat(many / 2)}1`,
      `SELECT ${"- ".repeat(many)}1`,
      `SELECT ${"NOT ".repeat(many)}1`,
      `SELECT 1${" + 1".repeat(many)}`,
      `SELECT ${"(SELECT ".repeat(many)}1`,
      `SELECT 1 FROM ${"(SELECT 1 FROM ".repeat(many)}item`,
      `SELECT 1${" UNION SELECT 1".repeat(many)}`,
      `SELECT ${"CASE WHEN ".repeat(many)}1`,
      `SELECT ${"NOT ".repeat(3990)}1`,
      `SELECT ${"round(lower(".repeat(45)}s${"))".repeat(45)} FROM item`, // triples at each level
      `${"SELECT 1 FROM (SELECT 1 UNION ".repeat(45)} SELECT 1${")".repeat(45)}`, // doubles
      `SELECT ${"(SELECT max(id) + s + ".repeat(90)}1${" FROM item)".repeat(90)}`, // doubles
    ]
  ) {
    const conversion = toPostgres(sql, schema);
    assert(!conversion.ok, sql.slice(0, 40));
  }
  for (
    const sql of [
      `SELECT ${"(".repeat(40)}1${")".repeat(40)}`,
      `SELECT 1${" + 1".repeat(990)}`,
      `SELECT ${"- ".repeat(990)}1`,
      `SELECT 1${" IS NULL".repeat(990)}`,
      `SELECT ${"NOT ".repeat(990)}1`,
      `SELECT 1${" UNION SELECT 1".repeat(1300)}`,
    ]
  ) assert(toPostgres(sql, schema).ok, sql.slice(0, 30));
});
