/**
 * A small copy of each data set's layout, made up by this project, for tests of the registry.
 */
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Files by their paths. */
export type Layout = Readonly<Record<string, string | Uint8Array>>;

const jsonl = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

const CONTEXT_ROWS = [1, 2, 3].map((n) => ({
  question: `How many boats have ${n} sails?`,
  context: `CREATE TABLE boats_${n} (sails INTEGER)`,
  answer: `SELECT COUNT(*) FROM boats_${n} WHERE sails = ${n}`,
}));

const ALPACA_ROWS = [1, 2].map((n) => ({
  id: `mine-${n}`,
  instruction: "Write SQL.",
  input: `CREATE TABLE harbours_${n} (name TEXT)\nList the harbours.`,
  output: `SELECT name FROM harbours_${n}`,
}));

const WIKI_TABLE = {
  id: "1-10015132-11",
  header: ["Player", "No.", "Größe (m)", "Player"],
  types: ["text", "real", "real", "text"],
};

const WIKI_ROWS = [
  {
    table_id: WIKI_TABLE.id,
    question: "Which player has number 7?",
    sql: { sel: 0, agg: 0, conds: [[1, 0, "7"], [3, 0, "O'Neil"]] },
  },
  {
    table_id: WIKI_TABLE.id,
    question: "How many are taller than 1.9?",
    sql: { sel: 0, agg: 3, conds: [[2, 1, 1.9]] },
  },
];

/** A database in German, as people name things there. */
const SCHEMA = {
  db_id: "häfen",
  table_names_original: ["Häfen", "Schiffe"],
  column_names_original: [
    [-1, "*"],
    [0, "Hafen-Nr"],
    [0, "Größe"],
    [1, "Schiffname"],
    [1, "Hafen-Nr"],
  ],
  column_types: ["text", "number", "number", "text", "number"],
  primary_keys: [1],
  foreign_keys: [[4, 1]],
};

const SPIDER_ROWS = [
  {
    db_id: "häfen",
    question: "Wie groß ist der Hafen 3?",
    query: 'SELECT "Größe" FROM Häfen WHERE "Hafen-Nr" = 3',
  },
  {
    db_id: "häfen",
    question: "Welche Schiffe liegen in großen Häfen?",
    query: 'SELECT s.Schiffname FROM Schiffe AS s JOIN Häfen AS h ON s."Hafen-Nr" = h."Hafen-Nr" ' +
      'WHERE h."Größe" > 10',
  },
];

/** What a data set of each name looks like; the demo set needs no files. */
export const LAYOUTS: Readonly<Record<string, Layout>> = {
  "sql-create-context": { "train.json": JSON.stringify(CONTEXT_ROWS) },
  wikisql: {
    "train.jsonl": jsonl(WIKI_ROWS),
    "train.tables.jsonl": jsonl([WIKI_TABLE]),
    "dev.jsonl": jsonl([{ ...WIKI_ROWS[0], table_id: "2" }]),
    "dev.tables.jsonl": jsonl([{ ...WIKI_TABLE, id: "2" }]),
  },
  spider: {
    "train_spider.json": JSON.stringify(SPIDER_ROWS),
    "dev.json": JSON.stringify([{ db_id: "b", question: "Alle?", query: "SELECT a FROM t" }]),
    "tables.json": JSON.stringify([SCHEMA, {
      db_id: "b",
      table_names_original: ["t"],
      column_names_original: [[-1, "*"], [0, "a"]],
      column_types: ["text", "text"],
      primary_keys: [],
      foreign_keys: [],
    }]),
  },
  cspider: {
    "dev.json": JSON.stringify([{ ...SPIDER_ROWS[0], question: "港口3有多大？" }]),
    "tables.json": JSON.stringify([SCHEMA]),
  },
  bird: {
    "dev/dev.json": JSON.stringify(SPIDER_ROWS.map(({ query, ...row }, question_id) => ({
      ...row,
      question_id,
      SQL: query,
      evidence: "groß bedeutet Größe > 10",
      difficulty: "simple",
    }))),
    "dev/dev_tables.json": JSON.stringify([SCHEMA]),
  },
  alpaca: { "train.jsonl": jsonl(ALPACA_ROWS) },
  arrow: {
    "train.arrow": Deno.readFileSync(new URL("./fixtures/file.arrow", import.meta.url)),
  },
};

/** Writes a layout into a new folder, runs `use` there, and removes it. */
export async function withLayout<T>(
  layout: Layout,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [path, content] of Object.entries(layout)) {
      await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(join(folder, path), bytes);
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a SQLite file with the tables of the German schema and some rows. */
export function writeHarbours(path: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  writeDatabase(
    path,
    `CREATE TABLE "Häfen" ("Hafen-Nr" INTEGER PRIMARY KEY, "Größe" REAL);
     CREATE TABLE "Schiffe" ("Schiffname" TEXT, "Hafen-Nr" INTEGER REFERENCES "Häfen");
     INSERT INTO "Häfen" VALUES (3, 12.5), (4, 2);
     INSERT INTO "Schiffe" VALUES ('Möwe', 3), ('Krähe', 4);`,
  );
}

/** Writes a SQLite file by a script. */
export function writeDatabase(path: string, script: string): void {
  const database = new DatabaseSync(path);
  database.exec(script);
  database.close();
}
