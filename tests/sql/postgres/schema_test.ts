import { assertEquals, assertThrows } from "@std/assert";
import { FormatError } from "../../../src/errors.ts";
import { formatDdl } from "../../../src/sql/ddl.ts";
import { type ColumnContents, readContents } from "../../../src/sql/postgres/contents.ts";
import { toPostgres } from "../../../src/sql/postgres/convert.ts";
import { inCreationOrder, postgresDdl, postgresSchema } from "../../../src/sql/postgres/schema.ts";
import { openDatabase } from "../../../src/sql/sandbox.ts";
import type { DatabaseSchema } from "../../../src/sql/schema.ts";

function oneTable(columns: Readonly<Record<string, string>>): DatabaseSchema {
  const declared = Object.entries(columns).map(([name, type]) => ({ name, type, notNull: false }));
  return { tables: [{ name: "t", columns: declared, primaryKey: [], foreignKeys: [] }] };
}

const NOTHING: ColumnContents = {
  nulls: 0,
  integers: 0,
  reals: 0,
  texts: 0,
  blobs: 0,
  integerTexts: 0,
  numberTexts: 0,
  collated: 0,
  nonAscii: 0,
  dates: 0,
  timestamps: 0,
};

Deno.test("postgresSchema: without contents, the declared type decides", () => {
  const types = {
    INT: "bigint",
    "unsigned big int": "bigint",
    "VARCHAR(20)": "text",
    clob: "text",
    "": "text",
    BLOB: "bytea",
    REAL: "double precision",
    FLOAT: "double precision",
    number: "numeric",
    "DECIMAL(10,2)": "numeric",
    bool: "bigint",
    year: "bigint",
    date: "date",
    DATETIME: "timestamp",
    timestamp: "timestamp",
    time: "text",
    CHARINT: "bigint", // SQLite looks for INT first
  };
  const schema = oneTable(Object.fromEntries(Object.keys(types).map((type, i) => [`c${i}`, type])));
  assertEquals(
    postgresSchema(schema).tables[0].columns.map(({ type }) => type),
    Object.values(types),
  );
});

Deno.test("postgresSchema: contents overrule the declared type", () => {
  const type = (declared: string, counts: Partial<ColumnContents>) => {
    const contents = new Map([["t", new Map([["c", { ...NOTHING, ...counts }]])]]);
    const { kind, type } = postgresSchema(oneTable({ c: declared }), contents).tables[0].columns[0];
    return `${kind}: ${type}`;
  };
  assertEquals(type("bool", { texts: 3 }), "text: text");
  assertEquals(type("bool", { integers: 3 }), "integer: bigint");
  assertEquals(type("decimal", { integers: 3 }), "integer: bigint");
  assertEquals(type("decimal", { reals: 3 }), "real: numeric");
  assertEquals(type("decimal", { integers: 1, reals: 3 }), "numeric: numeric");
  assertEquals(type("int", { integers: 1, reals: 3 }), "numeric: numeric");
  assertEquals(type("int", { integers: 1, texts: 1 }), "mixed: text");
  assertEquals(type("text", { texts: 1, blobs: 1 }), "mixed: text");
  assertEquals(type("text", { blobs: 1 }), "blob: bytea");
  assertEquals(type("int", { nulls: 3 }), "integer: bigint");
  assertEquals(type("datetime", { texts: 2, dates: 2 }), "date: date");
  assertEquals(type("date", { texts: 2, timestamps: 2 }), "timestamp: timestamp");
  assertEquals(type("date", { texts: 2, dates: 1 }), "text: text");
  assertEquals(type("text", { texts: 2, dates: 2 }), "text: text", "the declared text remains one");
});

Deno.test("readContents: counts what the values of columns are", async () => {
  using database = await openDatabase({
    ddl: `CREATE TABLE "odd c" ("a c" TEXT, day, blank);
      INSERT INTO "odd c" VALUES
        ('1', '2024-02-29', NULL), ('-20', '2023-02-29', NULL), ('007', '2024-02-29 23:59:59', NULL),
        ('1.5', '2024-02-29 24:00:00', NULL), ('-.5', '0000-01-01', NULL), ('1.', 20240229, NULL),
        ('1.2.3', '2024-2-29', NULL), ('', 1.5, NULL), ('9223372036854775808', x'00', NULL),
        ('1e3', ' 2024-02-29', NULL), ('-', 'now', NULL);`,
  });
  const counts = (await readContents(database)).get("odd c")!;
  assertEquals(counts.get("a c"), { ...NOTHING, texts: 11, integerTexts: 2, numberTexts: 7 });
  assertEquals(counts.get("day"), {
    ...NOTHING,
    integers: 1,
    reals: 1,
    texts: 8,
    blobs: 1,
    dates: 1,
    timestamps: 1,
  });
  assertEquals(counts.get("blank"), { ...NOTHING, nulls: 11 });
});

Deno.test("readContents: letters beyond ASCII are found out, and their case is left alone", async () => {
  using database = await openDatabase({
    ddl: `CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('Zürich', 'Bern'), ('Genf', 'x');`,
  });
  const contents = await readContents(database);
  assertEquals([...contents.get("t")!.values()].map(({ nonAscii }) => nonAscii), [1, 0]);
  const schema = postgresSchema(await database.schema(), contents);
  const kinds = [
    "SELECT lower(a) FROM t",
    "SELECT upper(b) FROM t",
    "SELECT a FROM t WHERE a LIKE 'zü%'",
    "SELECT a FROM t WHERE a LIKE 'ü%'",
    "SELECT a FROM t WHERE a LIKE 'z%'",
  ].map((sql) => {
    const conversion = toPostgres(sql, schema);
    return conversion.ok || conversion.reason.kind;
  });
  assertEquals(kinds, ["function", true, "function", true, true]);
});

Deno.test("inCreationOrder: what is pointed at comes first, circles are closed after", async () => {
  using database = await openDatabase({
    ddl: `CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id));
      CREATE TABLE b (id INTEGER PRIMARY KEY, c INTEGER REFERENCES c (id));
      CREATE TABLE c (id INTEGER PRIMARY KEY, c INTEGER REFERENCES c (id));
      CREATE TABLE d (id INTEGER PRIMARY KEY, e INTEGER REFERENCES e (id));
      CREATE TABLE e (id INTEGER PRIMARY KEY, d INTEGER REFERENCES d (id));`,
  });
  const { schema, later } = inCreationOrder(postgresSchema(await database.schema()));
  assertEquals(schema.tables.map(({ name }) => name), ["c", "b", "a", "d", "e"]);
  assertEquals(schema.tables.map(({ foreignKeys }) => foreignKeys.length), [1, 1, 1, 0, 1]);
  assertEquals(later, ["ALTER TABLE d ADD FOREIGN KEY (e) REFERENCES e (id);"]);
});

Deno.test("readContents: a column with a collation of its own is found out and not compared", async () => {
  using database = await openDatabase({
    ddl:
      `CREATE TABLE t (a TEXT COLLATE NOCASE, b TEXT COLLATE RTRIM, c TEXT, d INT COLLATE NOCASE);
      INSERT INTO t VALUES ('X', 'x', 'X', 1), ('x', 'y', 'x', 2), ('1', '', '1 ', 3);`,
  });
  const contents = await readContents(database);
  const counts = [...contents.get("t")!.values()].map(({ collated }) => collated);
  assertEquals(counts, [2, 3, 0, 0]);
  const schema = postgresSchema(await database.schema(), contents);
  const kinds = [
    "SELECT a, b FROM t",
    "SELECT c FROM t WHERE a = 'x'",
    "SELECT c FROM t ORDER BY b",
  ]
    .map((sql) => {
      const conversion = toPostgres(sql, schema);
      return conversion.ok ? "converted" : conversion.reason.kind;
    });
  assertEquals(kinds, ["converted", "types", "types"]);
});

Deno.test("readContents: tables wider than what is counted at once", async () => {
  const names = Array.from({ length: 45 }, (_, index) => `c${index}`);
  using database = await openDatabase({
    ddl: `CREATE TABLE wide (${names.join(", ")}); INSERT INTO wide (c0, c44) VALUES (1, 'x');`,
  });
  const counts = (await readContents(database)).get("wide")!;
  assertEquals([...counts.keys()], names);
  assertEquals(counts.get("c0")!.integers, 1);
  assertEquals(counts.get("c44")!.texts, 1);
  assertEquals(counts.get("c20")!.nulls, 1);
});

Deno.test("postgresDdl: keys that PostgreSQL would not take are left out", async () => {
  using database = await openDatabase({
    ddl: `
      CREATE TABLE b (a_id INT REFERENCES a, a_text TEXT REFERENCES a (id), n INT REFERENCES a (n),
        x INT, y TEXT, gone INT REFERENCES nowhere (id), FOREIGN KEY (y, x) REFERENCES c (k2, k1));
      CREATE TABLE a (id INTEGER PRIMARY KEY, n INT, "user" VARCHAR(20) NOT NULL);
      CREATE TABLE c (k1 INT, k2 TEXT, PRIMARY KEY (k1, k2));
      CREATE TABLE d (k TEXT PRIMARY KEY); INSERT INTO d VALUES (NULL), ('x');`,
  });
  const schema = postgresSchema(await database.schema(), await readContents(database));
  assertEquals(
    postgresDdl(schema),
    `CREATE TABLE b (
  a_id bigint,
  a_text text COLLATE "C",
  n bigint,
  x bigint,
  y text COLLATE "C",
  gone bigint
);

CREATE TABLE a (
  id bigint,
  n bigint,
  "user" text COLLATE "C" NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE c (
  k1 bigint,
  k2 text COLLATE "C",
  PRIMARY KEY (k1, k2)
);

CREATE TABLE d (
  k text COLLATE "C"
);

ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a (id);

ALTER TABLE b ADD FOREIGN KEY (y, x) REFERENCES c (k2, k1);
`,
  );
  assertEquals(
    formatDdl({ tables: schema.tables.slice(1, 3) }, { style: "compact" }),
    `CREATE TABLE a (id bigint PRIMARY KEY, n bigint, "user" text);
CREATE TABLE c (k1 bigint, k2 text, PRIMARY KEY (k1, k2));`,
    "a prompt shows it like any other schema",
  );
});

Deno.test("postgresSchema: names that cannot be told apart, or are taken, are an error", () => {
  const long = "x".repeat(63);
  assertEquals(postgresSchema(oneTable({ [`${long}1`]: "INT" })).tables.length, 1);
  assertThrows(
    () => postgresSchema({ ...oneTable({ [`${long}1`]: "INT", [`${long}2`]: "INT" }), name: "db" }),
    FormatError,
    "Cannot convert the schema of db to PostgreSQL",
  );
  assertThrows(() => postgresSchema(oneTable({ ctid: "INT" })), FormatError, "the same name");
  assertThrows(() => postgresSchema(oneTable({ "": "INT" })), FormatError, "no name there");
  const umlauts = { [`${"ä".repeat(31)}a`]: "INT", [`${"ä".repeat(31)}b`]: "INT" };
  assertEquals(postgresSchema(oneTable(umlauts)).tables.length, 1, "63 bytes each");
});
