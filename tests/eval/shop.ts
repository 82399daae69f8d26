/**
 * A small data set in Spider's layout, and SQLite files for tests.
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { BenchmarkSource } from "../../src/eval/benchmark.ts";

/** Tables with foreign keys, few rows, and equal prices. */
export const SHOP_SQL = `
CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
CREATE TABLE product (id INTEGER PRIMARY KEY, title TEXT, price REAL,
  maker_id INTEGER REFERENCES maker(id));
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT, age INTEGER);
CREATE TABLE sale (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id),
  product_id INTEGER REFERENCES product(id), amount INTEGER, day TEXT);
INSERT INTO maker VALUES (1,'Arco','Italy'),(2,'Bolt','Spain'),(3,'Cask','Italy');
INSERT INTO product VALUES (1,'lamp',20.0,1),(2,'desk',150.0,2),(3,'chair',45.5,2),(4,'vase',20.0,3);
INSERT INTO customer VALUES (1,'Ada','Rome',36),(2,'Bob','Oslo',41),(3,'Cyd','Rome',29),
  (4,'Dan','Lima',NULL);
INSERT INTO sale VALUES (1,1,1,2,'2020-01-05'),(2,1,2,1,'2020-02-11'),(3,2,1,5,'2020-02-12'),
  (4,3,3,1,'2021-03-01'),(5,3,3,2,'2021-03-02');
`;

const TABLES: readonly (readonly [table: string, ...columns: string[]])[] = [
  ["maker", "id", "name", "country"],
  ["product", "id", "title", "price", "maker_id"],
  ["customer", "id", "name", "city", "age"],
  ["sale", "id", "customer_id", "product_id", "amount", "day"],
];

/** The entry of {@linkcode SHOP_SQL} in a `tables.json`. */
export function shopEntry(db_id = "shop") {
  const columns = TABLES.flatMap(([, ...names], table) => names.map((name) => [table, name]));
  return {
    db_id,
    table_names_original: TABLES.map(([name]) => name),
    column_names_original: [[-1, "*"], ...columns],
    column_types: ["text", ...columns.map(() => "text")],
    primary_keys: [1, 4, 8, 12],
    foreign_keys: [[7, 1], [13, 8], [14, 4]],
  };
}

/** A question of Spider's layout. */
export interface ShopQuestion {
  readonly question: string;
  readonly query: string;
  readonly db_id?: string;
}

/** Easy, medium, hard and extra. */
export const SHOP_QUESTIONS: readonly ShopQuestion[] = [
  { question: "How many products are there?", query: "SELECT count(*) FROM product" },
  { question: "Who is the oldest?", query: "SELECT name FROM customer ORDER BY age DESC LIMIT 1" },
  {
    question: "What costs more than the average?",
    query: "SELECT title FROM product WHERE price > (SELECT avg(price) FROM product)",
  },
  {
    question: "Who are the two youngest from Rome or Lima, and how old?",
    query:
      "SELECT name , age FROM customer WHERE city = 'Rome' OR city = 'Lima' ORDER BY age LIMIT 2",
  },
];

/** Writes a SQLite file that `script` builds. */
export async function writeDatabase(path: string, script: string): Promise<string> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.remove(path).catch(() => {}); // there may be none yet
  const database = new DatabaseSync(path);
  database.exec(script);
  database.close();
  return path;
}

/** Writes `dev.json`, `tables.json` and `database/` with the shop; `empty` is the same without rows. */
export async function writeShop(
  folder: string,
  questions: readonly ShopQuestion[] = SHOP_QUESTIONS,
): Promise<string> {
  for (
    const [name, script] of [["shop", SHOP_SQL], ["empty", SHOP_SQL.replace(/INSERT[^;]*;/g, "")]]
  ) {
    await writeDatabase(join(folder, "database", name, `${name}.sqlite`), script);
  }
  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(join(folder, name), JSON.stringify(value));
  await write("tables.json", [shopEntry(), shopEntry("empty")]);
  await write("dev.json", questions.map((question) => ({ db_id: "shop", ...question })));
  return join(folder, "dev.json");
}

/** Where a benchmark is, with nothing but its questions named. */
export function sourceOf(source: Partial<BenchmarkSource>): BenchmarkSource {
  return {
    data: null,
    gold: null,
    tables: null,
    dbDir: null,
    db: null,
    maxSamples: null,
    timeoutMs: 5000,
    wording: "alpaca",
    schemaStyle: "full",
    ...source,
  };
}
