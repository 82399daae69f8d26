/**
 * `deno task data` as a user runs it.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readRecords } from "../../src/data/record.ts";
import { DATASETS } from "../../src/data/registry.ts";
import { describeDataOptions, resolveDataConfig } from "../../src/cli/data_options.ts";
import { ConfigError } from "../../src/errors.ts";
import { LAYOUTS, withLayout } from "../data/sets.ts";
import { startHub } from "../formats/hub_server.ts";
import { tinyJson } from "../text/tiny.ts";
import { type CliOptions, parseEvents, ROOT, runCli } from "./support.ts";

const TOKENIZER = { "tokenizer/tokenizer.json": JSON.stringify(tinyJson()) };

function resolve(values: CliOptions) {
  return resolveDataConfig([{ source: "flags", values }]);
}

function issuesOf(values: CliOptions): readonly string[] {
  try {
    resolve(values);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  throw new Error("no fault was found");
}

Deno.test("data: without any option it builds the demo set, and the task has the permissions it needs", async () => {
  const folder = await Deno.makeTempDir();
  const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const args = [...tasks.data.split(" ").slice(1), "--out_dir", folder];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0);
  assertMatch(text, /^demo: 1000 rows read in [\d.]+ s, 1000 kept\ntrain +\d+ rows, 5 schemas/);
  const [train, val] = await Promise.all(
    ["train", "val"].map((split) => readRecords(join(folder, `${split}.jsonl`))),
  );
  assertEquals(train.length + val.length, 1000);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("data: --json tells the report; lengths are those of the tokenizer", async () => {
  await withLayout({ ...LAYOUTS.spider, ...TOKENIZER }, async (folder) => {
    const tokenizer = join(folder, "tokenizer");
    const out_dir = join(folder, "out");
    const options = { dataset: "spider", source: folder, tokenizer, out_dir, prompt: "mistral" };
    const { code, stdout, stderr } = await runCli("data", options, "--json");
    assertEquals([code, stderr], [0, ""]);
    const [event, ...more] = parseEvents(stdout);
    assertEquals([event.type, event.out_dir, more], ["end", out_dir, []]);
    const written = JSON.parse(await Deno.readTextFile(join(out_dir, "data_report.json")));
    assertEquals(event.report, written);
    assertEquals(written.options.prompt, "mistral");
    assert(written.splits.train.tokens.max > written.splits.train.tokens.mean);
    const [{ instruction }] = await readRecords(join(out_dir, "train.jsonl"));
    assertStringIncludes(instruction, "SQLite query generator");
  });
});

Deno.test("data: --inspect prints splits, sizes and one example, and writes nothing", async () => {
  await withLayout(LAYOUTS.wikisql, async (folder) => {
    const options = { dataset: "wikisql", source: folder, out_dir: join(folder, "out") };
    const { code, stdout } = await runCli("data", options, "--inspect");
    assertEquals(code, 0);
    assertMatch(
      stdout,
      /^train +2 rows, \d+ B +.*train\.jsonl\nval +1 rows, \d+ B +.*dev\.jsonl\n/,
    );
    assertStringIncludes(
      stdout,
      "### Question:\nWhich player has number 7?\n\n### Response:\nSELECT",
    );
    const json = parseEvents((await runCli("data", options, "--inspect", "--json")).stdout);
    assertEquals(json.map(({ type }) => type), ["split", "split", "example"]);
    assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name === "out"), false);
  });
});

Deno.test("data: a damaged file is exit code 1 with file and line; wrong options are 2", async () => {
  await withLayout({ "train.json": '[{"question":"?"}, {"q' }, async (folder) => {
    const options = { dataset: "sql-create-context", source: folder, out_dir: join(folder, "o") };
    const { code, stdout, stderr } = await runCli("data", options);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^Cannot read .*train\.json: it ends inside its array, after 1 rows \(line 1\)/,
    );
    assertEquals((await runCli("data", { ...options, source: "/nowhere" })).code, 1);
    assertEquals((await runCli("data", { ...options, dataset: "squirrel" })).code, 2);
  });
});

Deno.test("data: --help names every data set and option", async () => {
  const { code, stdout } = await runCli("data", {}, "--help");
  assertEquals(code, 0);
  for (const { name } of [...DATASETS, ...describeDataOptions()]) {
    assertStringIncludes(stdout, name);
  }
  for (const line of stdout.split("\n")) assert(line.length <= 100, line);
});

Deno.test("data options: faults are told together, and name the remedy", () => {
  const [files, ratios, budget] = issuesOf({
    dataset: "spider",
    val_ratio: 0.7,
    test_ratio: 0.7,
    max_schema_tokens: 100,
  });
  assertStringIncludes(files, "give --source PATH");
  assertStringIncludes(ratios, "lower --val_ratio");
  assertStringIncludes(budget, "give --tokenizer DIR");
  assertStringIncludes(issuesOf({ source: "x" })[0], "name its data set with --dataset");
  assertStringIncludes(issuesOf({ out_dir: "a", output_dir: "b" })[0], "they mean the same");
  assertStringIncludes(issuesOf({ on_invalid: "ignore" })[0], "drop, keep, fail");
});

Deno.test("data: a source on the Hub is told apart from a path, and a bad name refused", async () => {
  const options = { dataset: "sql-create-context", source: "hub:no-slash" };
  const { code, stderr } = await runCli("data", options);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "write hub:OWNER/NAME");
});

Deno.test("data: a data set of the Hub is downloaded once, only its data files, and read from there", async () => {
  await using hub = startHub();
  const encode = (text: string) => new TextEncoder().encode(text);
  hub.add("dataset", "me/boats", {
    "README.md": encode("# Boats"),
    "data/train-00000-of-00001.parquet": await Deno.readFile(
      join(ROOT, "tests/data/fixtures/pyarrow-snappy.parquet"),
    ),
  });
  const folder = await Deno.makeTempDir();
  const run = (...switches: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["task", "-q", "data", "--dataset", "sql-create-context", "--source", "hub:me/boats"],
        ...["--out_dir", join(folder, "out"), ...switches],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", HF_HOME: join(folder, "hf"), HF_ENDPOINT: hub.endpoint },
    }).output();
  const first = await run();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(first.code, 0, decode(first.stderr));
  assertStringIncludes(decode(first.stderr), "Downloading me/boats");
  assertMatch(decode(first.stdout), /^sql-create-context: 30 rows read in .* 30 kept$/m);
  const fetched = hub.fetched();
  assert(fetched.length > 0 && fetched.every((path) => !path.includes("README")));
  const second = await run("--json");
  assertEquals([second.code, hub.fetched()], [0, fetched]);
  await Deno.remove(folder, { recursive: true });
});
