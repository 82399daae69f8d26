import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { schemaQuestion, TEXT_TO_SQL_INSTRUCTION } from "../../src/data/question.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { sharedTest } from "../shared.ts";
import { tempFolder } from "../train/support.ts";
import {
  goldenBase,
  shortRecords,
  TINY,
  TOKENIZER,
  writeJsonl,
  writeTinyModel,
} from "../train/tiny.ts";
import { type CliOptions, runCli } from "./support.ts";

interface Answer {
  readonly text: string;
  readonly ids: readonly number[];
  readonly finish_reason: "stop" | "length";
  readonly ms: number;
}

/** Runs infer with `--json` and returns its answers. */
async function answersOf(options: CliOptions): Promise<Answer[]> {
  const { code, stdout, stderr } = await runCli("infer", options, "--json");
  assertEquals([code, stderr], [0, ""]);
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

const answerOf = async (options: CliOptions) => (await answersOf(options))[0];

const DDL = "CREATE TABLE birds (id INTEGER, name VARCHAR)";
const QUESTION = "How many birds are there?";

Deno.test("infer --prompt --json: the golden greedy ids of the tiny model, and their text", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  const tokenizer = await loadTokenizer(TOKENIZER);
  const [, golden] = JSON.parse(await Deno.readTextFile(join(TINY, "greedy.json")));
  const prompt = tokenizer.decode(golden.prompt_ids);
  assertEquals(tokenizer.encode(prompt), golden.prompt_ids);
  const options = { base_model, prompt, quantization: "none", max_new_tokens: 24 };
  const answer = await answerOf(options);
  assertEquals(Object.keys(answer), ["text", "ids", "finish_reason", "ms"]);
  assertEquals(answer.ids, golden.greedy_ids);
  assertEquals(answer.text, tokenizer.decode(golden.greedy_ids));
  assertEquals(answer.finish_reason, "length");
  assert(Number.isInteger(answer.ms) && answer.ms > 0);

  // For people the same text is written as it comes.
  const shown = await runCli("infer", options);
  assertEquals(shown, { code: 0, stdout: answer.text + "\n", stderr: "" });
});

sharedTest("infer --prompt --json: stories260k's golden greedy ids", async (path) => {
  const folder = path("golden/stories260k");
  const { greedy_ids } = JSON.parse(await Deno.readTextFile(join(folder, "greedy.json")));
  const prompt = "Once upon a time";
  const start = (await loadTokenizer(folder)).encode(prompt).length;
  const { ids, finish_reason, text } = await answerOf({
    base_model: folder,
    prompt,
    quantization: "none",
    max_new_tokens: 60,
  });
  assertEquals(ids, greedy_ids.slice(start, start + 60));
  assertEquals(finish_reason, "length");
  assert(text.startsWith(", there was a little girl named Lily. She loved to play"), text);
});

Deno.test("a question with its schema as text, as a file, or as a record: one and the same answer", async () => {
  using folder = tempFolder();
  const common = { base_model: await goldenBase(folder("base")), max_new_tokens: 6 };
  await Deno.writeTextFile(folder("birds.sql"), DDL + "\n");
  const inText = await answerOf({ ...common, question: QUESTION, schema: DDL });
  const inFile = await answerOf({ ...common, question: QUESTION, schema: folder("birds.sql") });
  const record = { instruction: TEXT_TO_SQL_INSTRUCTION, input: schemaQuestion(DDL, QUESTION) };
  const [inRecord] = await answersOf({
    ...common,
    input: await writeJsonl(folder("in.jsonl"), [record]),
    output: folder("out.jsonl"),
  });
  const other = await answerOf({ ...common, question: "Which birds?", schema: DDL });
  assertEquals(inText.ids.length, 6);
  assertEquals(inFile.ids, inText.ids);
  assertEquals(inRecord.ids, inText.ids);
  assert(other.ids.join() !== inText.ids.join(), "the question does not matter");
});

Deno.test("--input to --output: a line for each record in order, whatever the batch size", async () => {
  using folder = tempFolder();
  const records = shortRecords(3).map(({ output: _, ...record }) => record);
  const common = {
    base_model: await goldenBase(folder("base")),
    input: await writeJsonl(folder("in.jsonl"), [...records, { instruction: "Count" }]),
    max_new_tokens: 5,
  };
  const lines = async (output: string) =>
    (await Deno.readTextFile(output)).trimEnd().split("\n").map((line) => JSON.parse(line));
  const answers = await answersOf({ ...common, output: folder("a.jsonl"), batch_size: 3 });
  assertEquals(await lines(folder("a.jsonl")), answers);
  const found = await lines(folder("a.jsonl"));
  assertEquals(found.map(({ id }) => id), ["short-0", "short-1", "short-2", "line-4"]);
  assert(found.every(({ ids }) => ids.length === 5));

  const shown = await runCli("infer", { ...common, output: folder("b.jsonl"), batch_size: 1 });
  assertEquals([shown.code, shown.stdout.split("\n")[3]], [0, "4/4 answered"]);
  const idsOf = (answers: Answer[]) => answers.map(({ ids }) => ids);
  assertEquals(idsOf(await lines(folder("b.jsonl"))), idsOf(found));
});

Deno.test("an answer may be empty: the model says EOS at once", async () => {
  using folder = tempFolder();
  const base_model = await writeTinyModel(folder("base"));
  const { ms: _, ...answer } = await answerOf({ base_model, prompt: "SELECT" });
  assertEquals(answer, { text: "", ids: [], finish_reason: "stop" });
});

Deno.test("a bad line of --input ends with its number and without an output file", async () => {
  using folder = tempFolder();
  const input = await writeJsonl(folder("in.jsonl"), [{ instruction: "Count" }, { question: "?" }]);
  const base_model = await goldenBase(folder("base"));
  const result = await runCli("infer", { base_model, input, output: folder("out.jsonl") });
  assertEquals(result.code, 1);
  assertMatch(result.stderr, /^Cannot answer [^\n]*in\.jsonl: line 2 [^\n]*\n$/);
  assert(!Array.from(Deno.readDirSync(folder.path)).some(({ name }) => name.startsWith("out")));
});

Deno.test("an adapter is enough: it names its base model", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  const adapter_path = folder("adapter");
  const trained = join(TINY, "qlora-curve", "final_adapter");
  await Deno.mkdir(adapter_path);
  await Deno.copyFile(
    join(trained, "adapter_model.safetensors"),
    join(adapter_path, "adapter_model.safetensors"),
  );
  const config = JSON.parse(await Deno.readTextFile(join(trained, "adapter_config.json")));
  const writeConfig = (base: string | null) =>
    Deno.writeTextFile(
      join(adapter_path, "adapter_config.json"),
      JSON.stringify({ ...config, base_model_name_or_path: base }),
    );
  await writeConfig(base_model);
  const common = { prompt: "SELECT", max_new_tokens: 8 };
  const alone = await answerOf({ ...common, adapter_path });
  await writeConfig(null);
  const both = await answerOf({ ...common, adapter_path, base_model });
  const base = await answerOf({ ...common, base_model });
  assertEquals(alone.ids, both.ids);
  assert(base.ids.join() !== alone.ids.join(), "the adapter changes nothing");

  const nameless = await runCli("infer", { ...common, adapter_path });
  assertEquals(nameless.code, 2);
  assertMatch(nameless.stderr, /does not name its base model; give --base_model/);
});

Deno.test("infer with wrong options exits 2, each with what is missing", async () => {
  const base_model = join(TINY, "base");
  const cases: [CliOptions, RegExp][] = [
    [{ base_model }, /give one of --question, --prompt, --input, --examples and/],
    [{ base_model, prompt: "a", question: "b", schema: "c" }, /give one of --question/],
    [{ base_model, question: "How many?" }, /give --question and --schema together/],
    [{ base_model, input: "a.jsonl" }, /give --input and --output together/],
    [{ base_model, interactive: true, examples: true }, /give one of --question/],
    [{ base_model, prompt: "a", schema: "b" }, /Cannot use --schema here/],
    [{ base_model, examples: true, schema: "b" }, /Cannot use --schema here/],
    [{ base_model, examples: true, execute: true, dialect: "postgres" }, /PostgreSQL's SQL/],
    [{ base_model, prompt: "a", execute: true }, /answer to a raw prompt/],
    [{ base_model, input: "a.jsonl", output: "b.jsonl", execute: true }, /give --schema/],
    [{ base_model, examples: true, max_seq_length: 256 }, /raise the one or lower the other/],
    [{ prompt: "a" }, /give --base_model, or --adapter_path/],
    [{ base_model, prompt: "a", top_p: 2, max_new_tokens: 0 }, /2 options are wrong/],
    [{ base_model, promt: "a" }, /unknown option --promt; did you mean --prompt\?/],
  ];
  const results = await Promise.all(cases.map(([options]) => runCli("infer", options)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, cases[i][1]);
  }
  const help = await runCli("infer", {}, "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /^ {2}--adapter_path DIR/m);
});

Deno.test("a schema that is neither a file nor DDL is wrong use, a missing model a failure", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  await Deno.writeTextFile(folder("notes.txt"), "nothing here");
  await Deno.writeTextFile(folder("empty.db"), "");
  await Deno.writeTextFile(folder("wrong.sql"), "CREATE TABLE a (b INT); CREATE TABLE a (b INT);");
  const cases: [CliOptions, number, RegExp][] = [
    [{ schema: "birds.sql" }, 2, /^Cannot read --schema birds\.sql/],
    [{ schema: folder.path }, 2, /^Cannot read --schema /],
    [{ schema: folder("notes.txt") }, 2, /it is no SQLite database and has no CREATE TABLE/],
    [{ schema: folder("empty.db") }, 1, /^Cannot open [^\n]*empty\.db: the file is empty/],
    [
      { schema: folder("wrong.sql"), execute: true },
      1,
      /^Cannot build a database from .*wrong\.sql: /,
    ],
    [{ schema: DDL, max_seq_length: 20, max_new_tokens: 10 }, 1, /and 10 are allowed/],
    [{ schema: DDL, base_model: folder("nowhere") }, 1, /^Cannot [^\n]*nowhere[^\n]*\n$/],
  ];
  await Promise.all(cases.map(async ([options, expected, said]) => {
    const given = { base_model, question: QUESTION, ...options };
    const { code, stdout, stderr } = await runCli("infer", given);
    assertMatch(stderr, said);
    assertEquals([code, stdout], [expected, ""]);
  }));
});

Deno.test("a model whose logits are NaN fails with a message, not with tokens", async () => {
  using folder = tempFolder();
  const base_model = await writeTinyModel(folder("base"), { poison: "model.norm.weight" });
  const { code, stdout, stderr } = await runCli("infer", { base_model, prompt: "a" }, "--json");
  assertEquals([code, stdout], [1, ""]);
  assertMatch(
    stderr,
    /^Cannot generate: the model's logits are not finite after 0 tokens[^\n]*\n$/,
  );
});
