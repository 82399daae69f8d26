import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BackendError, FormatError } from "../../src/errors.ts";
import { openAnswerLog } from "../../src/eval/answers.ts";
import type { Benchmark } from "../../src/eval/benchmark.ts";
import { type AnswerSource, evaluate } from "../../src/eval/evaluate.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import type { Answer, Predictor } from "../../src/eval/predictor.ts";
import { tempFolder } from "../train/support.ts";
import { SHOP_QUESTIONS, sourceOf, writeShop } from "./shop.ts";

/** Answers with gold queries, the last question first, and remembers what it was asked. */
function goldPredictor(benchmark: Benchmark, { failAfter = Infinity } = {}) {
  const asked: number[] = [];
  const predictor: Predictor = {
    name: "gold",
    async *answer(prompts) {
      for (const { index } of prompts.toReversed()) {
        if (asked.length === failAfter) throw new Error("killed");
        asked.push(index);
        const sql = benchmark.questions[index].gold;
        yield await Promise.resolve({ index, sql, latencyMs: 5, tokens: 2 });
      }
    },
    [Symbol.dispose]() {},
  };
  return { predictor, asked };
}

async function finish(benchmark: Benchmark, source: Partial<AnswerSource>) {
  const whole = { answers: [], predictor: null, log: null, ...source };
  for await (const event of evaluate(benchmark, whole)) if (event.type === "end") return event;
  throw new Error("there was no end");
}

Deno.test("every question is asked once and scored, in whatever order answers come", async () => {
  using folder = tempFolder();
  using benchmark = await openBenchmark("spider", sourceOf({ data: await writeShop(folder.path) }));
  const { predictor, asked } = goldPredictor(benchmark);
  const { predictions, tokens, seconds } = await finish(benchmark, { predictor });
  assertEquals(asked, [3, 2, 1, 0]);
  assertEquals(predictions.map(({ id, exact, exec, hardness }) => [id, exact, exec, hardness]), [
    ["spider-1", true, true, "easy"],
    ["spider-2", true, true, "medium"],
    ["spider-3", true, true, "hard"],
    ["spider-4", true, true, "extra"],
  ]);
  assertEquals([tokens, typeof seconds], [8, "number"]);
  assertEquals(predictions[0].question, SHOP_QUESTIONS[0].question);
});

Deno.test("after a kill, only what has no answer is asked; another key begins anew", async () => {
  using folder = tempFolder();
  using benchmark = await openBenchmark("spider", sourceOf({ data: await writeShop(folder.path) }));
  const killed = goldPredictor(benchmark, { failAfter: 2 });
  {
    using log = await openAnswerLog(folder("run"), "key");
    await assertRejects(() => finish(benchmark, { predictor: killed.predictor, log }), Error);
  }
  // A kill may cut the last line off.
  const path = folder("run/answers.jsonl");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.slice(0, -10));
  const next = goldPredictor(benchmark);
  {
    using log = await openAnswerLog(folder("run"), "key");
    assertEquals([...log.answers.keys()], [3]);
    const { predictions } = await finish(benchmark, { predictor: next.predictor, log });
    assertEquals(predictions.map(({ exec }) => exec), [true, true, true, true]);
  }
  assertEquals(next.asked, [2, 1, 0]);
  {
    using log = await openAnswerLog(folder("run"), "key");
    assertEquals(log.answers.size, 4);
    const { seconds } = await finish(benchmark, { log });
    assertEquals(seconds, null);
  }
  using log = await openAnswerLog(folder("run"), "another key");
  assertEquals(log.answers.size, 0);
  await log.finish();
  assertEquals(Array.from(Deno.readDirSync(folder("run"))), []);
});

Deno.test("a question without an answer, or without a prompt, cannot be scored", async () => {
  using folder = tempFolder();
  const data = await writeShop(folder.path);
  using benchmark = await openBenchmark("spider", sourceOf({ data }));
  const answers: Answer[] = [{ index: 0, sql: "SELECT 1", latencyMs: null, tokens: null }];
  const missing = await assertRejects(() => finish(benchmark, { answers }), FormatError);
  assertMatch(missing.message, /Cannot score spider-2: there is no answer to it/);
  await Deno.writeTextFile(folder("gold.sql"), "SELECT count(*) FROM product\tshop\n");
  using bare = await openBenchmark("spider", sourceOf({ gold: folder("gold.sql") }));
  const { predictor } = goldPredictor(bare);
  const promptless = await assertRejects(() => finish(bare, { predictor }), FormatError);
  assertMatch(promptless.message, /Cannot ask spider-1: there is only its gold query/);
});

/** Refuses the first `refused` of the questions that it is asked. */
function refusingPredictor(refused: number): Predictor {
  return {
    name: "refusing",
    async *answer(prompts) {
      for (const [place, { index }] of prompts.entries()) {
        const answer = { index, sql: "SELECT 1", latencyMs: null, tokens: null };
        yield await Promise.resolve(
          place < refused ? { ...answer, sql: "", error: "prompt is too long" } : answer,
        );
      }
    },
    [Symbol.dispose]() {},
  };
}

Deno.test("a refused question is wrong, and not asked again; a server that refuses all is told", async () => {
  using folder = tempFolder();
  const queries = Array.from({ length: 12 }, () => "SELECT name FROM customer WHERE id < 0");
  const questions = queries.map((query) => ({ question: "?", query }));
  using benchmark = await openBenchmark(
    "spider",
    sourceOf({ data: await writeShop(folder.path, questions) }),
  );
  {
    using log = await openAnswerLog(folder("run"), "key");
    const all = () => finish(benchmark, { predictor: refusingPredictor(12), log });
    const error = await assertRejects(all, BackendError);
    assertEquals(error.message, "prompt is too long (and 9 more were refused)");
    const { predictions } = await finish(benchmark, { predictor: refusingPredictor(9), log });
    assertEquals(
      predictions.map(({ error_kind }) => error_kind),
      [...Array(9).fill("no_answer"), ...Array(3).fill("wrong_result")],
    );
    const { error: reason, parsed, exact, exec, runs } = predictions[0];
    assertEquals([reason, parsed, exact, exec, runs], [
      "prompt is too long",
      false,
      false,
      false,
      false,
    ]);
  }
  // Where answers are there already, refusals alone can be what is left.
  const path = folder("run/answers.jsonl");
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  const text = [lines[0], ...lines.slice(-1), ""].join("\n");
  await Deno.writeTextFile(path, text);
  using log = await openAnswerLog(folder("run"), "key");
  const { predictions } = await finish(benchmark, { predictor: refusingPredictor(12), log });
  assertEquals(predictions.filter(({ error_kind }) => error_kind === "no_answer").length, 11);
});

Deno.test("an answer that cannot be scored is wrong, and the run goes on", async () => {
  using folder = tempFolder();
  using shop = await openBenchmark("spider", sourceOf({ data: await writeShop(folder.path) }));
  const benchmark: Benchmark = {
    ...shop,
    score: (index, sql) => {
      if (sql === "bomb") throw new RangeError("Invalid string length");
      return shop.score(index, sql);
    },
  };
  const golds = shop.questions.map(({ gold }) => gold);
  const texts = [golds[0], "bomb", `${golds[2]}${" ".repeat(20_000)}`, golds[3]];
  const answers = texts.map((sql, index) => ({ index, sql, latencyMs: null, tokens: null }));
  const { predictions } = await finish(benchmark, { answers });
  assertEquals(
    predictions.map(({ exact, exec, error_kind }) => [exact, exec, error_kind]),
    [[true, true, null], [false, false, "too_large"], [false, false, "too_large"], [
      true,
      true,
      null,
    ]],
  );
  assertEquals(predictions[1].error, "Invalid string length");
  assertMatch(predictions[2].error!, /has 20\d{3} characters; answers of up to 20000 are read/);
});

Deno.test("an abort ends the scoring", async () => {
  using folder = tempFolder();
  using benchmark = await openBenchmark("spider", sourceOf({ data: await writeShop(folder.path) }));
  const answers = benchmark.questions.map((_, index) => ({
    index,
    sql: "SELECT 1",
    latencyMs: null,
    tokens: null,
  }));
  const source = { answers, predictor: null, log: null };
  await assertRejects(async () => {
    for await (const _ of evaluate(benchmark, source, AbortSignal.abort()));
  }, DOMException);
});

Deno.test("a broken gold query is not judged; where all about a database are, nothing is asked", async () => {
  using folder = tempFolder();
  const [good] = SHOP_QUESTIONS;
  const broken = { question: "?", query: "SELECT colour FROM product" };
  using some = await openBenchmark(
    "spider",
    sourceOf({ data: await writeShop(folder.path, [broken, good]) }),
  );
  const { predictions } = await finish(some, { predictor: goldPredictor(some).predictor });
  assertEquals(predictions.map(({ exact, exec, parsed }) => [exact, exec, parsed]), [
    [null, null, null],
    [true, true, true],
  ]);
  assertEquals(predictions[0].error_kind, "gold_failed");
  const data = await writeShop(folder.path, [broken, { ...good, db_id: "empty" }]);
  using none = await openBenchmark("spider", sourceOf({ data }));
  const { predictor, asked } = goldPredictor(none);
  const error = await assertRejects(() => finish(none, { predictor }), FormatError);
  assertMatch(
    error.message,
    /Cannot score spider-1, about shop: Cannot read the query: there is no/,
  );
  assertEquals(asked, []);
});
