/**
 * The schemas of the demo rows as databases with rows, and as a benchmark in Spider's layout, so that
 * answers can be run and scored without any file of others.
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { type Column, demoRecords, type Schema, SCHEMAS } from "./demo.ts";
import { type Random, random } from "./random.ts";

/** Rows of a table. */
const ROWS = 12;

/** The names of the databases. */
export const DEMO_DATABASES: readonly string[] = Object.keys(SCHEMAS);

/**
 * The statements that build a demo database: its tables, and rows that follow from `seed`. Give them to
 * `openDatabase` as `{ ddl }`. Throws {@linkcode ConfigError} for a name that is not one of
 * {@linkcode DEMO_DATABASES}.
 */
export function demoDatabase(name: string, { seed = 42 }: { readonly seed?: number } = {}): string {
  const schema = schemaOf(name);
  return Object.entries(schema).flatMap(([table, columns]) => {
    const rng = random(seed, "demo database", name, table);
    const definitions = Object.entries(columns).map(([column, kind]) => definition(column, kind));
    const rows = Array.from(
      { length: ROWS },
      (_, i) =>
        `(${[i + 1, ...Object.values(columns).map((kind) => literal(rng, kind))].join(", ")})`,
    );
    return [
      `CREATE TABLE ${table} (${["id INTEGER PRIMARY KEY", ...definitions].join(", ")});`,
      `INSERT INTO ${table} VALUES ${rows.join(", ")};`,
    ];
  }).join("\n");
}

function schemaOf(name: string): Schema {
  if (Object.hasOwn(SCHEMAS, name)) return SCHEMAS[name];
  throw new ConfigError([
    `Cannot make the demo database ${name}: there is none; take one of ${
      DEMO_DATABASES.join(", ")
    }`,
  ]);
}

function isReference(column: Column): column is string {
  return typeof column === "string";
}

function isText(column: Column): column is readonly string[] {
  return !isReference(column) && typeof column[0] === "string";
}

function definition(name: string, column: Column): string {
  if (isReference(column)) return `${name} INTEGER REFERENCES ${column}(id)`;
  return `${name} ${isText(column) ? "VARCHAR" : "INTEGER"}`;
}

function literal(rng: Random, column: Column): string {
  if (isReference(column)) return String(1 + rng.below(ROWS));
  if (isText(column)) return `'${column[rng.below(column.length)].replaceAll("'", "''")}'`;
  const [low, high] = column as readonly [number, number];
  return String(low + rng.below(high - low + 1));
}

/**
 * Writes `count` validation questions of the demo rows as a benchmark in Spider's layout (`dev.json`,
 * `tables.json`, `database/`) and returns the path of `dev.json`.
 */
export async function writeDemoBenchmark(
  folder: string,
  { count = 32, seed = 42 }: { readonly count?: number; readonly seed?: number } = {},
): Promise<string> {
  for (const name of DEMO_DATABASES) {
    const path = join(folder, "database", name, `${name}.sqlite`);
    await Deno.mkdir(join(folder, "database", name), { recursive: true });
    await Deno.remove(path).catch(() => {}); // there may be none yet
    const database = new DatabaseSync(path);
    database.exec(demoDatabase(name, { seed }));
    database.close();
  }
  const questions = demoRecords({ count, seed, split: "val" }).map(({ input, output, meta }) => ({
    db_id: String(meta?.schema),
    question: input.slice(input.lastIndexOf("\n") + 1),
    query: output,
  }));
  const write = (name: string, value: unknown) =>
    writeFileAtomic(join(folder, name), JSON.stringify(value, null, 2) + "\n");
  await write("tables.json", DEMO_DATABASES.map(tablesEntry));
  await write("dev.json", questions);
  return join(folder, "dev.json");
}

/** The schema as an entry of Spider's `tables.json`; columns are counted from 1, after `*`. */
function tablesEntry(db_id: string) {
  const tables = Object.entries(schemaOf(db_id));
  const names = tables.map(([name]) => name);
  const columns = tables.flatMap(([table, columns]) =>
    [["id", [0, 0]] as const, ...Object.entries(columns)].map(([name, kind]) => ({
      table,
      name,
      kind,
    }))
  );
  const idOf = (table: string) =>
    1 + columns.findIndex((c) => c.table === table && c.name === "id");
  const originals = [[-1, "*"], ...columns.map(({ table, name }) => [names.indexOf(table), name])];
  const plain = (name: unknown) => String(name).replaceAll("_", " ");
  return {
    db_id,
    table_names: names.map(plain),
    table_names_original: names,
    column_names: originals.map(([table, name]) => [table, plain(name)]),
    column_names_original: originals,
    column_types: ["text", ...columns.map(({ kind }) => isText(kind) ? "text" : "number")],
    primary_keys: names.map(idOf),
    foreign_keys: columns.flatMap(({ kind }, i) => isReference(kind) ? [[i + 1, idOf(kind)]] : []),
  };
}
