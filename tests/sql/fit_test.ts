import { assert, assertEquals } from "@std/assert";
import { schemaFromDdl } from "../../src/sql/build.ts";
import { formatDdl } from "../../src/sql/ddl.ts";
import { fitSchema } from "../../src/sql/fit.ts";
import { schemaFromTablesJson, type TablesJsonEntry } from "../../src/sql/schema.ts";
import { sharedTest } from "../shared.ts";

const countTokens = (text: string) => text.split(/\s+/).length;

const schema = await schemaFromDdl(`
  CREATE TABLE stadium (stadium_id INT PRIMARY KEY, name TEXT);
  CREATE TABLE singer (singer_id INT PRIMARY KEY, name TEXT, age INT);
  CREATE TABLE singer_in_concert (concert_id REFERENCES concert, singer_id REFERENCES singer);
  CREATE TABLE concert (concert_id INT PRIMARY KEY, stadium_id REFERENCES stadium, theme TEXT);
  CREATE TABLE weather (day DATE, rain REAL);
  CREATE TABLE budgets (year INT, amount REAL);`);

const kept = (question: string, count: number, required?: readonly string[]) => {
  // The budget that exactly `count` tables of this length would use: the tables that stay tell the order.
  let budget = countTokens(formatDdl(schema));
  while (true) {
    const { tables } = fitSchema(schema, { question, budget, countTokens, required });
    if (tables.length <= count) return tables.map(({ name }) => name);
    budget--;
  }
};

Deno.test("fitSchema: a schema that fits stays as it is", () => {
  const budget = countTokens(formatDdl(schema));
  assert(fitSchema(schema, { question: "", budget, countTokens }) === schema);
  assert(fitSchema(schema, { question: "", budget: budget - 1, countTokens }) !== schema);
});

Deno.test("fitSchema: tables the question names stay longest, then those that join them", () => {
  const question = "How many Singers sang in each stadium?";
  assertEquals(kept(question, 5), ["stadium", "singer", "singer_in_concert", "concert", "weather"]);
  assertEquals(kept(question, 4), ["stadium", "singer", "singer_in_concert", "concert"]);
  assertEquals(kept(question, 3), ["stadium", "singer", "singer_in_concert"]);
  assertEquals(kept("What was the budget of 2014?", 1), ["budgets"]);
  assertEquals(kept("How much rain fell?", 1), ["weather"]);
});

Deno.test("fitSchema: required tables stay, though the budget be exceeded", () => {
  const required = ["Weather", "budgets"];
  const options = { question: "Which singers are there?", budget: 1, countTokens, required };
  assertEquals(fitSchema(schema, options).tables.map(({ name }) => name), ["weather", "budgets"]);
});

Deno.test("fitSchema: no foreign key points at a table left out", async () => {
  const { tables } = fitSchema(schema, { question: "themes of concerts", budget: 20, countTokens });
  assertEquals(tables.map(({ name }) => name), ["concert"]);
  assertEquals(tables[0].foreignKeys, []);
  await schemaFromDdl(formatDdl({ tables }));
});

sharedTest(
  "fitSchema: half of Spider's longer schemas holds the tables of nearly every gold query",
  async (path) => {
    const entries: TablesJsonEntry[] = JSON.parse(
      await Deno.readTextFile(path("data/spider/tables.json")),
    );
    const schemas = new Map(entries.map((entry) => [entry.db_id, schemaFromTablesJson(entry)]));
    const examples: { db_id: string; question: string; query: string }[] = JSON.parse(
      await Deno.readTextFile(path("data/spider/dev.json")),
    );
    let [whole, all] = [0, 0];
    for (const { db_id, question, query } of examples) {
      const schema = schemas.get(db_id)!;
      const used = schema.tables.filter(({ name }) =>
        new RegExp(`\\b(from|join)\\s+${name}\\b`, "i").test(query)
      );
      const budget = countTokens(formatDdl(schema)) / 2;
      if (schema.tables.length < 4 || countTokens(formatDdl({ tables: used })) > budget) continue;
      const fitted = fitSchema(schema, { question, budget, countTokens });
      assert(countTokens(formatDdl(fitted)) <= budget);
      all++;
      if (used.every(({ name }) => fitted.tables.some((table) => table.name === name))) whole++;
    }
    // Of the 394 questions whose tables fit, 364 keep them.
    assert(all > 390 && whole / all > 0.92, `${whole} of ${all} hold all tables`);
  },
);
