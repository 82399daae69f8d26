/**
 * Draws a chart's spec as front ends do, with Vega-Lite and Vega, into an SVG.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parse, View as VegaView } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { bundleOf, type View } from "../../src/notebook/view.ts";
import { VEGA } from "./notebook_file.ts";

/** The SVG; fails where Vega-Lite finds anything to warn of. */
export async function drawChart(shown: View): Promise<string> {
  const spec = bundleOf(shown)[VEGA] as TopLevelSpec | undefined;
  assert(spec !== undefined, "this view is no chart");
  const told: string[] = [];
  const note = (...words: readonly unknown[]) => {
    told.push(words.join(" "));
    return logger;
  };
  const logger = { level: () => 0, error: note, warn: note, info: note, debug: () => logger };
  const { spec: compiled } = compile(spec, { logger: logger as never });
  assertEquals(told, [], "Vega-Lite finds fault with the chart");
  const view = new VegaView(parse(compiled), { renderer: "none", logger: logger as never });
  try {
    const svg = await view.toSVG();
    assertEquals(told, [], "Vega finds fault with the chart");
    return svg;
  } finally {
    view.finalize();
  }
}

/** What Vega drew of the marks of a role: `mark-rect` are bars, `mark-line` lines, `mark-rule` rules. */
export function marksIn(svg: string, type: string): string[] {
  const groups = [...svg.matchAll(new RegExp(`<g class="${type} role-mark[^>]*>(.*?)</g>`, "gs"))];
  return groups.flatMap(([, inner]) => inner.match(/<path [^>]*>/g) ?? []);
}

/** The titles of axes, and the names in legends. */
export function wordsOf(svg: string, role: "role-axis-title" | "role-legend-label"): string[] {
  const groups = [...svg.matchAll(new RegExp(`<g class="[^"]*${role}[^>]*>(.*?)</g>`, "gs"))];
  return groups.flatMap(([, inner]) => [...inner.matchAll(/>([^<>]+)<\/text>/g)].map(([, t]) => t));
}
