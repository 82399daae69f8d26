/**
 * The verdicts of Spider's official evaluator on three published sets of predictions.
 */
import { assertEquals } from "@std/assert";
import { openBenchmark } from "../../../src/eval/open.ts";
import { readPredictions } from "../../../src/eval/predictions.ts";
import { sharedTest } from "../../shared.ts";
import { sourceOf } from "../shop.ts";

/** Total of exact matches and of right executions, as the sets' README has them. */
const SETS = [
  ["codes-7b", 821, 894],
  ["gpt4-zero-shot", 418, 772],
  ["spider-pred-example", 711, 504],
] as const;

async function readVerdicts(path: string) {
  const packed = (await Deno.open(path)).readable.pipeThrough(new DecompressionStream("gzip"));
  const lines = (await new Response(packed).text()).trimEnd().split("\n");
  return lines.map((line) => {
    const { db_id, hardness, parsed, exact, exec, partial } = JSON.parse(line);
    return { db_id, hardness, parsed, exact: exact === 1, exec: exec === 1, partial };
  });
}

for (const [set, exact, exec] of SETS) {
  sharedTest(
    `spider: all 1,034 official verdicts on ${set}, with every component`,
    async (path) => {
      const source = sourceOf({ data: path("data/spider/dev.json"), timeoutMs: 30_000 });
      using benchmark = await openBenchmark("spider", source);
      const answers = await readPredictions(
        path(`data/spider/oracle/${set}.pred.sql`),
        benchmark,
        { partial: false },
      );
      const expected = await readVerdicts(path(`data/spider/oracle/${set}.verdicts.jsonl.gz`));
      const found: typeof expected = [];
      for (const { index, sql } of answers) {
        const { hardness, parsed, exact, exec, partial } = await benchmark.score(index, sql);
        const { dbId } = benchmark.questions[index];
        found.push({ db_id: dbId, hardness, parsed, exact: exact!, exec: exec!, partial });
      }
      assertEquals(found.length, 1034);
      const different = found.flatMap((verdict, index) =>
        JSON.stringify(verdict) === JSON.stringify(expected[index]) ? [] : [index]
      );
      assertEquals(different, []);
      const count = (key: "exact" | "exec") => found.filter((verdict) => verdict[key]).length;
      assertEquals([count("exact"), count("exec")], [exact, exec]);
    },
  );
}

sharedTest("cspider: the same files are scored by the same rules", async (path) => {
  const source = sourceOf({ data: path("data/spider/dev.json"), maxSamples: 60 });
  using spider = await openBenchmark("spider", source);
  using cspider = await openBenchmark("cspider", source);
  const answers = await readPredictions(
    path("data/spider/oracle/gpt4-zero-shot.pred.sql"),
    cspider,
    { partial: true },
  );
  assertEquals(answers.length, 60);
  for (const { index, sql } of answers) {
    assertEquals(await cspider.score(index, sql), await spider.score(index, sql));
  }
});

sharedTest("spider: gold queries alone are enough to score, and each is right", async (path) => {
  const source = sourceOf({ gold: path("data/spider/dev_gold.sql") });
  using benchmark = await openBenchmark("spider", source);
  let right = 0, withRows = 0;
  for (const [index, { gold }] of benchmark.questions.entries()) {
    const { parsed, exact, exec, hasRows } = await benchmark.score(index, gold);
    right += Number(parsed && exact && exec);
    withRows += Number(hasRows);
  }
  // wta_1, with its 62 questions, has no rows.
  assertEquals([right, withRows], [1034, 972]);
});
