/**
 * Asking a model in a notebook, without Jupyter: what is shown goes to a list.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { demoDatabase, demoSplits } from "../../src/data/demo.ts";
import { readRecords } from "../../src/data/record.ts";
import { FormatError } from "../../src/errors.ts";
import { answersTable, askModel, checkAnswer } from "../../src/notebook/ask.ts";
import { Notebook } from "../../src/notebook/notebook.ts";
import { scoreDemo } from "../../src/notebook/score_demo.ts";
import { notebookSettings } from "../../src/notebook/settings.ts";
import { trainLive } from "../../src/notebook/train_live.ts";
import { bundleOf } from "../../src/notebook/view.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { ROOT } from "../cli/support.ts";
import { testDevice } from "../ops/harness.ts";
import { gpuTest, tempFolder } from "../train/support.ts";
import { recorder, textOf, tinySettings } from "./support.ts";

const COUNT = { question: "How many?", gold: "SELECT COUNT(*) FROM stores" };

const QUESTIONS = [
  COUNT,
  { question: "Which cities?", gold: "SELECT city FROM stores ORDER BY city DESC" },
  { question: "Which are not there?", gold: "SELECT name FROM stores WHERE id < 0" },
];

Deno.test("an answer is right if it gives the gold query's rows; a wrong one shows what would", async () => {
  using database = await openDatabase({ ddl: demoDatabase("retail") });
  const check = (asked: typeof COUNT, sql: string) =>
    checkAnswer(database, { ...asked, said: { sql, tokens: 5, ms: 500 } });
  const answers = [
    await check(QUESTIONS[0], "SELECT SUM(1) FROM stores"),
    await check(QUESTIONS[1], "SELECT city FROM stores ORDER BY city"),
    await check(QUESTIONS[2], "SELECT x FROM stores"),
  ];
  assertEquals(answers.map(({ right }) => right), [true, false, false]);
  const stores = (await database.query(COUNT.gold)).rows[0][0];
  const [head, first, second, third, note] = textOf(answersTable(QUESTIONS, answers)).split("\n");
  assertMatch(head, /^ +question +SQL +result +expected$/);
  assertMatch(
    first,
    new RegExp(`^✓ right +How many\\? +SELECT SUM.* SUM\\(1\\) ${stores} +the same$`),
  );
  assertMatch(second, /^✗ wrong +Which cities\?.* city Bristol .*… \d+ rows +city York /);
  assertMatch(third, /^✗ wrong .*no such column.* no rows$/);
  assertEquals(note, "1 of 3 right, 2 run; 10 tokens/s");
  const html = bundleOf(answersTable(QUESTIONS, answers.slice(0, 1)))["text/html"] as string;
  assertMatch(html, /✓ right[\s\S]*…<\/span><\/td>[\s\S]*1 of 3 answered/);
});

Deno.test("a gold query that does not run is an error, not a wrong answer", async () => {
  using database = await openDatabase({ ddl: demoDatabase("retail") });
  const asked = { question: "Why?", gold: "SELECT x", said: { sql: "SELECT 1", tokens: 1, ms: 1 } };
  const { message } = await assertRejects(() => checkAnswer(database, asked), FormatError);
  assertMatch(
    message,
    /^Cannot compare answers to "Why\?": its gold query gives no rows \(.*; give/,
  );
});

gpuTest(
  "questions to a model: a row for each as it answers, and no memory left",
  async (folder) => {
    const notebook = new Notebook(await testDevice());
    const settings = await tinySettings(folder, { max_steps: 1 });
    using database = await openDatabase({ ddl: demoDatabase("retail") });
    const { texts, send } = recorder();
    const asked = { questions: [COUNT, QUESTIONS[1]], database, path: null, maxNewTokens: 3, send };
    const { answers } = await askModel(notebook, settings, asked);
    assertEquals(answers.map(({ question }) => question), ["How many?", "Which cities?"]);
    assert(answers.every(({ error, result }) => error !== null || result !== null));
    assertMatch(texts[0], /… +How many\?\n… +Which cities\?\n0 of 2 answered$/);
    assertMatch(texts.at(-1)!, /\d of 2 right, \d run; /);
    assertEquals(notebook.device.heldBytes, 0);
  },
);

gpuTest("demo questions before and after training: the same ones, in one table", async (folder) => {
  const notebook = new Notebook(await testDevice());
  const settings = await tinySettings(folder, { max_steps: 1 });
  const { path } = await trainLive(notebook, settings, recorder());
  const { texts, send } = recorder();
  const { before, after } = await scoreDemo(notebook, settings, {
    questions: 3,
    path,
    maxNewTokens: 3,
    send,
  });
  assertEquals(before.map(({ question }) => question), after.map(({ question }) => question));
  assertEquals([before.length, new Set(before.map(({ question }) => question)).size], [3, 3]);
  assert(before.every(({ exec }) => exec === false), "three tokens are no right answer");
  assertMatch(texts[0], /^loading weights, [\d.]+ KiB of [\d.]+ KiB$/);
  assertMatch(
    texts.at(-1)!,
    /before training +0 of 3 \(0\.0 %\) +\d of 3 .*\nafter training +0 of 3 \(0\.0 %\)/,
  );
  assertEquals(notebook.device.heldBytes, 0);
});

Deno.test("what notebook 01 asks is not in its training data, and its gold queries run", async () => {
  const path = join(ROOT, "notebooks/01_finetune_text2sql.ipynb");
  const { cells } = JSON.parse(await Deno.readTextFile(path));
  const source: string = cells.map((cell: { source: string[] }) => cell.source.join("")).join("\n");
  const asked = [...source.matchAll(/question: "([^"]+)",\n\s*gold: ((?:"[^"]*"[\s+]*)+),/g)].map(
    ([, question, gold]) => {
      return { question, gold: gold.replace(/^"|"$/g, "").replace(/"\s*\+\s*"/g, "") };
    },
  );
  assertEquals(asked.length, source.match(/question: "/g)!.length);
  assertEquals(asked.length, 3);
  using folder = tempFolder();
  const seed = Number(/seed: (\d+)/.exec(source)![1]);
  const { config } = await notebookSettings({ smoke: true, output_dir: folder("run"), seed });
  const trained = await readRecords(config.train_path!);
  assert(trained.length > 1000);
  const words = (text: string) => text.toLowerCase();
  const questions = new Set(trained.map(({ input }) => words(questionOf(input))));
  const queries = new Set(trained.map(({ output }) => words(output)));
  using database = await openDatabase({ ddl: demoDatabase("retail") });
  for (const { question, gold } of asked) {
    assert(!questions.has(words(question)) && !queries.has(words(gold)), question);
    assert((await database.query(gold)).rows.length > 0, gold);
  }
  const scored = demoSplits({ seed, train: 0, validation: 0, test: 30 }).test;
  for (const { input } of scored) assert(!questions.has(words(questionOf(input))), input);
});

/** The question in the input of a record. */
function questionOf(input: string): string {
  return /### Question:\n([^\n]+)/.exec(input)![1];
}
