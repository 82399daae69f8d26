/**
 * `deno run -A tests/sql/postgres/verify.ts QUESTIONS DATABASES [OUT]`: converts the gold queries of a
 * data set in Spider's or BIRD's form, runs both sides where there is a database, and counts.
 * @module
 */
import { readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import { agree } from "./agree.ts";
import { Postgres } from "./pglite.ts";

/** What became of a query. */
export interface Outcome {
  readonly database: string;
  readonly sql: string;
  readonly converted?: string;
  /** An {@linkcode Agreement}, `refused`, or `invalid` where SQLite itself fails. */
  readonly result: string;
  readonly detail: string;
}

/** A question of a data set, as far as it is read. */
export interface Question {
  readonly db_id: string;
  readonly query?: string;
  readonly SQL?: string;
}

/** Verifies the queries of one database after the other. */
export async function* verify(
  questions: readonly Question[],
  databases: string,
): AsyncGenerator<Outcome> {
  await using postgres = new Postgres();
  for (const [name, ofDatabase] of Map.groupBy(questions, ({ db_id }) => db_id)) {
    using database = await openDatabase(`${databases}/${name}/${name}.sqlite`, { name });
    const schema = postgresSchema(await database.schema(), await readContents(database));
    await postgres.load(schema, database);
    for (const question of ofDatabase) {
      const sql = question.query ?? question.SQL ?? "";
      const common = { database: name, sql };
      const conversion = toPostgres(sql, schema);
      if (!conversion.ok) {
        const { kind, message } = conversion.reason;
        yield { ...common, result: "refused", detail: `${kind}: ${message}` };
        continue;
      }
      const converted = conversion.sql;
      try {
        const { agreement, detail } = await agree(sql, converted, { schema, database, postgres });
        yield { ...common, converted, result: agreement, detail };
      } catch (error) {
        yield { ...common, converted, result: "invalid", detail: String(error) };
      }
    }
  }
}

async function main([questionsPath, databases, out]: readonly string[]): Promise<void> {
  const all = JSON.parse(await Deno.readTextFile(questionsPath)) as Question[];
  const questions = all.filter(({ db_id }) => {
    try {
      return Deno.statSync(`${databases}/${db_id}/${db_id}.sqlite`).isFile;
    } catch {
      return false;
    }
  });
  console.log(`${questions.length} of ${all.length} questions have a database`);
  const started = performance.now();
  const outcomes: Outcome[] = [];
  for await (const outcome of verify(questions, databases)) outcomes.push(outcome);
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
