/**
 * `deno task infer` on databases, with a model that gives a known answer.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "node:path";
import { EXAMPLE_QUESTIONS, EXAMPLE_SCRIPT } from "../../src/data/examples.ts";
import { writeParrot } from "../model/parrot.ts";
import { makeDatabase } from "../sql/files.ts";
import { tempFolder } from "../train/support.ts";
import { shortRecords, writeJsonl, writeTinyModel } from "../train/tiny.ts";
import { type CliOptions, followCli, ROOT, runCli } from "./support.ts";

const GOOD = "SELECT title FROM books;", BAD = "SELECT titel FROM books;";
const TITLES = [["Silent Rivers"], ["A Map of Stars"], ["Glass Houses"], ["The Long Winter"]];

async function library() {
  const folder = tempFolder();
  const base_model = await writeParrot(folder("good"), GOOD);
  const bad_model = await writeParrot(folder("bad"), BAD);
  const database = folder("library.sqlite");
  makeDatabase(database, EXAMPLE_SCRIPT);
  const dispose = () => folder[Symbol.dispose]();
  return { folder, base_model, bad_model, database, [Symbol.dispose]: dispose };
}

/** A row of the demo products: id, category, name, price. */
const PRODUCT = /^ {2}\(\d+, '[^']+', '[^']+', ([\d.]+)\)[,;]$/gm;

const jsonOf = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
const linesOf = async (path: string) => jsonOf(await Deno.readTextFile(path));

async function infer(options: CliOptions, ...switches: string[]) {
  const { code, stdout, stderr } = await runCli("infer", options, ...switches);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

Deno.test("--execute shows the rows of a database, of a script, or of an empty one built from DDL", async () => {
  using files = await library();
  const { folder, base_model, database } = files;
  await Deno.writeTextFile(folder("script.txt"), EXAMPLE_SCRIPT);
  const common = { base_model, question: "Which books?", execute: true, max_rows: 3 };
  const ddl = "CREATE TABLE books (title TEXT)";
  const [onDatabase, onScript, onText, quiet] = await Promise.all([
    infer({ ...common, schema: database, sample_values: 2 }),
    infer({ ...common, schema: folder("script.txt"), max_rows: 4 }),
    infer({ ...common, schema: ddl }, "--json"),
    infer({ ...common, schema: ddl, execute: false, quiet: true }),
  ]);
  const shown = (stdout: string) => stdout.replace(/─+/, "─").replace(/[\d.]+ ms/, "T");
  const head = `${GOOD}\ntitle\n─\n`;
  const rows = TITLES.map(([title]) => title + "\n");
  const first = rows.slice(0, 3).join("");
  assertEquals(shown(onDatabase), `${head}${first}(the first 3 rows; there is more, T)\n`);
  assertEquals(shown(onScript), `${head}${rows.join("")}(4 rows, T)\n`);
  const { text, ids: _, finish_reason, ms: __, ...execution } = JSON.parse(onText);
  assertEquals([text, finish_reason], [GOOD, "stop"]);
  assertEquals(Object.keys(JSON.parse(onText)).slice(0, 4), ["text", "ids", "finish_reason", "ms"]);
  const sql = "SELECT title FROM books";
  assertEquals(execution, { sql, columns: ["title"], rows: [], truncated: false, error: null });
  assertEquals(quiet, GOOD + "\n");
});

Deno.test("--execute on a script of a demo database keeps its rows; no file is built beside it", async () => {
  using folder = tempFolder();
  const base_model = await writeParrot(folder("base"), "SELECT MAX(price) FROM products;");
  const schema = join(ROOT, "data/demo/retail/retail.sql");
  const asked = { base_model, question: "What costs most?", schema, execute: true };
  const { rows, error } = JSON.parse(await infer(asked, "--json"));
  const prices = [...(await Deno.readTextFile(schema)).matchAll(PRODUCT)].map(([, price]) =>
    +price
  );
  assertEquals([prices.length, rows, error], [36, [[Math.max(...prices)]], null]);
  const names = Array.from(Deno.readDirSync(dirname(schema)), ({ name }) => name).sort();
  assertEquals(names, ["questions.jsonl", "retail.sql"]);
});

Deno.test("SQL that does not run: exit code 1, the sandbox's words, and the nearest name", async () => {
  using files = await library();
  const { bad_model: base_model, database: schema } = files;
  const options = { base_model, question: "Which books?", schema, execute: true };
  const [shown, json] = await Promise.all([
    runCli("infer", options),
    runCli("infer", options, "--json"),
  ]);
  assertEquals([shown.code, shown.stdout], [1, BAD + "\n"]);
  const said = "Cannot run the SQL: no such column: titel; did you mean title?";
  assertEquals(shown.stderr, said + "\n");
  const { error, rows } = JSON.parse(json.stdout);
  assertEquals(error, { kind: "unknown_column", message: said, suggestion: "title" });
  assertEquals([json.code, rows], [1, null]);
});

Deno.test("a schema that is too long loses tables, and that is said", async () => {
  using files = await library();
  const { base_model, database: schema } = files;
  const question = "Which books?";
  const options = { base_model, question, schema, max_seq_length: 240, max_new_tokens: 40 };
  const { code, stdout, stderr } = await runCli("infer", options);
  assertEquals([code, stdout], [0, GOOD + "\n"]);
  assertMatch(stderr, /^The schema is long; left out (1 table|2 tables): [^\n]*members[^\n]*\n$/);
});

Deno.test("--examples: every question with its answer and what was expected", async () => {
  using files = await library();
  const { base_model, bad_model } = files;
  const [shown, json, wrong] = await Promise.all([
    infer({ base_model, examples: true }),
    infer({ base_model, examples: true, execute: true }, "--json"),
    runCli("infer", { base_model: bad_model, examples: true, execute: true }),
  ]);
  const expected = EXAMPLE_QUESTIONS.map(({ question, sql }) =>
    `\n${question}\n${GOOD}\n-- expected: ${sql}\n`
  );
  assertEquals(shown, expected.join(""));
  assertEquals(jsonOf(json).map(({ rows }) => rows), EXAMPLE_QUESTIONS.map(() => TITLES));
  assertEquals([wrong.code, wrong.stderr.match(/did you mean title\?/g)?.length], [0, 5]);
});

Deno.test("--input with --schema: questions of a text file or of JSONL, with their rows", async () => {
  using files = await library();
  const { folder, base_model, database: schema } = files;
  await Deno.writeTextFile(folder("in.txt"), "Which books?\r\n\n  Which titles?  \n");
  const rows = [{ question: "Which books?", id: 7 }, { question: "Which titles?" }];
  const common = { base_model, schema, execute: true };
  const fromText = { ...common, input: folder("in.txt"), output: folder("a.jsonl") };
  const input = await writeJsonl(folder("in.jsonl"), rows);
  const bad = await writeJsonl(folder("bad.jsonl"), [{ instruction: "Which books?" }]);
  const [stdout, , refused, missing] = await Promise.all([
    infer(fromText),
    infer({ ...common, input, output: folder("b.jsonl") }),
    runCli("infer", { ...common, input: bad, output: folder("c.jsonl") }),
    runCli("infer", { ...common, input: folder("none.txt"), output: folder("c.jsonl") }),
  ]);
  assertEquals(stdout, "2/2 answered\n");
  const [a, b] = [await linesOf(folder("a.jsonl")), await linesOf(folder("b.jsonl"))];
  assertEquals(a.map(({ id, text, rows }) => [id, text, rows]), [
    ["line-1", GOOD, TITLES],
    ["line-3", GOOD, TITLES],
  ]);
  assertEquals(b.map(({ id }) => id), [7, "line-2"]);
  assertEquals([refused.code, missing.code], [1, 1]);
  assertMatch(refused.stderr, /^Cannot answer [^\n]*bad\.jsonl: line 1 has no "question" text/);
  assertMatch(missing.stderr, /^Cannot read [^\n]*none\.txt/);
});

Deno.test("a batch that was killed goes on: what is answered is not asked again", async () => {
  using folder = tempFolder();
  const base_model = await writeTinyModel(folder("base"));
  const output = folder("out.jsonl"), partial = folder("out.jsonl.partial");
  const input = await writeJsonl(folder("in.jsonl"), shortRecords(12));
  const options = { base_model, input, output, batch_size: 1 };
  const killed = await followCli("infer", options, (_, kill) => kill("SIGKILL"));
  assertEquals(killed.signal, "SIGKILL");
  assert(!Array.from(Deno.readDirSync(folder.path)).some(({ name }) => name === "out.jsonl"));

  // An answer that no model gives shows what is taken over. The last line is cut, as by a kill.
  const [key, first] = (await Deno.readTextFile(partial)).split("\n");
  const kept = JSON.parse(first);
  kept.line.text = "kept";
  const lines = [key, JSON.stringify(kept), first.slice(0, 9)].join("\n");
  await Deno.writeTextFile(partial, lines);
  const stdout = await infer(options);
  assert(stdout.startsWith("1/12 answered\n2/12 answered\n"), stdout);
  const answers = await linesOf(output);
  assertEquals(answers.map(({ id }) => id), shortRecords(12).map(({ id }) => id));
  assertEquals(answers.map(({ text }) => text === "kept").indexOf(true), 0);
  assertEquals(answers.filter(({ text }) => text === "kept").length, 1);

  // Another option asks anew.
  await Deno.writeTextFile(partial, lines);
  await infer({ ...options, batch_size: 12, seed: 1 }, "--json");
  assert((await linesOf(output)).every(({ text }) => text !== "kept"));
  assert(!Array.from(Deno.readDirSync(folder.path)).some(({ name }) => name.endsWith("partial")));
});

Deno.test("Ctrl-C in a batch: exit code 130, and what is kept is said", async () => {
  using folder = tempFolder();
  const base_model = await writeTinyModel(folder("base"));
  const input = await writeJsonl(folder("in.jsonl"), shortRecords(40));
  const options = { base_model, input, output: folder("out.jsonl"), batch_size: 1 };
  const { code, stderr } = await followCli("infer", options, (_, kill) => kill("SIGINT"));
  assertEquals(code, 130);
  assertMatch(stderr, /\d+ of 40 answers are kept in [^\n]*out\.jsonl\.partial; the same command/);
});
