import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { buildDataset, type BuildOptions } from "../../src/data/build.ts";
import type { CountedRecord } from "../../src/data/count_lengths.ts";
import { type InstructionRecord, readRecords } from "../../src/data/record.ts";
import { DATASETS } from "../../src/data/registry.ts";
import type { DataReport } from "../../src/data/report.ts";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { LAYOUTS, withLayout, writeDatabase, writeHarbours } from "./sets.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;

interface Built {
  readonly folder: string;
  readonly out: string;
  readonly report: DataReport;
  readonly records: (split: string) => Promise<InstructionRecord[]>;
}

/** Builds a data set from files and hands over what came of it. */
function build(
  name: string,
  files: Files,
  options: Partial<BuildOptions>,
  use: (built: Built) => Promise<void> | void,
): Promise<void> {
  return withLayout(files, async (folder) => {
    const built = await buildIn(folder, name, options);
    await use(built);
  });
}

async function buildIn(
  folder: string,
  name: string,
  options: Partial<BuildOptions> = {},
): Promise<Built> {
  const dataset = DATASETS.find((dataset) => dataset.name === name)!;
  const out = join(folder, "out");
  const source = { path: dataset.hasFiles ? folder : null, seed: 42, count: 60 };
  const report = await buildDataset(dataset, source, { outDir: out, seed: 42, ...options });
  return { folder, out, report, records: (split) => readRecords(join(out, `${split}.jsonl`)) };
}

interface ContextRow {
  readonly question?: string;
  readonly context?: string;
  readonly answer?: string;
}

function contextRow(n: number, changes: ContextRow = {}): ContextRow {
  const row = {
    question: `How many of ${n}?`,
    context: `CREATE TABLE t${n} (a INTEGER)`,
    answer: `SELECT COUNT(*) FROM t${n}`,
  };
  return { ...row, ...changes };
}

const context = (...rows: readonly ContextRow[]): Files => ({
  "train.json": JSON.stringify(rows),
});

const many = (count: number) => Array.from({ length: count }, (_, n) => contextRow(n));

function reasons(report: DataReport): Record<string, number> {
  return Object.fromEntries(
    Object.entries(report.dropped).map(([reason, { count }]) => [reason, count]),
  );
}

async function bytesOf(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name } of Deno.readDir(folder)) {
    files[name] = await Deno.readTextFile(join(folder, name));
  }
  return files;
}

Deno.test("a record has id, instruction, input, output, source and meta, in this order", async () => {
  await build("spider", LAYOUTS.spider, {}, async ({ out }) => {
    const [line] = (await Deno.readTextFile(join(out, "train.jsonl"))).split("\n");
    assertEquals(Object.keys(JSON.parse(line)), [
      "id",
      "instruction",
      "input",
      "output",
      "source",
      "meta",
    ]);
    const { input, output, source, meta } = JSON.parse(line);
    assertStringIncludes(input, '### Schema:\nCREATE TABLE "Häfen" (');
    assertStringIncludes(input, "\n\n### Question:\nWie groß ist der Hafen 3?");
    assertEquals([output, source, meta], [
      'SELECT "Größe" FROM Häfen WHERE "Hafen-Nr" = 3',
      "spider",
      { db_id: "häfen" },
    ]);
  });
});

Deno.test("the same input and seed give the same bytes; nothing else is left in the folder", async () => {
  await withLayout(context(...many(50)), async (folder) => {
    const { out } = await buildIn(folder, "sql-create-context");
    const first = await bytesOf(out);
    await buildIn(folder, "sql-create-context");
    assertEquals(await bytesOf(out), first);
    assertEquals(Object.keys(first).sort(), ["data_report.json", "train.jsonl", "val.jsonl"]);
    await buildIn(folder, "sql-create-context", { seed: 7 });
    const other = await bytesOf(out);
    assert(other["val.jsonl"] !== first["val.jsonl"]);
    const ids = (files: Record<string, string>) =>
      `${files["train.jsonl"]}${files["val.jsonl"]}`.match(/"id":"[^"]+"/g)!.sort();
    assertEquals(ids(other), ids(first), "ids do not depend on the seed");
  });
});

Deno.test("files of an earlier build that have no rows now are removed", async () => {
  await withLayout(context(...many(20)), async (folder) => {
    const { out } = await buildIn(folder, "sql-create-context", { testRatio: 0.2 });
    assert("test.jsonl" in await bytesOf(out));
    await buildIn(folder, "sql-create-context", { valRatio: 0 });
    assertEquals(Object.keys(await bytesOf(out)).sort(), ["data_report.json", "train.jsonl"]);
  });
});

Deno.test("exact duplicates go, near ones stay, and equal ids are told apart", async () => {
  const rows = [
    contextRow(1),
    contextRow(1, { answer: " SELECT COUNT(*) FROM t1 " }),
    contextRow(1, { question: "How many of 1 ?" }),
  ];
  await build("sql-create-context", context(...rows), {}, ({ report }) => {
    assertEquals([report.rows.kept, reasons(report)], [2, { duplicate: 1 }]);
  });
  const record = (output: string) =>
    JSON.stringify({ id: "x", instruction: "Do.", input: "CREATE TABLE t (a)", output });
  const lines = [record("SELECT 1"), record("SELECT 2"), record("SELECT 1")].join("\n");
  await build("alpaca", { "train.jsonl": lines }, {}, async ({ records }) => {
    assertEquals((await records("train")).map(({ id, output }) => [id, output]), [
      ["x", "SELECT 1"],
      ["x-2", "SELECT 2"],
    ]);
  });
});

Deno.test("on_invalid: wrong rows are dropped, kept with their fault, or end the build", async () => {
  const rows = [
    contextRow(1),
    contextRow(2, { answer: "SELECT b FROM t2" }),
    contextRow(3, { context: "CREATE TABLE t3 (" }),
    contextRow(4, { answer: "DELETE FROM t4" }),
    contextRow(5, { answer: "SELEC" }),
  ];
  const kinds = {
    bad_schema: 1,
    prepare_not_allowed: 1,
    prepare_syntax: 1,
    prepare_unknown_column: 1,
  };
  await withLayout(context(...rows), async (folder) => {
    const dropped = (await buildIn(folder, "sql-create-context")).report;
    assertEquals([dropped.rows.kept, reasons(dropped)], [1, kinds]);
    assertEquals(dropped.dropped.bad_schema?.examples[0].row, 3);
    const kept = await buildIn(folder, "sql-create-context", { onInvalid: "keep", valRatio: 0 });
    assertEquals([kept.report.rows.kept, kept.report.dropped], [5, {}]);
    assertEquals(kept.report.validation.failed, 4);
    assertEquals(Object.keys(kept.report.kept_invalid), Object.keys(kinds));
    const invalid = (await kept.records("train")).map(({ meta }) => meta?.invalid);
    assertEquals(invalid, [
      undefined,
      "prepare_unknown_column",
      "bad_schema",
      "prepare_not_allowed",
      "prepare_syntax",
    ]);
    const before = await bytesOf(kept.out);
    const failing = () => buildIn(folder, "sql-create-context", { onInvalid: "fail" });
    const error = await assertRejects(failing, FormatError, "row 2 is wrong");
    assertEquals([error.file, error.line], [join(folder, "train.json"), 2]);
    assertEquals(await bytesOf(kept.out), before, "the earlier build stays");
  });
});

Deno.test("queries run where there is a database: faults and empty results are told", async () => {
  const row = (question: string, query: string) => ({ db_id: "häfen", question, query });
  const files = {
    ...LAYOUTS.spider,
    "train_spider.json": JSON.stringify([
      row("Gut?", 'SELECT "Größe" FROM "Häfen"'),
      row("Leer?", 'SELECT "Größe" FROM "Häfen" WHERE "Größe" > 99'),
      row("Anders?", "SELECT Schiffname FROM Schiffe"),
      row(
        "Endlos?",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT COUNT(*) FROM c",
      ),
    ]),
  };
  await withLayout(files, async (folder) => {
    const path = join(folder, "database", "häfen", "häfen.sqlite");
    writeHarbours(path);
    Deno.removeSync(path);
    writeDatabase(
      path,
      `CREATE TABLE "Häfen" ("Hafen-Nr", "Größe"); INSERT INTO "Häfen" VALUES (1, 2)`,
    );
    const { report } = await buildIn(folder, "spider", { timeoutMs: 200 });
    assertEquals(reasons(report), { run_timeout: 1, run_unknown_table: 1 });
    assertEquals(report.validation, {
      prepared: 5,
      executed: 4,
      empty_results: 1,
      unchecked: 0,
      failed: 2,
    });
    Deno.writeTextFileSync(path, "SQLite format 3\0 but no more");
    assertEquals(reasons((await buildIn(folder, "spider")).report), { bad_database: 4 });
  });
});

Deno.test("schemas: sample values, the compact style, and a budget that spares the query's tables", async () => {
  await withLayout(LAYOUTS.spider, async (folder) => {
    writeHarbours(join(folder, "database", "häfen", "häfen.sqlite"));
    const schemaOf = async (schema: BuildOptions["schema"]) => {
      const built = await buildIn(folder, "spider", { schema });
      const [{ input }] = await built.records("train");
      return { ddl: input.split("### Question:")[0], report: built.report };
    };
    const sampled = await schemaOf({ sampleValues: 1 });
    assertStringIncludes(sampled.ddl, "-- 'Möwe'");
    const compact = await schemaOf({ style: "compact" });
    assertStringIncludes(compact.ddl, 'CREATE TABLE "Häfen" ("Hafen-Nr" NUMERIC PRIMARY KEY, ');
    const count = (text: string) => text.length;
    const short = await schemaOf({ budget: { tokens: 100, count } });
    assertStringIncludes(short.ddl, "Häfen");
    assert(!short.ddl.includes("Schiffe"));
    assertEquals(short.report.shortened_schemas, 1);
    assertEquals(short.report.dropped, {}, "the second question needs both tables and keeps them");
  });
});

Deno.test("a budget also shortens DDL that is given as text", async () => {
  const ddl = "CREATE TABLE t1 (a INTEGER); CREATE TABLE u1 (b INTEGER)";
  const schema = { budget: { tokens: 40, count: (text: string) => text.length } };
  const files = context(contextRow(1, { context: ddl }));
  await build("sql-create-context", files, { schema }, async ({ records }) => {
    const [{ input }] = await records("train");
    assert(input.includes("t1") && !input.includes("u1"), input);
  });
});

Deno.test("--dialect postgres: schema and SQL are converted, what cannot be is told and left out", async () => {
  const rows = [
    contextRow(0, {
      context: "CREATE TABLE shops (id INTEGER PRIMARY KEY, name VARCHAR(20), opened DATETIME)",
      answer: 'SELECT name FROM shops WHERE name LIKE "%an%" LIMIT 2, 3',
    }),
    contextRow(1, {
      context: "CREATE TABLE sales (shop INTEGER, price REAL)",
      answer: "SELECT shop, price FROM sales GROUP BY shop",
    }),
  ];
  const options = { wording: "mistral", dialect: "postgres", valRatio: 0 } as const;
  await build("sql-create-context", context(...rows), options, async ({ records, report }) => {
    const [{ instruction, input, output }] = await records("train");
    assertStringIncludes(instruction, "PostgreSQL");
    assertMatch(input, /CREATE TABLE shops \(\n {2}id bigint PRIMARY KEY/i);
    assertMatch(output, /ILIKE '%an%'.* LIMIT 3 OFFSET 2/);
    assertEquals(reasons(report), { not_converted: 1 });
    const [{ detail }] = report.dropped.not_converted!.examples;
    assertStringIncludes(detail, "bare_column: ");
  });
});

Deno.test("lengths: p50, p95 and max of what counts the tokens, in the order of the rows", async () => {
  const countTokens = (records: readonly CountedRecord[]) =>
    Promise.resolve(records.map(({ input }) => Number(/of (\d+)/.exec(input)![1])));
  const options = { countTokens, valRatio: 0 };
  await build("sql-create-context", context(...many(600)), options, ({ report }) => {
    assertEquals(report.splits.train?.tokens, { p50: 299, p95: 569, max: 599, mean: 299.5 });
    assertEquals(report.tokens, report.splits.train!.tokens);
  });
  const failing = { countTokens: () => Promise.reject(new Error("no tokenizer")) };
  await assertRejects(
    () => build("sql-create-context", context(...many(9)), failing, () => {}),
    Error,
    "no tokenizer",
  );
});

Deno.test("max_rows is for each file; row by row and anew, rows are divided otherwise", async () => {
  await build("wikisql", LAYOUTS.wikisql, { maxRows: 1 }, ({ report }) => {
    assertEquals(report.files.map(({ rows }) => rows), [1, 1]);
  });
  const rows = many(40).map((row) => ({
    ...row,
    context: "CREATE TABLE t (a)",
    answer: "SELECT a FROM t",
  }));
  await withLayout(context(...rows), async (folder) => {
    const { report } = await buildIn(folder, "sql-create-context");
    assertEquals(Object.keys(report.splits), ["train"]);
    assertStringIncludes(report.notes[0], "--split_by row");
    const byRow = await buildIn(folder, "sql-create-context", { splitBy: "row" });
    assertEquals(byRow.report.splits.val?.rows, 4);
  });
  const shared = {
    "train.json": JSON.stringify(rows.slice(0, 20)),
    "val.json": JSON.stringify(rows.slice(20)),
  };
  await withLayout(shared, async (folder) => {
    const { report } = await buildIn(folder, "sql-create-context");
    assertEquals([report.rows.kept, reasons(report)], [20, { shared_schema: 20 }]);
    assertStringIncludes(report.notes[0], "--resplit");
    const anew = await buildIn(folder, "sql-create-context", { resplit: true, splitBy: "row" });
    assertEquals([anew.report.splits.train?.rows, anew.report.splits.val?.rows], [36, 4]);
  });
});

Deno.test("a file that ends early leaves what was there; no row left is an error with the reason", async () => {
  await withLayout(context(...many(20)), async (folder) => {
    const { out } = await buildIn(folder, "sql-create-context");
    const before = await bytesOf(out);
    const whole = Deno.readTextFileSync(join(folder, "train.json"));
    Deno.writeTextFileSync(join(folder, "train.json"), whole.slice(0, -30));
    await assertRejects(() => buildIn(folder, "sql-create-context"), FormatError, "truncated");
    assertEquals(await bytesOf(out), before);
    Deno.writeTextFileSync(join(folder, "train.json"), '[{"question":"?"}]');
    const error = await assertRejects(
      () => buildIn(folder, "sql-create-context"),
      FormatError,
      "no row",
    );
    assertStringIncludes(error.message, "no_sql");
    assertEquals(await bytesOf(out), before);
  });
});

Deno.test("an abort ends the build and leaves nothing", async () => {
  await withLayout(context(...many(20)), async (folder) => {
    const controller = new AbortController();
    const options = {
      signal: controller.signal,
      onProgress: ({ rows }: { rows: number }) => rows === 5 && controller.abort(),
    };
    await assertRejects(() => buildIn(folder, "sql-create-context", options), DOMException);
    assertEquals(await bytesOf(join(folder, "out")), {});
  });
});

Deno.test("a folder with files of the data set is not built into", async () => {
  await withLayout(LAYOUTS.alpaca, async (folder) => {
    const before = await Deno.readTextFile(join(folder, "train.jsonl"));
    await Deno.symlink(folder, join(folder, "link"));
    for (const outDir of [folder, join(folder, "link")]) {
      const error = await assertRejects(() => buildIn(folder, "alpaca", { outDir }), ConfigError);
      assertStringIncludes(error.message, "would be overwritten");
    }
    assertEquals(await Deno.readTextFile(join(folder, "train.jsonl")), before);
  });
});

Deno.test("two builds into one folder: one after the other, none mixed with the other", async () => {
  await withLayout(context(...many(40)), async (folder) => {
    const builds = [1, 2, 3].map((seed) => buildIn(folder, "sql-create-context", { seed }));
    await Promise.all(builds);
    const { report, out } = await buildIn(folder, "sql-create-context", { seed: 3 });
    const rows = await readRecords(join(out, "train.jsonl"));
    assertEquals(rows.length, report.splits.train!.rows);
    const names = Array.from(Deno.readDirSync(out), ({ name }) => name).sort();
    assertEquals(names, ["data_report.json", "train.jsonl", "val.jsonl"]);
  });
});

Deno.test("WikiSQL's own database, with col0 and texts in lower case, runs the queries", async () => {
  await withLayout(LAYOUTS.wikisql, async (folder) => {
    writeDatabase(
      join(folder, "train.db"),
      `CREATE TABLE "table_1_10015132_11" (col0 TEXT, col1 REAL, col2 REAL, col3 TEXT);
       INSERT INTO "table_1_10015132_11" VALUES ('ann', 7, 2.0, 'o''neil');`,
    );
    const schema = { sampleValues: 2 };
    const { report, records } = await buildIn(folder, "wikisql", { valRatio: 0, schema });
    const { executed, empty_results, failed } = report.validation;
    assertEquals({ executed, empty_results, failed }, { executed: 2, empty_results: 0, failed: 0 });
    const [{ input, output }] = await records("train");
    assertStringIncludes(input, "Player TEXT");
    assert(!input.includes("--"), input);
    assertStringIncludes(output, '"Player"');
  });
});

Deno.test("--dialect postgres: records with a prompt of their own are left out, not mixed", async () => {
  const options = { dialect: "postgres", valRatio: 0 } as const;
  await withLayout(LAYOUTS.alpaca, async (folder) => {
    const error = await assertRejects(() => buildIn(folder, "alpaca", options), FormatError);
    assertStringIncludes(error.message, "a text of its own, which is not converted");
  });
});
