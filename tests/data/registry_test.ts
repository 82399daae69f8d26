/**
 * What every data set of the registry keeps to, and what is special about each.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import {
  type DatasetPart,
  type DatasetSource,
  type Example,
  isFault,
  type Row,
} from "../../src/data/example.ts";
import { schemaQuestion } from "../../src/data/question.ts";
import { DATASETS } from "../../src/data/registry.ts";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { formatDdl } from "../../src/sql/ddl.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { LAYOUTS, withLayout, writeDatabase, writeHarbours } from "./sets.ts";

const at = (path: string | null): DatasetSource => ({ path, seed: 42, count: 20 });

function dataset(name: string) {
  return DATASETS.find((dataset) => dataset.name === name)!;
}

async function readAll(parts: readonly DatasetPart[]): Promise<Row[]> {
  return (await Promise.all(parts.map((part) => Array.fromAsync(part.rows())))).flat();
}

/** The rows of a layout of `name`, with some files replaced. */
function rowsOf(name: string, changes: Record<string, string> = {}): Promise<Row[]> {
  return withLayout(
    { ...LAYOUTS[name], ...changes },
    async (folder) => await readAll(await dataset(name).open(at(folder))),
  );
}

function examples(rows: readonly Row[]): Example[] {
  return rows.map((row) => isFault(row) ? assertNever(row.detail) : row);
}

function assertNever(detail: string): never {
  throw new Error(`an example was expected: ${detail}`);
}

Deno.test("names are words with hyphens, told once, and every set has a layout here", () => {
  const names = DATASETS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name, summary, hasFiles } of DATASETS) {
    assertMatch(name, /^[a-z]+(-[a-z]+)*$/);
    assert(summary.length > 20);
    assertEquals(name in LAYOUTS, hasFiles, name);
  }
});

for (const { name, hasFiles, open } of DATASETS) {
  Deno.test(`${name}: its examples are whole, and the same each time`, async () => {
    await withLayout(LAYOUTS[name] ?? {}, async (folder) => {
      const source = at(hasFiles ? folder : null);
      const parts = await open(source);
      const rows = examples(await readAll(parts));
      assert(rows.length > 0);
      for (const { id, question, sql, schema, groups, place, prompt } of rows) {
        assert(question.trim() !== "" && sql.trim() !== "" && id !== "");
        assert(groups === null || groups.length > 0);
        assert(schema !== null || groups !== null);
        assert(typeof schema === "string" || schema === null || schema.tables.length > 0);
        assert(prompt === undefined || prompt.instruction !== "");
        assert(place.row >= 1 && parts.some(({ file }) => file === place.file));
      }
      assertEquals(new Set(rows.map(({ id }) => id)).size, rows.length);
      assertEquals(examples(await readAll(parts)), rows, "the same parts read again");
      assertEquals(examples(await readAll(await open(source))), rows, "opened again");
    });
  });

  if (!hasFiles) continue;

  Deno.test(`${name}: no path and a wrong one are errors that say so`, async () => {
    await assertRejects(() => open(at(null)), ConfigError, "--source");
    const missing = await assertRejects(() => open(at("/nowhere/x")), FormatError, "/nowhere/x");
    assertStringIncludes(missing.message, "no such file");
    const folder = await Deno.makeTempDir();
    await assertRejects(() => open(at(folder)), FormatError, folder);
    await Deno.remove(folder);
  });

  if (name === "arrow") continue; // all rows of a column have one type
  Deno.test(`${name}: rows that are no examples are faults with their place`, async () => {
    const values = [1, null, [], "x", {}, { question: 5 }, { question: "?", sql: [], db_id: {} }];
    const main = Object.keys(LAYOUTS[name]).find((path) => !/tables/.test(path))!;
    const text = values.map((value) => JSON.stringify(value));
    const content = main.endsWith("jsonl") ? text.join("\n") : `[${text.join(",")}]`;
    await withLayout({ ...LAYOUTS[name], [main]: content }, async (folder) => {
      const [first] = await dataset(name).open(at(folder));
      const rows = await Array.fromAsync(first.rows());
      assertEquals(rows.map((row) => isFault(row) && row.place.row), [1, 2, 3, 4, 5, 6, 7]);
      assertEquals(rows.slice(0, 4).map((row) => isFault(row) && row.fault), [
        "bad_row",
        "bad_row",
        "bad_row",
        "bad_row",
      ]);
    });
  });
}

Deno.test("wikisql: names are quoted, repeated ones numbered, numbers compared as numbers", async () => {
  const [first, second] = examples(await rowsOf("wikisql"));
  assertEquals(
    first.sql,
    'SELECT "Player" FROM "table_1_10015132_11" WHERE "No." = 7 AND "Player (2)" = \'O\'\'Neil\'',
  );
  assertEquals(
    second.sql,
    'SELECT COUNT("Player") FROM "table_1_10015132_11" WHERE "Größe (m)" > 1.9',
  );
  assert(first.schema !== null && typeof first.schema !== "string");
  using database = await openDatabase({ ddl: formatDdl(first.schema) });
  assertEquals(await database.check(first.sql), null);
  assertEquals(await database.check(second.sql), null);
});

Deno.test("wikisql: indices beyond the table, a missing table and its missing file", async () => {
  const row = (sql: unknown, table_id = "1-10015132-11") =>
    JSON.stringify({ table_id, question: "?", sql });
  const rows = await rowsOf("wikisql", {
    "train.jsonl": [
      row({ sel: 4, agg: 0, conds: [] }),
      row({ sel: 0, agg: 6, conds: [] }),
      row({ sel: 0, agg: 0, conds: [[0, 3, "x"]] }),
      row({ sel: 0, agg: 0, conds: [[0, 0]] }),
      row({ sel: 0, agg: 0, conds: [] }, "9"),
      row(undefined),
    ].join("\n"),
  });
  const kinds = rows.slice(0, 6).map((row) => isFault(row) && row.fault);
  assertEquals(kinds, ["bad_row", "bad_row", "bad_row", "bad_row", "no_schema", "no_sql"]);
  const { "train.tables.jsonl": _, ...rest } = LAYOUTS.wikisql;
  await withLayout(rest, async (folder) => {
    await assertRejects(() => dataset("wikisql").open(at(folder)), FormatError, "tables.jsonl");
  });
});

Deno.test("spider: a set in another language keeps its names, keys and databases", async () => {
  await withLayout(LAYOUTS.spider, async (folder) => {
    const path = join(folder, "database", "häfen", "häfen.sqlite");
    writeHarbours(path);
    const [train, val] = await dataset("spider").open(at(folder));
    assertEquals([train.split, val.split], ["train", "val"]);
    const rows = examples(await Array.fromAsync(train.rows()));
    const [{ schema, database, groups, meta }] = rows;
    assertEquals([database, groups, meta], [{ path }, ["häfen"], { db_id: "häfen" }]);
    assert(schema !== null && typeof schema !== "string");
    assertStringIncludes(formatDdl(schema), 'FOREIGN KEY ("Hafen-Nr") REFERENCES "Häfen"');
    using real = await openDatabase(path);
    assertEquals((await real.query(rows[0].sql)).rows, [[12.5]]);
    assertEquals((await real.query(rows[1].sql)).rows, [["Möwe"]]);
  });
});

Deno.test("spider: without tables.json the schema is the database's, odd names included", async () => {
  const name = `a b;"c'`;
  const row = { db_id: name, question: "All?", query: `SELECT "select" FROM "x ""y"" -- z"` };
  await withLayout({ "dev.json": JSON.stringify([row]) }, async (folder) => {
    const path = join(folder, "database", name, `${name}.sqlite`);
    Deno.mkdirSync(join(folder, "database", name), { recursive: true });
    writeDatabase(path, `CREATE TABLE "x ""y"" -- z" ("select", "größe m²" TEXT, "" INT)`);
    const [{ database, schema, sql }] = examples(
      await readAll(await dataset("spider").open(at(folder))),
    );
    assertEquals(schema, null);
    using real = await openDatabase(database!.path);
    assertEquals(await real.check(sql), null);
    using copy = await openDatabase({ ddl: formatDdl(await real.schema()) });
    assertEquals(await copy.check(sql), null);
  });
});

Deno.test("spider: a missing database, one that leads elsewhere and a broken schema are faults", async () => {
  const row = (db_id: unknown) => ({ db_id, question: "?", query: "SELECT 1" });
  const broken = { db_id: "b", table_names_original: ["t"] };
  const rows = await rowsOf("cspider", {
    "dev.json": JSON.stringify([row("none"), row("../häfen"), row("b"), row(7)]),
    "tables.json": JSON.stringify([broken]),
  });
  assertEquals(rows.map((row) => isFault(row) && row.fault), [
    "no_schema",
    "no_schema",
    "no_schema",
    "bad_row",
  ]);
  await withLayout({ "dev.json": "[]" }, async (folder) => {
    await assertRejects(() => dataset("cspider").open(at(folder)), FormatError, "tables.json");
  });
});

Deno.test("bird: evidence, difficulty and the number of the question", async () => {
  const [{ id, evidence, meta }] = examples(await rowsOf("bird"));
  assertEquals([id, evidence], ["bird-0", "groß bedeutet Größe > 10"]);
  assertEquals(meta, { db_id: "häfen", difficulty: "simple" });
});

Deno.test("alpaca: records keep their wording and id; DDL in the input is their schema", async () => {
  const [{ id, prompt, schema, groups, sql }] = examples(await rowsOf("alpaca"));
  assertEquals(id, "mine-1");
  assertEquals(prompt?.instruction, "Write SQL.");
  assertEquals([schema, groups], ["CREATE TABLE harbours_1 (name TEXT)", null]);
  assertEquals(sql, "SELECT name FROM harbours_1");
});

Deno.test("alpaca: the headings of this project's own records set schema and question apart", async () => {
  const input = schemaQuestion("CREATE TABLE t (a)", "How many?\n\nReally.", "a counts");
  const bare = schemaQuestion("no schema", "How many?");
  const rows = await rowsOf("alpaca", {
    "train.jsonl": [input, bare].map((input) =>
      JSON.stringify({ instruction: "Do.", input, output: "SELECT 1" })
    ).join("\n"),
  });
  const [first, second] = examples(rows);
  assertEquals([first.schema, first.question], ["CREATE TABLE t (a)", "How many?\n\nReally."]);
  assertEquals([second.schema, second.question, second.groups?.length], [null, "How many?", 1]);
});

Deno.test("alpaca: texts that are made to keep a parser busy are read at once", async () => {
  const repeat = (text: string) => text.repeat(Math.floor(190_000 / text.length));
  const inputs = [
    `### Schema:\n${repeat("\n\n### Evidence:\n")}`,
    repeat("CREATE TABLE a(b(c)"),
    repeat("CREATE TABLE a(("),
    `CREATE${repeat(" ")}`,
    `CREATE TABLE ${repeat('""')}`,
    `CREATE TABLE a (${repeat("(b)")}`,
  ];
  const started = performance.now();
  await rowsOf("alpaca", {
    "train.jsonl": inputs.map((input) =>
      JSON.stringify({ instruction: "Do.", input, output: "SELECT 1" })
    ).join("\n"),
  });
  assert(performance.now() - started < 5000);
});

Deno.test("a row of any set that is too long or no Unicode is a fault", async () => {
  const row = (question: string) => ({
    question,
    context: "CREATE TABLE a (b)",
    answer: "SELECT 1",
  });
  const rows = await rowsOf("sql-create-context", {
    "train.json": JSON.stringify([row("x".repeat(200_001)), row("\ud800"), row("fine"), row(" ")]),
  });
  assertEquals(rows.map((row) => isFault(row) ? row.fault : "fine"), [
    "too_long",
    "bad_row",
    "fine",
    "no_question",
  ]);
});
