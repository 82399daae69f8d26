import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { buildDataset } from "../../src/data/build.ts";
import { DATASETS } from "../../src/data/registry.ts";
import { schemaFromDdl } from "../../src/sql/build.ts";
import type { Database } from "../../src/sql/database.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { readContents } from "../../src/sql/postgres/contents.ts";
import { postgresSchema } from "../../src/sql/postgres/schema.ts";
import { temporaryFolder } from "../formats/support.ts";
import { sharedTest } from "../shared.ts";
import { agree } from "../sql/postgres/agree.ts";
import { Postgres } from "../sql/postgres/pglite.ts";

interface WrittenRecord {
  readonly id: string;
  readonly input: string;
  readonly output: string;
  readonly meta: { readonly db_id: string };
}

async function readRecords(path: string): Promise<WrittenRecord[]> {
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

const ddlOf = ({ input }: WrittenRecord) =>
  input.slice("### Schema:\n".length, input.indexOf("\n\n### "));

/** Creates the tables as a record writes them, with the rows of `database`. */
async function load(postgres: Postgres, ddl: string, database?: Database): Promise<void> {
  const creations = ddl.replaceAll(/^ALTER TABLE .*$/gm, "");
  await postgres.load(await schemaFromDdl(creations), database, ddl);
}

sharedTest(
  "--dialect postgres on Spider dev: what is written is created, filled and run in PostgreSQL",
  async (path) => {
    using folder = temporaryFolder();
    const dataset = DATASETS.find(({ name }) => name === "spider")!;
    const source = {
      path: path("data/spider/dev.json"),
      tables: path("data/spider/tables.json"),
      dbDir: path("data/spider/database"),
      seed: 1,
    };
    const options = { outDir: folder.join("out"), seed: 1, valRatio: 0 };
    await buildDataset(dataset, source, { ...options, dialect: "postgres" });
    await buildDataset(dataset, source, { ...options, outDir: folder.join("sqlite") });
    const original = new Map(
      (await readRecords(folder.join("sqlite", "train.jsonl"))).map((
        record,
      ) => [record.id, record]),
    );
    const records = await readRecords(folder.join("out", "train.jsonl"));
    const counts = { same: 0, tie: 0, differs: 0 };
    await using postgres = new Postgres();
    for (const [name, group] of Map.groupBy(records, ({ meta }) => meta.db_id)) {
      using database = await openDatabase(join(source.dbDir, name, `${name}.sqlite`));
      const schema = postgresSchema(await database.schema(), await readContents(database));
      const [ddl, ...others] = new Set(group.map(ddlOf));
      assertEquals(others, []);
      await load(postgres, ddl, database);
      for (const { id, output } of group) {
        const sql = original.get(id)!.output;
        const { agreement, detail } = await agree(sql, output, { schema, database, postgres });
        assert(agreement !== "error", `${output}: ${detail}`);
        counts[agreement]++;
      }
    }
    assert(counts.same >= 0.94 * 1034 && counts.differs <= 2, JSON.stringify(counts));
  },
);

sharedTest(
  "--dialect postgres on BIRD: every schema that is written can be created",
  async (path) => {
    using folder = temporaryFolder();
    const dataset = DATASETS.find(({ name }) => name === "bird")!;
    const source = { path: path("data/bird"), tables: null, dbDir: null, seed: 1 };
    const options = {
      outDir: folder.join("out"),
      seed: 1,
      valRatio: 0,
      dialect: "postgres",
    } as const;
    const { splits } = await buildDataset(dataset, source, options);
    await using postgres = new Postgres();
    for (const split of Object.keys(splits)) {
      const records = await readRecords(folder.join("out", `${split}.jsonl`));
      for (const ddl of new Set(records.map(ddlOf))) await load(postgres, ddl);
    }
  },
);
