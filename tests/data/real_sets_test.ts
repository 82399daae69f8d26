/**
 * The real data sets in `../shared/data`: every row is read, and every query is checked.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { buildDataset, type BuildOptions } from "../../src/data/build.ts";
import type { DatasetSource } from "../../src/data/example.ts";
import { isFault } from "../../src/data/example.ts";
import { readRows } from "../../src/data/rows.ts";
import { readRecords } from "../../src/data/record.ts";
import { DATASETS } from "../../src/data/registry.ts";
import type { DataReport } from "../../src/data/report.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { sharedTest } from "../shared.ts";

async function build(
  name: string,
  source: Partial<DatasetSource> & { readonly path: string },
  options: Partial<BuildOptions> = {},
  use: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<DataReport> {
  const dataset = DATASETS.find((dataset) => dataset.name === name)!;
  const outDir = await Deno.makeTempDir();
  try {
    const settings = { seed: 42, ...options, outDir };
    const report = await buildDataset(dataset, { seed: 42, ...source }, settings);
    await use(outDir);
    return report;
  } finally {
    await Deno.remove(outDir, { recursive: true });
  }
}

const counts = (dropped: DataReport["dropped"]) =>
  Object.fromEntries(Object.entries(dropped).map(([kind, { count }]) => [kind, count]));

sharedTest(
  "sql-create-context: 4,000 rows, of which 138 have broken DDL and 168 broken queries",
  async (shared) => {
    const report = await build(
      "sql-create-context",
      {
        path: shared("data/sql-create-context"),
      },
      {},
      async (folder) => {
        const train = await readRecords(join(folder, "train.jsonl"));
        const val = await readRecords(join(folder, "val.jsonl"));
        assertEquals(train.length + val.length, 3694);
        const tables = ({ input }: { input: string }) =>
          [...input.matchAll(/CREATE TABLE (\w+)/g)].map(([, name]) => name.toLowerCase());
        const trained = new Set(train.flatMap(tables));
        assertEquals(val.flatMap(tables).filter((table) => trained.has(table)), []);
      },
    );
    assertEquals(report.rows, { read: 4000, kept: 3694, dropped: 306 });
    const { bad_schema, ...queries } = counts(report.dropped);
    assertEquals(bad_schema, 138);
    assertEquals(Object.values(queries).reduce((sum, count) => sum + count), 168);
    assertEquals(report.splits.val?.rows, 369);
  },
);

sharedTest(
  "spider: 1,034 rows of dev all run; 7,000 of train, with the gold's own faults",
  async (shared) => {
    const report = await build("spider", { path: shared("data/spider") });
    assertEquals(report.files.map(({ split, rows }) => [split, rows]), [["train", 7000], [
      "val",
      1034,
    ]]);
    assertEquals([report.splits.val?.rows, report.splits.val?.schemas], [1034, 20]);
    assertEquals(report.validation.executed, 1034);
    // Two queries that SQLite refuses, one with a table that is not there, and rows that stand twice.
    assertEquals(counts(report.dropped), {
      duplicate: 8,
      prepare_runtime: 2,
      prepare_unknown_table: 1,
    });
  },
);

sharedTest("cspider's layout: the same questions by another reader", async (shared) => {
  const report = await build("cspider", { path: shared("data/spider/dev.json") });
  assertEquals([report.rows.read, report.rows.kept], [1034, 1034]);
});

sharedTest(
  "bird: 1,534 rows, whose queries prepare, and those of the given database run",
  async (shared) => {
    const report = await build("bird", { path: shared("data/bird") });
    assertEquals(report.rows, { read: 1534, kept: 1534, dropped: 0 });
    assertEquals([report.validation.prepared, report.validation.executed], [1534, 129]);
  },
);

sharedTest(
  "wikisql: every rendered query returns as many rows as the data set says",
  async (shared) => {
    const dataset = DATASETS.find(({ name }) => name === "wikisql")!;
    const parts = await dataset.open({ path: shared("data/wikisql"), seed: 42 });
    const read: Record<string, number> = {};
    for (const { file, split, rows } of parts) {
      const given = await Array.fromAsync(readRows(file));
      const database = split === "train" ? null : await openDatabase(file.replace(".jsonl", ".db"));
      let count = 0, wrong = 0;
      for await (const row of rows()) {
        assert(!isFault(row));
        if (database) {
          const expected = (given[count].value as { result_rows: number }).result_rows;
          const { rows } = await database.query(row.sql);
          if (rows.length !== expected || rows.length === 0) wrong++;
        }
        count++;
      }
      database?.[Symbol.dispose]();
      read[split!] = count;
      assertEquals(wrong, 0, file);
    }
    assertEquals(read, { train: 8000, val: 1000, test: 1000 });
  },
);

sharedTest(
  "wikisql: a build keeps its three files apart and drops only what stands twice",
  async (shared) => {
    const report = await build("wikisql", { path: shared("data/wikisql") });
    assertEquals(counts(report.dropped), { duplicate: 30 });
    assertEquals(
      Object.entries(report.splits).map(([name, { rows }]) => [name, rows]),
      [["train", 7971], ["val", 1000], ["test", 999]],
    );
    assertEquals(report.validation.empty_results, 0);
  },
);
