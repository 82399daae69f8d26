/**
 * A real PostgreSQL in a process of its own, which can be killed: a deadline of its own it does not
 * keep. Reads requests as JSON from its input, one a line, and answers each with a line.
 * @module
 */
import { PGlite } from "@electric-sql/pglite";
import type { Answer, Request, Row } from "./pglite.ts";

const pg = new PGlite();
const BIGINT = 20, INT2 = 21, INT4 = 23, FLOAT4 = 700, FLOAT8 = 701, NUMERIC = 1700;
const DATE = 1082, TIMESTAMP = 1114, BOOL = 16, BYTEA = 17;

/** Numbers as numbers, everything else as PostgreSQL writes it. */
const parsers = Object.fromEntries([
  ...[BIGINT, INT2, INT4, FLOAT4, FLOAT8, NUMERIC].map((type) => [type, Number]),
  ...[DATE, TIMESTAMP, BOOL, BYTEA].map((type) => [type, (text: string) => text]),
]);

async function answer(request: Request): Promise<Answer> {
  try {
    if (request.kind === "query") {
      const { rows } = await pg.query(request.sql, [], { rowMode: "array", parsers });
      return { rows: rows as unknown as Row[] };
    }
    await pg.exec(
      "DROP SCHEMA IF EXISTS work CASCADE; CREATE SCHEMA work; SET search_path = work; " +
        // Rows that break a foreign key, as SQLite lets them, are loaded all the same.
        "SET session_replication_role = replica",
    );
    await pg.exec(request.ddl);
    for (const { table, text } of request.tables) {
      const blob = new Blob([text]);
      await pg.query(`COPY ${table} FROM '/dev/blob'`, [], { blob });
    }
    return { rows: [] };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

if (import.meta.main) {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const chunk of lines) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    for (const line of parts) {
      const reply = JSON.stringify(await answer(JSON.parse(line) as Request));
      const bytes = new TextEncoder().encode(reply + "\n");
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    }
  }
}
