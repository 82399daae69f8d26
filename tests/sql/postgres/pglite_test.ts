import { assert, assertEquals, assertMatch } from "@std/assert";
import { random } from "../../../src/data/random.ts";
import { quoteIdentifier } from "../../../src/sql/ddl.ts";
import { readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { type PostgresSchema, postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { agree } from "./agree.ts";
import { Postgres } from "./pglite.ts";
import { randomQueries, TROUBLE } from "./random_query.ts";
import { CONVERTED } from "./rules.ts";

async function trouble() {
  const database = await openDatabase({ ddl: TROUBLE });
  const schema = postgresSchema(await database.schema(), await readContents(database));
  const postgres = new Postgres();
  await postgres.load(schema, database);
  const stack = new AsyncDisposableStack();
  stack.use(postgres);
  stack.defer(() => database[Symbol.dispose]());
  return { database, schema, postgres, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("PostgreSQL: each converted query gives the rows that SQLite gives", async () => {
  await using at = await trouble();
  for (const [sqlite, postgres] of CONVERTED) {
    const { agreement, detail } = await agree(sqlite, postgres, at);
    assertEquals(agreement, "same", `${sqlite}\n${postgres}\n${detail}`);
  }
});

/** The schema as it is where nobody has looked into texts. */
function blind(schema: PostgresSchema): PostgresSchema {
  return {
    ...schema,
    tables: schema.tables.map((table) => ({
      ...table,
      columns: table.columns.map(({ digits: _digits, dates: _dates, ...column }) => column),
    })),
  };
}

Deno.test("PostgreSQL: random queries give the same rows, or are refused", async () => {
  await using at = await trouble();
  const stream = random(1, "queries");
  const next = randomQueries(() => stream.float());
  const counts = { same: 0, tie: 0, refused: 0, invalid: 0 };
  for (let round = 0; round < 1500; round++) {
    const sql = next();
    const schema = round % 3 === 0 ? blind(at.schema) : at.schema;
    if (await at.database.check(sql)) {
      counts.invalid++;
      continue;
    }
    const conversion = toPostgres(sql, schema);
    if (!conversion.ok) {
      counts.refused++;
      continue;
    }
    const { agreement, detail } = await agree(sql, conversion.sql, { ...at, schema });
    assert(agreement === "same" || agreement === "tie", `${sql}\n${conversion.sql}\n${detail}`);
    counts[agreement]++;
  }
  assert(counts.same > 500, JSON.stringify(counts));
});

Deno.test("PostgreSQL: every keyword can be a name", async () => {
  await using postgres = new Postgres();
  await postgres.load({ tables: [] });
  const { rows } = await postgres.query("SELECT word FROM pg_get_keywords()");
  const words = rows!.map(([word]) => String(word));
  assert(words.length > 400);
  const table = { primaryKey: [], foreignKeys: [] };
  const column = (name: string) => ({ name, type: "INT", notNull: false });
  const schema = postgresSchema({
    tables: [
      { ...table, name: "words", columns: words.map(column) },
      ...words.map((name) => ({ ...table, name, columns: [column(name)] })),
    ],
  });
  await postgres.load(schema);
  for (const word of words) {
    const name = quoteIdentifier(word).replace(/^[^"].*/, '"$&"');
    const query = `SELECT ${name} AS ${name}, count(${name}) FROM words AS ${name}
      WHERE ${name}.${name} > 1 GROUP BY ${name} ORDER BY ${name}`;
    for (const sql of [query, `SELECT ${name}.${name} FROM ${name}`]) {
      const conversion = toPostgres(sql, schema);
      const { error } = await postgres.query(conversion.ok ? conversion.sql : "");
      assertEquals([conversion.ok, error], [true, undefined], sql);
    }
  }
});

Deno.test("PostgreSQL: a query that does not end is killed, and the next one is answered", async () => {
  await using at = await trouble();
  const endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
  const { error } = await at.postgres.query(endless, 1000);
  assertMatch(error!, /not done in 1000 ms/);
  assertEquals((await at.postgres.query("SELECT count(*) FROM item")).rows, [[6]]);
});
