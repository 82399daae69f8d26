/**
 * No statement changes a byte, runs on after its deadline or takes the process down.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SqlError } from "../../src/errors.ts";
import { Connection } from "../../src/sql/connection.ts";
import { loadSqlite } from "../../src/sql/engine.ts";
import { createRuntime } from "../../src/sql/runtime.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { BOMBS } from "./bombs.ts";
import { ownTime } from "./clock.ts";
import { fingerprint, makeDatabase, temporaryFolder } from "./files.ts";
import { HOSTILE_SCRIPT, REFUSED } from "./hostile.ts";

const GROUPS = [...REFUSED, ...BOMBS];
const TIMEOUT_MS = 120;
/** How late a statement may end. */
const TOLERANCE_MS = 100;
/**
 * The clock leaves out the time in which the thread had no core, but not what it waited for memory
 * that others use, or for the thread that compiles. That does not happen every time, whereas a
 * statement that cannot be stopped is late always; so the best of these counts.
 */
const ATTEMPTS = 4;

const folder = temporaryFolder();
const path = `${folder}/hostile.db`;
makeDatabase(path, HOSTILE_SCRIPT);
const image = Deno.readFileSync(path);
const CONTENT = [[3, "Ann,Bo,Cy", 2, 2000, 2, 1]];
const COUNTS = `SELECT count(*), group_concat(name), (SELECT count(*) FROM concert),
  (SELECT count(*) FROM numbers), (SELECT count(*) FROM notes), (SELECT count(*) FROM places)
  FROM singer`;

/** Nothing but reading: an attempt of anything else would throw. */
const READING: Deno.PermissionOptions = {
  read: true,
  write: false,
  run: false,
  net: false,
  env: false,
  ffi: false,
  sys: false,
};

const sqlite = await loadSqlite();

/** A connection whose image in the engine's memory can be looked at. */
function connect() {
  const runtime = createRuntime(sqlite, { maxMemory: 128 << 20 });
  const connection = Connection.open(runtime, { source: image, maxLength: 4 << 20 });
  const { bytes } = runtime.engine;
  let start = bytes().indexOf(image[0]);
  while (!sameBytes(bytes().subarray(start, start + image.length), image)) {
    start = bytes().indexOf(image[0], start + 1);
    assert(start >= 0, "the image was not found in memory");
  }
  return {
    connection,
    runtime,
    unchanged: () => sameBytes(bytes().subarray(start, start + image.length), image),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function outcomeOf(run: () => unknown): string {
  try {
    run();
    return "rows";
  } catch (error) {
    if (error instanceof SqlError) return error.kind;
    throw error;
  }
}

Deno.test("hostile statements: there are at least 150, no two the same", () => {
  const all = GROUPS.flatMap(({ statements }) => statements);
  assert(all.length >= 150, `${all.length}`);
  assertEquals(new Set(all).size, all.length);
});

for (const { name, outcomes, statements } of GROUPS) {
  Deno.test({
    name: `hostile statements: ${name} (${statements.length})`,
    permissions: READING,
    async fn() {
      const before = await fingerprint(folder) + await fingerprint(".");
      let used = connect();
      for (const sql of statements) {
        const shown = sql.slice(0, 200);
        let fastest = Infinity;
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          if (used.runtime.broken) used = connect();
          const started = ownTime();
          const outcome = outcomeOf(() => used.connection.query(sql, { timeoutMs: TIMEOUT_MS }));
          fastest = Math.min(fastest, ownTime() - started);
          assert(outcomes.includes(outcome), `${shown}: ${outcome}`);
          assert(used.unchanged(), `${shown} changed the database`);
          if (fastest <= TIMEOUT_MS + TOLERANCE_MS) break;
        }
        assert(fastest <= TIMEOUT_MS + TOLERANCE_MS, `${shown}: ${fastest} ms`);
        if (used.runtime.broken) used = connect();
        assertEquals(used.connection.query(COUNTS).rows, CONTENT, shown);
      }
      assertEquals(await fingerprint(folder) + await fingerprint("."), before);
    },
  });
}

Deno.test("hostile statements: a file that is read page by page fares no worse", async () => {
  const before = await fingerprint(folder);
  using database = await openDatabase(path, { maxInMemory: 0, maxMemory: 128 << 20 });
  for (const { outcomes, statements } of GROUPS) {
    // A third of the bombs, of which each takes its time.
    for (
      const sql of statements.filter((_, index) => outcomes[0] !== "timeout" || index % 3 === 0)
    ) {
      const shown = sql.slice(0, 200);
      let fastest = Infinity;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        assertEquals((await database.query(COUNTS)).rows, CONTENT);
        const started = ownTime();
        const error = await database.query(sql, { timeoutMs: TIMEOUT_MS, maxBytes: 1 << 20 })
          .then(() => null, (error) => error);
        fastest = Math.min(fastest, ownTime() - started);
        const outcome = error instanceof SqlError ? error.kind : error ?? "rows";
        assert(outcomes.includes(outcome) || outcome === "timeout", `${shown}: ${outcome}`);
        if (fastest <= TIMEOUT_MS + TOLERANCE_MS) break;
      }
      assert(fastest <= TIMEOUT_MS + TOLERANCE_MS, `${shown}: ${fastest} ms`);
    }
  }
  assertEquals(await fingerprint(folder), before);
});

const words = fc.constantFrom(
  ..."SELECT INSERT INTO UPDATE DELETE FROM WHERE SET VALUES WITH RECURSIVE AS UNION ALL EXCEPT PRAGMA"
    .split(" "),
  ..."ATTACH DETACH VACUUM CREATE TABLE DROP ALTER EXPLAIN QUERY PLAN RETURNING OVER ORDER BY LIMIT"
    .split(" "),
  ..."CASE WHEN THEN END JOIN ON LEFT NATURAL IN EXISTS NOT LIKE GLOB MATCH BETWEEN NULL IS DISTINCT"
    .split(" "),
  ..."BEGIN COMMIT REINDEX ANALYZE REPLACE USING CROSS GROUP HAVING CAST COLLATE ESCAPE".split(" "),
  ..."( ) , ; . * + - / % = < > || -> ->> -- /* */ ' \" ` [ ] ? :a @b $c 0 1 -1 1e999 x'00' 'a' NULL"
    .split(" "),
  ..."singer concert numbers notes places grown id name age n text r x sqlite_schema main temp"
    .split(" "),
  ..."count( max( printf( zeroblob( randomblob( hex( replace( group_concat( json( json_each( abs("
    .split(" "),
  "load_extension(",
  "pragma_table_info(",
  "writable_schema",
  "'stolen.db'",
  "9223372036854775807",
);
const soup = fc.array(fc.oneof({ weight: 9, arbitrary: words }, fc.string({ unit: "binary" })), {
  minLength: 1,
  maxLength: 30,
}).map((parts) => parts.join(" "));
const known = fc.constantFrom(...GROUPS.flatMap(({ statements }) => statements))
  .filter((sql) => sql.length < 500);
const spliced = fc.tuple(known, known, fc.nat(), fc.nat(), fc.nat())
  .map(([a, b, cutA, cutB, length]) => {
    const from = cutB % (b.length + 1);
    return a.slice(0, cutA % (a.length + 1)) + b.slice(from, from + length % 80) +
      a.slice(cutA % (a.length + 1) + length % 5);
  });
const column = fc.constantFrom(
  "n",
  "text",
  "-n",
  "hex(text)",
  "n || text",
  "x'00'",
  "count(*)",
  "1e999",
);
const selects = fc.tuple(column, column, column, fc.oneof(soup, fc.constant(""))).map(
  ([a, b, c, rest]) => `SELECT ${a}, ${b} FROM numbers WHERE ${c} ORDER BY 1 ${rest}`,
);

Deno.test({
  name:
    "hostile statements: whatever is put together from pieces of them changes nothing, and ends",
  permissions: READING,
  fn() {
    let used = connect();
    let ran = 0;
    fc.assert(
      fc.property(fc.oneof(soup, spliced, selects), (sql) => {
        if (used.runtime.broken) used = connect();
        let fastest = Infinity;
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          if (used.runtime.broken) used = connect();
          const started = ownTime();
          const outcome = outcomeOf(() => used.connection.query(sql, { timeoutMs: 20 }));
          fastest = Math.min(fastest, ownTime() - started);
          if (outcome === "rows") ran++;
          if (fastest <= 20 + TOLERANCE_MS) break;
        }
        assert(fastest <= 20 + TOLERANCE_MS, `${fastest} ms`);
        assert(used.unchanged(), "the database was changed");
      }),
      { numRuns: 3000 },
    );
    assert(ran > 100, `only ${ran} of the statements were right`);
    assertEquals(connect().connection.query(COUNTS).rows, CONTENT);
  },
});
