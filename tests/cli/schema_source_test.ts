import { assert, assertEquals, assertRejects } from "@std/assert";
import { openSchemaSource, type SchemaSourceOptions } from "../../src/cli/schema_source.ts";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { formatDdl } from "../../src/sql/ddl.ts";
import { makeDatabase } from "../sql/files.ts";
import { tempFolder } from "../train/support.ts";

const DDL = "CREATE TABLE birds (id INTEGER, name VARCHAR(9), seen DATETIME)";
const ROWS = "INSERT INTO birds VALUES (1, 'kite', '2024-01-01'), (2, 'owl', '2024-02-01')";
const open = (named: string, options: Partial<SchemaSourceOptions> = {}) =>
  openSchemaSource(named, { sample_values: 0, dialect: "sqlite", ...options });

Deno.test("text and files with DDL are shown as written, and build an empty database", async () => {
  using folder = tempFolder();
  await Deno.writeTextFile(folder("birds"), `\n${DDL};\n`);
  for (const named of [`  ${DDL};`, folder("birds")]) {
    using source = await open(named);
    assertEquals([source.schema, source.sampleValues], [`${DDL};`, undefined]);
    const { rows } = await (await source.database()).query("SELECT count(*) FROM birds");
    assertEquals(rows, [[0]]);
  }
});

Deno.test("databases by their name or their first bytes, and scripts with rows, are read", async () => {
  using folder = tempFolder();
  makeDatabase(folder("birds.db"), `${DDL}; ${ROWS}`);
  await Deno.copyFile(folder("birds.db"), folder("birds"));
  await Deno.writeTextFile(folder("birds.sql"), `${DDL}; ${ROWS};`);
  for (const name of ["birds.db", "birds", "birds.sql"]) {
    using source = await open(folder(name), { sample_values: 1 });
    const { schema, sampleValues } = source;
    assert(typeof schema !== "string");
    assertEquals(
      formatDdl(schema, { sampleValues }),
      "CREATE TABLE birds (\n  id INTEGER, -- 1\n  name VARCHAR(9), -- 'kite'\n" +
        "  seen DATETIME -- '2024-01-01'\n);",
    );
    const { rows } = await (await source.database()).query("SELECT name FROM birds WHERE id = 2");
    assertEquals(rows, [["owl"]]);
    using postgres = await open(folder(name), { dialect: "postgres" });
    assert(typeof postgres.schema !== "string");
    assertEquals(postgres.schema.tables[0].columns.map(({ type }) => type), [
      "bigint",
      "text",
      "date",
    ]);
  }
});

Deno.test("a script of another dialect can be asked about, but not run", async () => {
  const script = `create table birds (id int) engine=innodb; ${ROWS};`;
  using source = await open(script);
  assertEquals(source.schema, script);
  await assertRejects(
    () => source.database(),
    FormatError,
    "Cannot build a database from the schema",
  );
  await assertRejects(
    () => open(script, { sample_values: 1 }),
    FormatError,
    "syntax error",
  );
});

Deno.test("what is no schema is refused", async () => {
  using folder = tempFolder();
  makeDatabase(folder("none.db"), "PRAGMA user_version = 1");
  await Deno.writeTextFile(folder("cut.sqlite"), "SQLite format 3\0 and no more");
  await assertRejects(() => open(folder("none.db")), ConfigError, "has no tables");
  await assertRejects(() => open(folder("cut.sqlite")), FormatError, "fetch it again");
  await assertRejects(() => open("SELECT 1"), ConfigError, "no file that can be read");
});
