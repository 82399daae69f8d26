import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { FormatError, SqlError } from "../../src/errors.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { applyLog } from "../../src/sql/wal.ts";
import { fingerprint, makeDatabase, temporaryFolder } from "./files.ts";

const folder = temporaryFolder();
const good = `${folder}/good.db`;
makeDatabase(
  good,
  `CREATE TABLE "Straße" ("Größe m" REAL PRIMARY KEY, name TEXT NOT NULL);
   CREATE INDEX by_name ON "Straße" (name);
   WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 500)
     INSERT INTO "Straße" SELECT n, 'name ' || n FROM r;`,
);
const image = Deno.readFileSync(good);
const COUNT = `SELECT count(*), max(name) FROM "Straße"`;
const READ_ONLY: Deno.PermissionOptions = { read: true, write: false, run: false };

const put = (name: string, bytes: Uint8Array | string) => {
  const path = `${folder}/${name}`;
  if (typeof bytes === "string") Deno.writeTextFileSync(path, bytes);
  else Deno.writeFileSync(path, bytes);
  return path;
};

Deno.test("openDatabase: a file that is missing or no database is a FormatError that says so", async () => {
  const changed = (at: number, ...values: number[]) => {
    const bytes = image.slice();
    bytes.set(values, at);
    return bytes;
  };
  const faults: readonly (readonly [string, string])[] = [
    [`${folder}/nothing.db`, "there is no such file; check the path"],
    [`${good}/inside.db`, "there is no such file"],
    [folder, "it is no file; name the database file itself"],
    [put("empty.db", ""), "the file is empty; fetch it again"],
    [
      put("pointer.db", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
      "it is a Git-LFS pointer, not the database; fetch it with `git lfs pull`",
    ],
    [
      put("page.db", "<!DOCTYPE html>\n<html>"),
      'no SQLite database (it begins with "<!DOCTYPE html>',
    ],
    [put("binary.db", new Uint8Array(5000)), "it is no SQLite database"],
    [put("short.db", image.slice(0, 60)), "it has only 60 bytes"],
    [
      put("half.db", image.slice(0, image.length / 2)),
      `it has ${image.length / 2} of ${image.length}`,
    ],
    [
      put("cut.db", image.slice(0, image.length - 1)),
      `it has ${image.length - 1} of ${image.length}`,
    ],
    [put("size.db", changed(16, 3, 3)), "its header is damaged (a page of 771 bytes)"],
    [put("utf16.db", changed(56, 0, 0, 0, 2)), "its text is UTF-16; convert it"],
    [put("schema.db", changed(100, 99)), "malformed"],
  ];
  for (const maxInMemory of [1 << 29, 0]) {
    for (const [path, message] of faults) {
      const error = await assertRejects(
        () => openDatabase(path, { maxInMemory }),
        FormatError,
        message,
      );
      assertEquals(error.file, path);
      assertStringIncludes(error.message, `Cannot open ${path}: `);
    }
  }
  await assertRejects(
    () => openDatabase(new Uint8Array(0)),
    FormatError,
    "Cannot open the database: ",
  );
});

Deno.test("openDatabase: what the system says of a path is a FormatError, too", async () => {
  Deno.symlinkSync(`${folder}/turn.db`, `${folder}/around.db`);
  Deno.symlinkSync(`${folder}/around.db`, `${folder}/turn.db`);
  Deno.symlinkSync(`${folder}/gone.db`, `${folder}/dangling.db`);
  for (const [name, suffix] of [["log-folder.db", "wal"], ["journal-folder.db", "journal"]]) {
    Deno.mkdirSync(`${put(name, image)}-${suffix}`);
  }
  const faults: readonly (readonly [string, string])[] = [
    ["turn.db", "its symbolic links lead in a circle; check the path"],
    ["dangling.db", "there is no such file"],
    ["nul\0.db", "a path has no NUL character; check the path"],
    [`${"long".repeat(100)}.db`, "too long"],
    ["log-folder.db", "log-folder.db-wal beside it is no file; move it away"],
    ["journal-folder.db", "journal-folder.db-journal beside it is no file; move it away"],
  ];
  for (const [name, message] of faults) {
    const path = `${folder}/${name}`;
    const error = await assertRejects(() => openDatabase(path), FormatError, message);
    assertEquals(error.file, path);
  }
});

Deno.test({
  name: "openDatabase: a permission that is not given stays Deno's own error",
  permissions: { read: ["."] },
  async fn() {
    await assertRejects(() => openDatabase(good), Deno.errors.NotCapable);
  },
});

Deno.test("openDatabase: a page that is damaged is an error of kind database when it is read", async () => {
  const bytes = image.slice();
  bytes.fill(0xff, 8192);
  using database = await openDatabase(bytes);
  assertEquals((await database.schema()).tables.length, 1);
  const error = await assertRejects(() => database.query(COUNT), SqlError, "malformed");
  assertEquals(error.kind, "database");
  assertEquals((await database.query("SELECT 1")).rows, [[1]]);
});

Deno.test("openDatabase: names with blanks, quotes, commas and umlauts, a link, a file nobody may write", async () => {
  const odd = put(`ä "b", c'd %20 #?.db`, image);
  Deno.chmodSync(odd, 0o444);
  Deno.symlinkSync(odd, `${folder}/link.db`);
  for (const path of [odd, `${folder}/link.db`]) {
    for (const maxInMemory of [1 << 29, 0]) {
      using database = await openDatabase(path, { maxInMemory, name: "straßen" });
      assertEquals((await database.query(COUNT)).rows, [[500, "name 99"]]);
      const schema = await database.schema();
      assertEquals(schema.name, "straßen");
      assertEquals(schema.tables.map(({ name, primaryKey }) => [name, primaryKey]), [
        ["Straße", ["Größe m"]],
      ]);
    }
  }
});

/** A database in WAL mode as a program that still has it open, or was killed, leaves it. */
function makeLogged(name: string): { path: string; log: Uint8Array<ArrayBuffer> } {
  const path = `${folder}/${name}`;
  using writer = new DatabaseSync(path);
  writer.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  writer.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'in the file')");
  writer.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  writer.exec("INSERT INTO t VALUES (2, 'in the log'), (3, zeroblob(20000))");
  writer.exec("UPDATE t SET b = 'last' WHERE a = 1");
  const [bytes, log] = [Deno.readFileSync(path), Deno.readFileSync(`${path}-wal`)];
  const copy = `${folder}/copy-${name}`;
  Deno.writeFileSync(copy, bytes);
  Deno.writeFileSync(`${copy}-wal`, log);
  return { path: copy, log };
}

const ROWS = "SELECT count(*), (SELECT b FROM t WHERE a = 1) FROM t";

Deno.test("openDatabase: changes in a write-ahead log count, and the files stay as they are", async () => {
  const { path } = makeLogged("logged.db");
  const before = await fingerprint(folder);
  using database = await openDatabase(path);
  assertEquals((await database.query(ROWS)).rows, [[3, "last"]]);
  assertEquals((await database.query("SELECT length(b) FROM t WHERE a = 3")).rows, [[20000]]);
  await assertRejects(
    () => openDatabase(path, { maxInMemory: 0 }),
    FormatError,
    "open and close it once with a program that may write it",
  );
  assertEquals(await fingerprint(folder), before);
});

Deno.test("openDatabase: the logs beside the target of a link count", async () => {
  const { path } = makeLogged("target.db");
  const [link, second] = [`${folder}/to-target.db`, `${folder}/to-link.db`];
  Deno.symlinkSync(path, link);
  Deno.symlinkSync("to-target.db", second);
  for (const name of [link, second]) {
    using database = await openDatabase(name);
    assertEquals((await database.query(ROWS)).rows, [[3, "last"]]);
    await assertRejects(() => openDatabase(name, { maxInMemory: 0 }), FormatError, `${path}-wal`);
  }
  Deno.writeFileSync(`${path}-journal`, Uint8Array.fromHex("d9d505f920a163d700000001"));
  for (const name of [path, link, second]) {
    await assertRejects(() => openDatabase(name), FormatError, "did not end well");
  }
});

Deno.test("applyLog: a log that is cut or damaged counts up to its last whole transaction", async () => {
  const { path, log } = makeLogged("damaged.db");
  const main = Deno.readFileSync(path);
  const read = async (log: Uint8Array) => {
    using database = await openDatabase(applyLog(main, log));
    return (await database.query(ROWS)).rows[0];
  };
  assertEquals(await read(log), [3, "last"]);
  assertEquals(await read(log.slice(0, -1)), [3, "in the file"]);
  assertEquals(await read(log.slice(0, 100)), [1, "in the file"]);
  assertEquals(await read(new Uint8Array(0)), [1, "in the file"]);
  const flipped = log.slice();
  flipped[flipped.length - 5] ^= 1;
  assertEquals(await read(flipped), [3, "in the file"]);
  flipped[16] ^= 1; // a salt of the header
  assertEquals(await read(flipped), [1, "in the file"]);
  await fc.assert(
    fc.asyncProperty(fc.nat(log.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const bytes = log.slice();
      bytes[at] ^= mask;
      const row = await read(bytes);
      assert(row[0] === 1 || row[0] === 3, `${row}`);
    }),
    { numRuns: 200 },
  );
});

Deno.test("openDatabase: WAL mode without a log, and journals that are done", async () => {
  const path = `${folder}/wal.db`;
  makeDatabase(
    path,
    "PRAGMA journal_mode = WAL; CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)",
  );
  assertEquals(Deno.readFileSync(path).slice(18, 20), new Uint8Array([2, 2]));
  Deno.writeFileSync(`${path}-wal`, new Uint8Array(0));
  Deno.writeFileSync(`${path}-journal`, new Uint8Array(512)); // as journal_mode = PERSIST leaves it
  for (const maxInMemory of [1 << 29, 0]) {
    using database = await openDatabase(path, { maxInMemory });
    assertEquals((await database.query("SELECT * FROM t")).rows, [[1, 2]]);
  }
  Deno.writeFileSync(`${path}-journal`, Uint8Array.fromHex("d9d505f920a163d700000001"));
  await assertRejects(() => openDatabase(path), FormatError, "did not end well");
});

Deno.test({
  name: "openDatabase: whatever bytes are damaged, nothing hangs or ends the process",
  permissions: READ_ONLY,
  async fn() {
    const outcomes = { opened: 0, refused: 0 };
    const damages = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(damages, fc.boolean(), fc.nat(), async (damages, cut, length) => {
        const bytes = cut ? image.slice(0, length % image.length) : image.slice();
        // Every other one is in the header and the schema, where most can go wrong.
        for (const [index, [at, value]] of damages.entries()) {
          bytes[at % (index % 2 ? bytes.length : 300)] = value;
        }
        try {
          using database = await openDatabase(bytes);
          outcomes.opened++;
          const faults = [
            COUNT,
            `SELECT * FROM "Straße" ORDER BY name`,
            "SELECT * FROM sqlite_schema",
          ]
            .map((sql) => database.query(sql, { timeoutMs: 500 }).catch((error) => error));
          for (const fault of await Promise.all(faults)) {
            assert(!(fault instanceof Error) || fault instanceof SqlError, `${fault}`);
          }
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          outcomes.refused++;
        }
      }),
      { numRuns: 500 },
    );
    assert(outcomes.opened > 50 && outcomes.refused > 50, JSON.stringify(outcomes));
  },
});
