import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { compareRuns } from "../../../src/eval/compare.ts";
import { reportHtml } from "../../../src/eval/report/html.ts";
import { reportMarkdown } from "../../../src/eval/report/markdown.ts";
import { differenceInterval, duration, percent, points } from "../../../src/eval/report/report.ts";
import type { Report } from "../../../src/eval/report/report.ts";
import { writeRun } from "../../../src/eval/report/write.ts";
import { readScored, type ScoredPrediction } from "../../../src/eval/scored.ts";
import { HARDNESS } from "../../../src/eval/spider/hardness.ts";
import { summarise } from "../../../src/eval/summary.ts";
import { tempFolder } from "../../train/support.ts";
import { scoredAs } from "../scored.ts";

const NASTY = `<script>alert("1")</script> | \`x\` & 'y'`;

const predictions: readonly ScoredPrediction[] = Array.from({ length: 40 }, (_, i) =>
  scoredAs({
    id: `spider-${i + 1}`,
    question: i === 3 ? NASTY : `Question ${i}?`,
    gold: NASTY,
    pred: i === 5 ? "SELECT 1\nFROM t" : NASTY,
    exact: i % 4 === 0,
    exec: i % 2 === 0,
    hardness: HARDNESS[i % 4],
    latency_ms: 100 + i * i,
    tokens: 12,
    error: i % 2 === 0 ? null : NASTY,
    error_kind: i % 2 === 0 ? null : i % 3 === 0 ? "unknown_column" : "wrong_result",
    has_rows: i < 30,
  }));
const before = predictions.map((prediction, i) => ({ ...prediction, exec: i % 5 === 0 }));

function reportOf(scored = predictions, baseline: typeof before | null = before): Report {
  const options = { seed: 42, groups: HARDNESS, generation: null };
  return {
    benchmark: "spider",
    predictor: NASTY,
    created: "2026-11-20T10:00:00.000Z",
    labels: { exact: "Exact set match", exec: "Execution" },
    seed: 42,
    ...summarise(scored, options),
    comparison: baseline && compareRuns(baseline, scored, { ...options, name: "outputs/base" }),
    run: { options: { data: NASTY } },
  };
}

/** Fails unless every tag is closed in its order. */
function checkTags(html: string): void {
  const open: string[] = [];
  for (const [, close, name, rest] of html.matchAll(/<(\/?)([a-z][\w-]*)([^>]*)>/g)) {
    if (["meta", "br", "line", "rect", "path"].includes(name)) continue;
    if (close) assertEquals(open.pop(), name);
    else if (!rest.endsWith("/")) open.push(name);
  }
  assertEquals(open, []);
}

Deno.test("the page shows the start of an answer without end", () => {
  const endless = predictions.map((prediction) => ({ ...prediction, pred: "a ".repeat(50_000) }));
  const html = reportHtml(reportOf(endless, null), endless);
  assert(html.length < 500_000, `${html.length}`);
  assertStringIncludes(html, "… (100000 characters)");
});

Deno.test("the page needs nothing from outside, and shows what was said as text", () => {
  const html = reportHtml(reportOf(), predictions);
  assert(!/<script|src=|href=|@import|url\(|https?:/i.test(html));
  assertStringIncludes(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
  assert(!/NaN|undefined|Infinity/.test(html));
  checkTags(html);
  for (
    const title of [
      "Scores",
      "Without databases that have no rows",
      "Compared with the baseline",
      "By group",
      "Latency",
      "Why answers are wrong",
      "Wrong answers: 20",
    ]
  ) assertStringIncludes(html, `>${title}<`);
  assertEquals(html.match(/<svg/g)!.length, 4);
});

Deno.test("a chart's bars are as long as their values", () => {
  const html = reportHtml(reportOf(), predictions);
  const svg = /<svg[^>]*aria-label="Accuracy by group"[\s\S]*?<\/svg>/.exec(html)![0];
  const heights = [
    ...svg.matchAll(/<rect class="s\d"[^>]*height="([\d.]+)" rx="2"\/?>(?:<\/rect>)?<path/g),
  ]
    .map(([, height]) => Number(height));
  // easy: all right by both metrics; medium: none; the last two are all questions.
  assertEquals(heights.length, 10);
  assertEquals([heights[0], heights[2], heights[8], heights[9]], [200, 0, 50, 100]);
});

Deno.test("Markdown has the same numbers, and no text of a question breaks a table", () => {
  const text = reportMarkdown(reportOf());
  assertMatch(text, /\| Execution \| 50\.0 % \| [\d.]+–[\d.]+ % \| 20 of 40 \|/);
  assertMatch(text, /30 questions are left/);
  assertMatch(text, /\| Execution \| 20\.0 % \| 50\.0 % \| \+30\.0 \| /);
  assertMatch(text, /### Execution: right now, wrong before: 16/);
  assertMatch(text, /### Execution: wrong now, right before: 4/);
  assertMatch(text, /Latency: \d+ ms median/);
  for (const line of text.split("\n").filter((line) => line.startsWith("|"))) {
    assert(line.endsWith("|"), line);
  }
});

Deno.test("a run without comparison, latencies or hardness has fewer parts", () => {
  const bare = predictions.map((prediction) => ({
    ...prediction,
    hardness: null,
    latency_ms: null,
    exec: true,
    error_kind: null,
    has_rows: true,
  }));
  const html = reportHtml(reportOf(bare, null), bare);
  checkTags(html);
  for (const title of ["Compared", "Latency", "By group", "Why answers", "Wrong answers"]) {
    assert(!html.includes(`>${title}`), title);
  }
  assert(!/##/.test(reportMarkdown(reportOf(bare, null))));
});

Deno.test("all files of a run, and its predictions read back", async () => {
  using folder = tempFolder();
  const report = reportOf();
  await writeRun(folder.path, report, predictions);
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort(), [
    "predictions.jsonl",
    "report.html",
    "report.json",
    "report.md",
  ]);
  assertEquals(await readScored(folder("predictions.jsonl")), predictions);
  assertEquals(JSON.parse(await Deno.readTextFile(join(folder.path, "report.json"))), report);
});

Deno.test("numbers as people read them", () => {
  assertEquals([percent(0.86460), percent(1)], ["86.5 %", "100.0 %"]);
  assertEquals([points(0.034), points(-0.005), points(0)], ["+3.4", "−0.5", "0.0"]);
  assertEquals(differenceInterval({ low: -0.01, high: 0.02 }), "−1.0 to +2.0");
  assertEquals([0, 4.25, 240, 1250].map(duration), ["0 ms", "4.3 ms", "240 ms", "1.25 s"]);
});
