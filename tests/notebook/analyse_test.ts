import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { summarise } from "../../src/eval/summary.ts";
import type { ScoredPrediction } from "../../src/eval/scored.ts";
import { writeRun } from "../../src/eval/report/write.ts";
import { FormatError, ToolError } from "../../src/errors.ts";
import { compareEvals, lossCurves } from "../../src/notebook/analyse.ts";
import { arrowTable } from "../../src/notebook/arrow.ts";
import {
  differenceTable,
  flipsTable,
  predictionsTable,
  scoresTable,
} from "../../src/notebook/eval_tables.ts";
import {
  accuracyChart,
  componentsChart,
  errorsChart,
  latencyChart,
} from "../../src/notebook/eval_charts.ts";
import { type EvalRun, readEval, runEval } from "../../src/notebook/eval_task.ts";
import { bundleOf, type View } from "../../src/notebook/view.ts";
import { scoredAs } from "../eval/scored.ts";
import { drawChart, marksIn, wordsOf } from "./draw_chart.ts";
import { drawnIn } from "./notebook_file.ts";
import { tempFolder } from "../train/support.ts";

const VEGA = "application/vnd.vegalite.v5+json";
const textOf = (shown: View) => bundleOf(shown)["text/plain"];
const GROUPS = ["easy", "hard"];

/** Answers to four questions, two of them easy, of which those in `right` are right. */
function answers(right: readonly boolean[]): ScoredPrediction[] {
  return right.map((exec, i) =>
    scoredAs({
      id: `q-${i}`,
      question: `Question ${i}?`,
      gold: `SELECT ${i}`,
      pred: exec ? `SELECT ${i}` : "SELECT x",
      exec,
      exact: exec,
      hardness: GROUPS[Math.floor(i / 2)],
      error: exec ? null : "no such column: x",
      error_kind: exec ? null : "unknown_column",
      latency_ms: 100 * (i + 1),
    })
  );
}

async function written(name: string, folder: string, right: readonly boolean[]): Promise<EvalRun> {
  await Deno.mkdir(folder, { recursive: true });
  const predictions = answers(right);
  await writeRun(folder, {
    benchmark: "spider",
    predictor: name,
    created: "2026-01-01T00:00:00Z",
    labels: { exact: "Exact set match", exec: "Execution" },
    seed: 1,
    ...summarise(predictions, { seed: 1, groups: GROUPS, generation: null }),
    comparison: null,
    run: {},
  }, predictions);
  return await readEval(name, folder);
}

async function twoRuns(folder: { (name: string): string }): Promise<[EvalRun, EvalRun]> {
  return [
    await written("base", folder("base"), [true, false, false, true]),
    await written("fine-tuned", folder("tuned"), [true, true, true, false]),
  ];
}

Deno.test("two evaluations: scores, differences and the questions that flipped", async () => {
  using folder = tempFolder();
  const [base, tuned] = await twoRuns(folder);
  const scores = await scoresTable([base, tuned]);
  assertMatch(
    textOf(scores),
    /base +4 +50\.0 % \([^)]*\)[^\n]*\nfine-tuned +4 +75\.0 %/,
  );
  const exec = scores.table.toArray().filter(({ metric }) => metric === "exec");
  assertEquals(exec.map(({ run, group, questions, share }) => [run, group, questions, share]), [
    ["base", "all", 4, 0.5],
    ["base", "easy", 2, 0.5],
    ["base", "hard", 2, 0.5],
    ["fine-tuned", "all", 4, 0.75],
    ["fine-tuned", "easy", 2, 1],
    ["fine-tuned", "hard", 2, 0.5],
  ]);
  assert(exec.every(({ low, share, high }) => low <= share && share <= high));

  const comparison = compareEvals(base, tuned);
  const differences = await differenceTable(comparison, tuned);
  assertMatch(textOf(differences), /Execution +50\.0 % +75\.0 % +\+25\.0 /);
  const changed = differences.table.toArray().filter(({ metric }) => metric === "exec");
  assertEquals(changed.map(({ group, questions, difference }) => [group, questions, difference]), [
    ["all", 4, 0.25],
    ["easy", 2, 0.5],
    ["hard", 2, 0],
  ]);

  const flips = await flipsTable(comparison);
  assertMatch(textOf(flips), /^2 questions to right, 1 to wrong\n/);
  assertMatch(textOf(flips), /\+ +Question 1\? +SELECT 1 +SELECT x +SELECT 1\n/);
  assertMatch(textOf(flips), /− +Question 3\? +SELECT 3 +SELECT 3 +SELECT x$/);
  assertEquals(flips.table.toArray().map(({ change, id }) => `${change} ${id}`), [
    ...["gained q-1", "gained q-2", "lost q-3"],
  ]);
  const [first] = textOf(await flipsTable(comparison, 1)).split("Question 2?");
  assertMatch(first, /Question 1\?[\s\S]*Question 3\?/);
  assertEquals(textOf(await flipsTable(compareEvals(base, base))), "No question flipped.");
});

Deno.test("two evaluations: each chart has the numbers of the reports in all its forms", async () => {
  using folder = tempFolder();
  const runs = await twoRuns(folder);
  const accuracy = bundleOf(accuracyChart(runs));
  const { values } = (accuracy[VEGA] as { data: { values: Record<string, unknown>[] } }).data;
  assertEquals(values.map(({ group, run, value }) => [group, run, value]), [
    ["easy", "base", 0.5],
    ["hard", "base", 0.5],
    ["all", "base", 0.5],
    ["easy", "fine-tuned", 1],
    ["hard", "fine-tuned", 0.5],
    ["all", "fine-tuned", 0.75],
  ]);
  assertMatch(accuracy["text/plain"], /easy +50\.0 % +100\.0 %/);
  assertStringIncludes(accuracy["image/svg+xml"] as string, "easy, fine-tuned: 100.0 %");
  assertMatch(textOf(errorsChart(runs)), /unknown column +2 +1$/);
  assertMatch(textOf(latencyChart(runs)), /base: median 250 ms\n.*\nfine-tuned: median 250 ms/);
  assertStringIncludes(textOf(componentsChart(runs)), "does not score the parts");
  const parts = { all: { precision: 1, recall: 0.5, f1: 2 / 3 }, groups: {} };
  const withParts = runs.map((run) => {
    const components = { select: parts, where: parts };
    return { ...run, report: { ...run.report, components } as unknown as EvalRun["report"] };
  });
  const charts = [accuracyChart, errorsChart, latencyChart].map((chart) => chart(runs));
  for (const chart of [...charts, componentsChart(withParts)]) {
    assert(!/NaN|Infinity/.test(JSON.stringify(bundleOf(chart))));
    const drawn = await drawChart(chart);
    const bars = marksIn(drawn, "mark-rect");
    assertEquals(bars.length, drawnIn(bundleOf(chart)["image/svg+xml"] as string));
    assert(bars.length > 1);
    assertEquals(wordsOf(drawn, "role-legend-label"), ["base", "fine-tuned"]);
  }
});

Deno.test("predictions as an Arrow table keep their types, and what is missing", async () => {
  using folder = tempFolder();
  const runs = await twoRuns(folder);
  const table = await predictionsTable(runs);
  assertEquals([table.numRows, table.get(1)!.exec, table.get(5)!.exec], [8, false, true]);
  assertEquals([table.get(0)!.error_kind, table.get(1)!.error_kind], [null, "unknown_column"]);
  assertEquals(
    String(table.schema.fields.find(({ name }) => name === "latency_ms")!.type),
    "Float64",
  );
  assertMatch(textOf(arrowTable(table, 3)), /^3 of 8 rows\nrun +id /);
});

Deno.test("loss curves of several runs; a folder without metrics is named", async () => {
  using folder = tempFolder();
  for (const name of ["a", "b"]) {
    await Deno.mkdir(folder(name));
    const log_history = [{ step: 1, loss: 3 }, { step: 2, loss: name === "a" ? 1 : 2 }];
    await Deno.writeTextFile(folder(`${name}/metrics.json`), JSON.stringify({ log_history }));
  }
  const shown = textOf(await lossCurves({ first: folder("a"), second: folder("b") }));
  assertMatch(shown, /first: 3\.0000 → 1\.0000[^\n]*\nsecond: 3\.0000 → 2\.0000/);
  const missing = await assertRejects(() => lossCurves({ x: folder("none") }), FormatError);
  assertStringIncludes(missing.message, "there is no such file; give the folder of a finished run");
});

Deno.test("an evaluation that fails says what the task said", async () => {
  using folder = tempFolder();
  const failed = runEval({ benchmark: "spider", predictions: "p", output_dir: folder("run") });
  const { message } = await assertRejects(() => failed, ToolError);
  assertMatch(message, /^Cannot evaluate: Cannot score without gold queries: give --data FILE/);
});
