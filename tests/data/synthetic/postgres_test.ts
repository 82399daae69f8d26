import { assert, assertEquals } from "@std/assert";
import { databaseScript } from "../../../src/data/synthetic/database.ts";
import { demoDatabases } from "../../../src/data/synthetic/databases.ts";
import { syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { agree } from "../../sql/postgres/agree.ts";
import { Postgres } from "../../sql/postgres/pglite.ts";
import { readDemo } from "./demo_files.ts";

/** What becomes of each query in PostgreSQL, with the query where it is not the same. */
async function convertAll(postgres: Postgres, script: string, queries: readonly string[]) {
  using database = await openDatabase({ ddl: script });
  const schema = postgresSchema(await database.schema(), await readContents(database));
  await postgres.load(schema, database);
  const outcomes: string[] = [];
  for (const sql of queries) {
    const converted = toPostgres(sql, schema);
    if (!converted.ok) {
      outcomes.push(`refused: ${converted.reason.message}: ${sql}`);
      continue;
    }
    const { agreement, detail } = await agree(sql, converted.sql, { schema, database, postgres });
    outcomes.push(agreement === "same" ? agreement : `${agreement}: ${detail}: ${sql}`);
  }
  return outcomes;
}

Deno.test("demo questions: converted, every query returns the same rows in PostgreSQL", async () => {
  await using postgres = new Postgres();
  for (const { name } of demoDatabases()) {
    const { script, questions } = readDemo(name);
    const outcomes = await convertAll(postgres, script, questions.map(({ sql }) => sql));
    assertEquals(outcomes, Array.from({ length: 10 }, () => "same"));
  }
});

Deno.test("pairs: converted, nearly all return the same rows in PostgreSQL, none others", async () => {
  await using postgres = new Postgres();
  const outcomes: string[] = [];
  const pairs = [
    ...syntheticPairs({ split: "train", seed: 4, schemas: "demo", count: 400 }),
    ...syntheticPairs({ split: "train", seed: 4, schemas: "small", schemaCount: 8, count: 160 }),
  ];
  for (const [database, some] of Map.groupBy(pairs, (pair) => pair.database.name)) {
    const script = databaseScript(some[0].database);
    const found = await convertAll(postgres, script, some.map(({ sql }) => sql));
    outcomes.push(
      ...found.map((outcome) => outcome === "same" ? outcome : `${database}: ${outcome}`),
    );
  }
  assertEquals(outcomes.filter((one) => / (differs|error): /.test(one)), []);
  const same = outcomes.filter((one) => one === "same").length / outcomes.length;
  assert(same > 0.95, outcomes.filter((one) => one !== "same").join("\n"));
});
