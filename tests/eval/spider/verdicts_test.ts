/**
 * Verdicts on queries of this project's own, made with the rules of the official evaluator in Python,
 * so that they hold without any data set. Each shows one rule.
 */
import { assertEquals } from "@std/assert";
import type { Verdict } from "../../../src/eval/benchmark.ts";
import { openBenchmark } from "../../../src/eval/open.ts";
import { tempFolder } from "../../train/support.ts";
import { sourceOf, writeShop } from "../shop.ts";

interface Expected extends Pick<Verdict, "parsed" | "exact" | "exec" | "hardness" | "partial"> {
  readonly gold: string;
  readonly pred: string;
}

const expected: readonly Expected[] = Deno.readTextFileSync(
  new URL("verdicts.jsonl", import.meta.url),
).trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("spider: verdicts of the official rules on queries about a shop", async () => {
  using folder = tempFolder();
  const questions = expected.map(({ gold }, index) => ({ question: `${index}?`, query: gold }));
  const data = await writeShop(folder.path, questions);
  using benchmark = await openBenchmark("spider", sourceOf({ data }));
  for (const [index, verdict] of expected.entries()) {
    const { parsed, exact, exec, hardness, partial } = await benchmark.score(index, verdict.pred);
    const { gold, pred } = verdict;
    assertEquals({ gold, pred, parsed, exact, exec, hardness, partial }, verdict);
  }
  for (const key of ["parsed", "exact", "exec"] as const) {
    assertEquals(new Set(expected.map((verdict) => verdict[key])).size, 2, `${key} never differs`);
  }
  assertEquals(new Set(expected.map(({ hardness }) => hardness)).size, 4);
});
