/**
 * Charts in both their forms: as Vega draws their specs, and as the SVG beside it.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { lineChart, type Series } from "../../src/notebook/line_chart.ts";
import { histogramChart } from "../../src/notebook/histogram_chart.ts";
import { bundleOf, type View } from "../../src/notebook/view.ts";
import { drawChart, marksIn, wordsOf } from "./draw_chart.ts";
import { type ChartSpec, drawnIn, linesIn, VEGA } from "./notebook_file.ts";

const svgOf = (shown: View) => bundleOf(shown)["image/svg+xml"] as string;
const specOf = (shown: View) => bundleOf(shown)[VEGA] as ChartSpec;

const falling = (name: string, count: number): Series => ({
  name,
  points: Array.from({ length: count }, (_, i) => ({ x: i + 1, y: 4 / (i + 1) })),
});
const losses = (series: readonly Series[]) =>
  lineChart({ title: "Loss", x: "step", y: "loss", series });
const named = (count: number) =>
  Array.from({ length: count }, (_, i) => falling(`a run with rank ${i + 1}`, 3));

/** Where the SVG has the names of its series: x and y of each, and the text. */
function legendOf(svg: string) {
  const texts = svg.matchAll(/<text class="legend" x="(\d+)" y="(\d+)">([^<]+)</g);
  return [...texts].map(([, x, y, name]) => ({ x: Number(x), y: Number(y), name }));
}

Deno.test("lines: as many as there are series, with all points, in both forms", async () => {
  const chart = losses([falling("training", 20), falling("validation", 2)]);
  assertEquals(linesIn(svgOf(chart)), [20, 2]);
  const drawn = await drawChart(chart);
  const lines = marksIn(drawn, "mark-line").map((path) => path.match(/[ML]/g)?.length);
  assertEquals(lines, [20, 2]);
  assertEquals(wordsOf(drawn, "role-axis-title"), ["step", "loss"]);
  assertEquals(wordsOf(drawn, "role-legend-label"), ["training", "validation"]);
});

Deno.test("six runs: a colour of its own for each, and a legend within the chart", async () => {
  const chart = losses(named(6));
  const svg = svgOf(chart);
  assertEquals(linesIn(svg).length, 6);
  const colours = named(6).map((_, i) => new RegExp(`\\.line\\.s${i}{fill:none;stroke:(#\\w+)`));
  assertEquals(new Set(colours.map((colour) => colour.exec(svg)![1])).size, 6);
  const legend = legendOf(svg);
  assertEquals(legend.map(({ name }) => name), named(6).map(({ name }) => name));
  assert(legend.every(({ x, name }) => x + 7 * name.length <= 680), JSON.stringify(legend));
  const rows = new Set(legend.map(({ y }) => y));
  assertEquals(rows.size, 2);
  // The chart moves down by what the second line of names takes.
  assertMatch(svg, /<g transform="translate\(0 18\)">/);
  const one = svgOf(losses(named(2)));
  const heightOf = (text: string) => Number(/ height="(\d+)" style/.exec(text)![1]);
  assertEquals(heightOf(svg) - heightOf(one), 18);

  const drawn = await drawChart(chart);
  const strokes = marksIn(drawn, "mark-line").map((path) => /stroke="([^"]+)"/.exec(path)![1]);
  assertEquals(new Set(strokes).size, 6);
  const [, width] = /<svg [^>]*width="(\d+)"/.exec(drawn)!;
  assert(Number(width) < 680, `Vega draws ${width} pixels`);
});

Deno.test("more runs than colours: the later lines are dashed", async () => {
  const chart = losses(named(10));
  const svg = svgOf(chart);
  const style = (series: number) => new RegExp(`\\.line\\.s${series}{([^}]*)}`).exec(svg)![1];
  assertEquals(/stroke:(#\w+)/.exec(style(8))![1], /stroke:(#\w+)/.exec(style(0))![1]);
  assertMatch(style(8), /stroke-dasharray:7 3/);
  assert(!style(7).includes("dasharray"), style(7));
  const dashes = marksIn(await drawChart(chart), "mark-line")
    .map((path) => /stroke-dasharray="([^"]+)"/.exec(path)?.[1] ?? "");
  assertEquals(dashes.map((dash) => dash !== ""), named(10).map((_, i) => i >= 8));
});

Deno.test("long curves are thinned, with their ends, peaks and pits", async () => {
  const points = Array.from({ length: 20_000 }, (_, i) => ({ x: i, y: 2 + Math.sin(i) / 10 }));
  points[12_345] = { x: 12_345, y: 9 };
  points[6_789] = { x: 6_789, y: 0 };
  const chart = losses([{ name: "training", points }, falling("validation", 4)]);
  const values = specOf(chart).data!.values;
  const kept = values.filter(({ name }) => name === "training");
  assert(kept.length <= 500 && kept.length > 300, `${kept.length} points`);
  assertEquals(linesIn(svgOf(chart)), [kept.length, 4]);
  const xs = kept.map(({ x }) => Number(x));
  assertEquals([xs[0], xs.at(-1)], [0, 19_999]);
  assert(xs.includes(12_345) && xs.includes(6_789));
  assertEquals(xs, xs.toSorted((a, b) => a - b));
  assertMatch(bundleOf(chart)["text/plain"], /training: 2\.0000 → /);
  await drawChart(chart);
});

Deno.test("histograms: thirty bins at most, whatever the number of values, counted alike in both forms", async () => {
  const values = Array.from({ length: 10_000 }, (_, i) => i % 97);
  const options = { title: "T", x: "tokens", y: "records", tick: String, text: "words" };
  const marks = [{ value: 48, label: "median 48" }];
  const chart = histogramChart({ ...options, samples: [{ name: "all", values }], marks });
  const [bars, rules] = specOf(chart).layer!.map(({ data }) => data!.values);
  assert(bars.length <= 30 && bars.length > 25, `${bars.length} bars`);
  assertEquals(bars.reduce((sum, { count }) => sum + Number(count), 0), values.length);
  assertEquals(rules.length, 1);
  assertEquals(drawnIn(svgOf(chart)), bars.length);
  const drawn = await drawChart(chart);
  assertEquals(marksIn(drawn, "mark-rect").length, bars.length);
  assertEquals(marksIn(drawn, "mark-rect").filter((path) => /h0v|v0h/.test(path)), []);
  assertEquals(wordsOf(drawn, "role-axis-title"), ["tokens", "records"]);
});

Deno.test("histograms of two samples: bars side by side in a bin, each under its name", async () => {
  const samples = [{ name: "base", values: [1, 1, 9] }, { name: "tuned", values: [1, 9, 9, 9] }];
  const options = { title: "T", x: "ms", y: "answers", tick: String, marks: [], text: "words" };
  const chart = histogramChart({ ...options, samples });
  const values = specOf(chart).layer![0].data!.values;
  assertEquals(values.map(({ name, count }) => [name, count]), [
    ["base", 2],
    ["base", 1],
    ["tuned", 1],
    ["tuned", 3],
  ]);
  assertEquals(values[0].bin, values[2].bin);
  assertEquals(values[0].to, values[2].from);
  assertEquals(legendOf(svgOf(chart)).map(({ name }) => name), ["base", "tuned"]);
  assertMatch(svgOf(chart), /<title>tuned, [^<]*: 3<\/title>/);
  const drawn = await drawChart(chart);
  assertEquals(marksIn(drawn, "mark-rect").length, 4);
  assertEquals(wordsOf(drawn, "role-legend-label"), ["base", "tuned"]);
});
