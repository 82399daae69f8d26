/**
 * Draws a chart's spec as front ends do, with Vega-Lite and Vega, into an SVG.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { bundleOf, type View } from "../../src/notebook/view.ts";
import { ROOT } from "../cli/support.ts";
import { VEGA } from "./notebook_file.ts";
import type { Drawn } from "./vega/draw.ts";

const FOLDER = join(ROOT, "tests/notebook/vega");

/** The SVG; fails where Vega-Lite or Vega finds anything to warn of. */
export async function drawChart(shown: View): Promise<string> {
  const spec = bundleOf(shown)[VEGA];
  assert(spec !== undefined, "this view is no chart");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(FOLDER, "deno.json"), join(FOLDER, "draw.ts")],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([JSON.stringify(spec)]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(success, decode(stderr));
  const { svg, told }: Drawn = JSON.parse(decode(stdout));
  assertEquals(told, [], "Vega finds fault with the chart");
  return svg;
}

/** The paths of a mark that Vega drew: `mark-rect` are bars, `mark-line` lines. */
export function marksIn(svg: string, type: "mark-rect" | "mark-line"): string[] {
  const groups = [...svg.matchAll(new RegExp(`<g class="${type} role-mark[^>]*>(.*?)</g>`, "gs"))];
  return groups.flatMap(([, inner]) => inner.match(/<path [^>]*>/g) ?? []);
}

/** The titles of axes, and the names in legends. */
export function wordsOf(svg: string, role: "role-axis-title" | "role-legend-label"): string[] {
  const groups = [...svg.matchAll(new RegExp(`<g class="[^"]*${role}[^>]*>(.*?)</g>`, "gs"))];
  return groups.flatMap(([, inner]) => [...inner.matchAll(/>([^<>]+)<\/text>/g)].map(([, t]) => t));
}
