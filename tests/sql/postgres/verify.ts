/**
 * Converts the gold queries of a data set in Spider's or BIRD's form and counts what becomes of them:
 *
 *     deno task verify-postgres QUESTIONS.json DATABASES [OUT.json]
 *     deno task verify-postgres QUESTIONS.json TABLES.json [OUT.json]
 *
 * With a folder of SQLite databases, both sides run and are compared. With a `tables.json`, nothing is
 * known of the values, and PostgreSQL only prepares the queries.
 * @module
 */
import { readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { type PostgresSchema, postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { schemaFromTablesJson, type TablesJsonEntry } from "../../../src/sql/schema.ts";
import { agree } from "./agree.ts";
import { Postgres } from "./pglite.ts";

/** What became of a query. */
export interface Outcome {
  readonly database: string;
  readonly sql: string;
  readonly converted?: string;
  /**
   * An {@linkcode Agreement}; `refused`; `prepared`, where nothing was run; `invalid`, where SQLite
   * itself fails.
   */
  readonly result: string;
  readonly detail: string;
}

/** A question of a data set, as far as it is read. */
export interface Question {
  readonly db_id: string;
  readonly query?: string;
  readonly SQL?: string;
}

/** How a query that was converted is tried. */
type Try = (sql: string, converted: string) => Promise<Pick<Outcome, "result" | "detail">>;

/** Runs the queries of one database after the other, in SQLite and converted. */
export async function* verify(
  questions: readonly Question[],
  databases: string,
): AsyncGenerator<Outcome> {
  await using postgres = new Postgres();
  for (const [name, some] of Map.groupBy(questions, ({ db_id }) => db_id)) {
    using database = await openDatabase(`${databases}/${name}/${name}.sqlite`, { name });
    const schema = postgresSchema(await database.schema(), await readContents(database));
    await postgres.load(schema, database);
    yield* each(some, schema, async (sql, converted) => {
      const { agreement, detail } = await agree(sql, converted, { schema, database, postgres });
      return { result: agreement, detail };
    });
  }
}

/** Prepares the converted queries in PostgreSQL, over schemas without rows. */
export async function* prepare(
  questions: readonly Question[],
  entries: readonly TablesJsonEntry[],
): AsyncGenerator<Outcome> {
  await using postgres = new Postgres();
  for (const [name, some] of Map.groupBy(questions, ({ db_id }) => db_id)) {
    const entry = entries.find(({ db_id }) => db_id === name);
    if (!entry) throw new Error(`There is no schema of ${name}`);
    const schema = postgresSchema(schemaFromTablesJson(entry));
    await postgres.load(schema);
    yield* each(some, schema, async (_, converted) => {
      const { error } = await postgres.query(`EXPLAIN ${converted}`);
      return { result: error ? "error" : "prepared", detail: error ?? "" };
    });
  }
}

async function* each(
  questions: readonly Question[],
  schema: PostgresSchema,
  tried: Try,
): AsyncGenerator<Outcome> {
  for (const { db_id: database, query, SQL } of questions) {
    const sql = query ?? SQL ?? "";
    const conversion = toPostgres(sql, schema);
    if (!conversion.ok) {
      const { kind, message } = conversion.reason;
      yield { database, sql, result: "refused", detail: `${kind}: ${message}` };
      continue;
    }
    const converted = conversion.sql;
    try {
      yield { database, sql, converted, ...await tried(sql, converted) };
    } catch (error) {
      yield { database, sql, converted, result: "invalid", detail: String(error) };
    }
  }
}

function hasDatabase({ db_id }: Question, databases: string): boolean {
  try {
    return Deno.statSync(`${databases}/${db_id}/${db_id}.sqlite`).isFile;
  } catch {
    return false;
  }
}

async function main([questionsPath, source, out]: readonly string[]): Promise<void> {
  const all = JSON.parse(await Deno.readTextFile(questionsPath)) as Question[];
  const runs = !source.endsWith(".json");
  const questions = all.filter((question) => !runs || hasDatabase(question, source));
  console.log(
    `${questions.length} of ${all.length} questions have a ${runs ? "database" : "schema"}`,
  );
  const started = performance.now();
  const outcomes: Outcome[] = [];
  const running = runs
    ? verify(questions, source)
    : prepare(questions, JSON.parse(await Deno.readTextFile(source)));
  for await (const outcome of running) outcomes.push(outcome);
  for (const [result, some] of Map.groupBy(outcomes, ({ result }) => result)) {
    console.log(
      `${result}: ${some.length} (${(some.length / outcomes.length * 100).toFixed(1)} %)`,
    );
  }
  const refused = outcomes.filter(({ result }) => result === "refused");
  for (const [kind, some] of Map.groupBy(refused, ({ detail }) => detail.split(":")[0])) {
    console.log(`  refused, ${kind}: ${some.length}`);
  }
  console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (out) await Deno.writeTextFile(out, JSON.stringify(outcomes, null, 1));
}

if (import.meta.main) await main(Deno.args);
