import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { demoSplits } from "../../src/data/demo.ts";
import { escapeHtml } from "../../src/eval/report/svg.ts";
import { lengthChart, recordsTable, recordText, tokenView } from "../../src/notebook/data_view.ts";
import { lineChart } from "../../src/notebook/line_chart.ts";
import { progressView } from "../../src/notebook/progress_view.ts";
import { tableView } from "../../src/notebook/table.ts";
import { bundleOf, type View } from "../../src/notebook/view.ts";
import { type TokenizedExample, tokenizeRecord } from "../../src/text/example.ts";
import { encodeAnswered } from "../../src/text/prompt.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { TOKENIZER } from "../train/tiny.ts";

const VEGA = "application/vnd.vegalite.v5+json";
const htmlOf = (shown: View) => bundleOf(shown)["text/html"] as string;
const textOf = (shown: View) => bundleOf(shown)["text/plain"];
const RECORDS = demoSplits({ seed: 1, train: 20, validation: 0, test: 0 }).train;

Deno.test("tables: HTML is escaped, numbers stand right, text is aligned and cut", () => {
  const shown = tableView({
    title: "T",
    columns: ["name", "count"],
    rows: [["<script>alert(1)</script>", 12], [{ text: "a < b\nc", as: "code" }, null]],
    note: "n & m",
  });
  const html = htmlOf(shown);
  assert(!html.includes("<script>"));
  assertStringIncludes(html, "&lt;script&gt;");
  assertMatch(html, /<td style="[^"]*text-align:right[^"]*">12<\/td>/);
  assertMatch(html, /<code [^>]*>a &lt; b\nc<\/code>/);
  assertEquals(
    textOf(shown),
    [
      "T",
      "name                       count",
      "<script>alert(1)</script>  12",
      "a < b c",
      "n & m",
    ].join("\n"),
  );
  const long = textOf(
    tableView({ columns: ["x"], rows: [[{ text: "y".repeat(99), as: "code" }]] }),
  );
  assertEquals(long, `x\n${"y".repeat(59)}…`);
});

Deno.test("line charts: three forms of the same points, without those that are no numbers", () => {
  const points = [[1, 4], [2, NaN], [3, 2], [4, 1]].map(([x, y]) => ({ x, y }));
  const bundle = bundleOf(lineChart({
    title: "Loss <b>",
    x: "step",
    y: "loss",
    maxX: 10,
    series: [{ name: "training", points }, { name: "validation", points: [{ x: 4, y: 3 }] }],
  }));
  assertEquals(Object.keys(bundle), ["text/plain", "image/svg+xml", VEGA]);
  const spec = bundle[VEGA] as {
    $schema: string;
    data: { values: unknown[] };
    encoding: { x: { scale: unknown } };
  };
  assertEquals(spec.$schema, "https://vega.github.io/schema/vega-lite/v5.json");
  assertEquals(spec.data.values.length, 4);
  assertEquals(spec.encoding.x.scale, { domain: [0, 10] });
  const svg = bundle["image/svg+xml"] as string;
  assertMatch(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 680 /);
  assertStringIncludes(svg, "Loss &lt;b&gt;");
  assertEquals(svg.match(/<polyline/g)?.length, 2);
  // The axis goes to 4, so 4 is at the top, 34, and 2 half-way down the 220 of the plot.
  assertMatch(svg, /points="107.8,34 231.4,144 293.2,199"/);
  assertMatch(bundle["text/plain"], /training: 4\.0000 → 1\.0000/);
});

Deno.test("a line chart without points yet is a chart", () => {
  const series = [{ name: "training", points: [] }];
  const bundle = bundleOf(lineChart({ title: "Loss", x: "step", y: "loss", series }));
  assertStringIncludes(bundle["text/plain"], "nothing yet");
  assert(!/NaN|Infinity/.test(JSON.stringify(bundle)));
});

Deno.test("progress: before the first step, and in the middle", () => {
  const step = {
    type: "step",
    step: 5,
    totalSteps: 20,
    loss: 1.25,
    learning_rate: 2e-4,
    grad_norm: 0.5,
    num_target_tokens: 10,
    tokens_per_second: 1500,
    epoch: 1,
    secondsLeft: 90,
    gpuBytes: 1024,
  } as const;
  const before = { step: null, lastEval: null, peakBytes: 0 };
  assertMatch(textOf(progressView({ ...before, doing: "x" })), /^starting ░+ x$/);
  const loading = progressView({ ...before, doing: "loading", share: 0.5, notes: ["a <b>", "c"] });
  assertEquals(textOf(loading), `starting ${"█".repeat(12)}${"░".repeat(12)} loading\na <b>\nc`);
  assertStringIncludes(htmlOf(loading), "a &lt;b&gt;</div>");
  const peakBytes = 3 * 2 ** 20;
  const shown = progressView({ step, lastEval: null, doing: "training", peakBytes });
  assertMatch(textOf(shown), /^step 5\/20 ██████░{18} training\nloss 1\.2500 .*left 1m 30s$/);
  assertMatch(textOf(shown), /GPU memory at the peak 3\.0 MiB/);
  assertStringIncludes(htmlOf(shown), "width:25.0%");
});

Deno.test("records and their lengths, against what a record may have", async () => {
  const tokenizer = await loadTokenizer(TOKENIZER);
  assertMatch(
    textOf(recordsTable(RECORDS, 3)),
    /^3 of 20 records\nid +input +output\ndemo-train-1 /,
  );
  const lengths = RECORDS.map((record) => encodeAnswered(record, tokenizer).ids.length);
  const limit = lengths.toSorted((a, b) => a - b)[14];
  const chart = bundleOf(lengthChart(RECORDS, tokenizer, { maxSeqLength: limit }));
  const over = lengths.filter((length) => length > limit).length;
  assertStringIncludes(chart["text/plain"], `longest ${Math.max(...lengths)}`);
  assertStringIncludes(chart["text/plain"], `${over} of 20 have more than max_seq_length ${limit}`);
});

Deno.test("of many records, 5,000 are counted, and the chart says so", async () => {
  const tokenizer = await loadTokenizer(TOKENIZER);
  const short = { id: "s", instruction: "a", input: "", output: "b" };
  const long = { ...short, output: "b c d e f g h i j k l m n o p q r s t u v w x y z ".repeat(3) };
  const records = Array.from({ length: 12_000 }, (_, i) => i < 6000 ? short : long);
  const chart = bundleOf(lengthChart(records, tokenizer, { maxSeqLength: 60 }));
  assertMatch(chart["text/plain"], /^Tokens of a record, 5000 of 12000 records\n/);
  assertMatch(chart["text/plain"], /2500 of 5000 have more than max_seq_length 60/);
  assertEquals(
    (chart[VEGA] as { title: { text: string } }).title.text.slice(-21),
    "5000 of 12000 records",
  );
  assert(JSON.stringify(chart[VEGA]).length < 5000, "the spec has one object for each record");
});

Deno.test("the token view has every token, and what is learned apart", async () => {
  const tokenizer = await loadTokenizer(TOKENIZER);
  const record = { ...RECORDS[0], output: "SELECT '日本' FROM a < b" };
  const { ids, answerStart } = encodeAnswered(record, tokenizer);
  const html = htmlOf(tokenView(record, tokenizer));
  assertEquals(html.match(/<span title=/g)?.length, ids.length);
  assertEquals(html.match(/, learned"/g)?.length, ids.length - answerStart);
  const plain = html.replace(/<[^>]*>/g, "");
  assertStringIncludes(plain, escapeHtml(`${record.output}</s>`));
  const all = htmlOf(tokenView(record, tokenizer, { completionOnly: false }));
  assertEquals(all.match(/, learned"/g)?.length, ids.length - 1);
});

Deno.test("records that are texts: table, lengths, text and tokens, all of them learned", async () => {
  const tokenizer = await loadTokenizer(TOKENIZER);
  const texts = ["SELECT 1", "a longer <text> about birds"].map((text, i) => ({
    id: `t${i}`,
    text,
  }));
  assertMatch(
    textOf(recordsTable(texts)),
    /^2 of 2 records\nid +text\nt0 +SELECT 1\nt1 +a longer <text> about birds$/,
  );
  const mixed = textOf(recordsTable([texts[0], RECORDS[0]]));
  assertMatch(mixed, /^2 of 2 records\nid +input +output\nt0 +SELECT 1\ndemo-train-1 /);
  const { ids } = tokenizeRecord(texts[1], tokenizer, { maxSeqLength: 512 }) as TokenizedExample;
  const chart = textOf(lengthChart(texts, tokenizer, { maxSeqLength: ids.length - 1 }));
  assertStringIncludes(chart, `longest ${ids.length}; 1 of 2 have more`);
  const html = htmlOf(tokenView(texts[1], tokenizer));
  assertEquals(html.match(/<span title=/g)?.length, ids.length);
  assertEquals(html.match(/, learned"/g)?.length, ids.length - 1);
  assertEquals(recordText(texts[1], tokenizer), texts[1].text);
  const whole = recordText(RECORDS[0], tokenizer, { style: "alpaca" });
  assertStringIncludes(whole, RECORDS[0].instruction);
  assert(whole.endsWith(RECORDS[0].output));
});
