import { assert, assertMatch, assertStringIncludes } from "@std/assert";
import { smokeSummary } from "../../src/cli/smoke.ts";
import { scoredAs } from "../eval/scored.ts";

const answer = (index: number, pred: string, exec: boolean) =>
  scoredAs({ question: `Question ${index}?`, gold: `SELECT ${index}`, pred, exec });

Deno.test("the smoke summary tells both accuracies and shows answers side by side", () => {
  const before = [0, 1, 2, 3, 4].map((i) => answer(i, i === 0 ? "" : "a\n b ".repeat(60), false));
  const after = [0, 1, 2, 3, 4].map((i) => answer(i, `SELECT ${i}`, i !== 1));
  const text = smokeSummary(
    { name: "base", predictions: before },
    { name: "tuned", predictions: after },
    "runs/smoke",
  );
  assertStringIncludes(text, "0.0 % before, 80.0 % after");
  assertMatch(
    text,
    /Question 0\?\n {2}gold +SELECT 0\n {2}before +\(nothing\)\n {2}after +SELECT 0 +right/,
  );
  assertMatch(text, /after +SELECT 1 +wrong/);
  assert(text.split("\n").every((line) => line.length <= 120), "long answers are cut");
  assert(!text.includes("Question 4?"), "only some are shown");
});
