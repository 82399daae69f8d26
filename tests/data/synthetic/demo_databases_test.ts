import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { databaseScript } from "../../../src/data/synthetic/database.ts";
import { demoDatabases } from "../../../src/data/synthetic/databases.ts";
import { levelOf, LEVELS } from "../../../src/data/synthetic/level.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { readDemo } from "./demo_files.ts";

const databases = demoDatabases();
const demos = databases.map(({ name }) => readDemo(name));

Deno.test("demo databases: five, of five tables and hundreds of rows each", () => {
  assertEquals(databases.map(({ name }) => name), [
    "ecommerce",
    "finance",
    "healthcare",
    "retail",
    "saas",
  ]);
  for (const { tables, schema } of databases) {
    assertEquals(tables.length, 5);
    assert(tables.reduce((sum, { rows }) => sum + rows.length, 0) > 500);
    assert(schema.tables.every(({ primaryKey }) => primaryKey.length === 1));
    assert(schema.tables.flatMap(({ foreignKeys }) => foreignKeys).length >= 4);
  }
});

Deno.test("demo databases: the scripts are those that data/demo/make.ts writes, the README has their sums", () => {
  const readme = Deno.readTextFileSync(new URL("../../../data/demo/README.md", import.meta.url));
  for (const [i, database] of databases.entries()) {
    assertEquals(demos[i].script === databaseScript(database), true, `${database.name} is stale`);
    assertStringIncludes(readme, createHash("sha256").update(demos[i].script).digest("hex"));
    for (const { name, rows } of database.tables) {
      assertStringIncludes(readme, `${name} ${rows.length}`);
    }
  }
});

Deno.test("demo databases: every reference leads to a row, and some rows are referred to by none", () => {
  let unused = 0;
  for (const { tables } of databases) {
    for (const { columns, rows } of tables) {
      for (const { kind, target, index } of columns) {
        if (kind !== "reference") continue;
        const found = new Set(rows.map((row) => row[index]));
        assert([...found].every((key) => tables[target].byKey.has(key)));
        if (found.size < tables[target].rows.length) unused++;
      }
    }
  }
  assert(unused >= 10, `${unused}`);
});

Deno.test("demo questions: ten for each database, all run, and none answers nothing", async () => {
  for (const { name, script, questions } of demos) {
    assertEquals(questions.map(({ id }) => id), questions.map((_, i) => `${name}-${i + 1}`));
    assertEquals(questions.length, 10);
    using database = await openDatabase({ ddl: script });
    for (const { id, sql, db_id } of questions) {
      assertEquals(db_id, name);
      const { rows } = await database.query(sql);
      assert(rows.length > 0, `${id} is empty`);
      assert(rows.every((row) => row.every((value) => value !== null && value !== "")), id);
      assert(rows.length > 1 || rows[0].some((value) => value !== 0), id);
    }
  }
});

Deno.test("demo questions: the answer does not depend on ties that LIMIT cuts", async () => {
  for (const { script, questions } of demos) {
    using database = await openDatabase({ ddl: script });
    for (const { id, sql } of questions) {
      const cut = / LIMIT (\d+)$/.exec(sql);
      if (!cut) continue;
      const { rows } = await database.query(sql.replace(cut[0], ` LIMIT ${Number(cut[1]) + 1}`));
      const last = rows.map((row) => JSON.stringify(row.slice(1)));
      const named = / ORDER BY .*name/.test(sql);
      assert(named || last[Number(cut[1]) - 1] !== last[Number(cut[1])], id);
    }
  }
});

Deno.test("demo questions: from simple to complex, with every construct in each database", () => {
  for (const { name, questions } of demos) {
    const all = questions.map(({ sql }) => sql).join("\n");
    for (
      const word of [
        / JOIN /,
        / GROUP BY /,
        / HAVING /,
        /\(SELECT /,
        /INTERSECT|EXCEPT/,
        / LIMIT |ORDER BY/,
      ]
    ) {
      assert(word.test(all), `${name}: ${word}`);
    }
    assert(/strftime|julianday|_date (>|<|BETWEEN)|birth_date DESC/.test(all), `${name}: dates`);
    const levels = questions.map(({ sql }) => LEVELS.indexOf(levelOf(sql)));
    assert(levels[0] <= 1 && levels[1] <= 1, `${name}: ${levels}`);
    assert(levels.slice(5).every((level) => level >= 2), `${name}: ${levels}`);
    assert(questions.every(({ question }) => /^[A-Z].*[.?]$/.test(question)));
  }
});
