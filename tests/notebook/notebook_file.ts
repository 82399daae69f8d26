/**
 * Reading notebook files in tests: their cells, and what these show.
 * @module
 */
import { assert } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../cli/support.ts";

/** The MIME type of charts. */
export const VEGA = "application/vnd.vegalite.v5+json";

/** The notebooks that are committed without outputs. */
export const NAMES = [
  "01_finetune_text2sql",
  "02_validate_setup",
  "03_analyse_results",
] as const;

/** A notebook cell as it stands in the file. */
export interface NotebookCell {
  readonly cell_type: "code" | "markdown";
  readonly source: string | readonly string[];
  readonly outputs?: readonly NotebookOutput[];
}

/** An output of a cell. */
export interface NotebookOutput {
  readonly output_type: "stream" | "display_data" | "execute_result" | "error";
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly ename?: string;
  readonly evalue?: string;
}

/** A notebook file. */
export interface NotebookFile {
  readonly cells: readonly NotebookCell[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What one output shows, by MIME type. */
export type Bundle = Readonly<Record<string, unknown>>;

/** Reads the notebook at `path`. */
export async function readNotebook(path: string): Promise<NotebookFile> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** The file of a notebook of the project. */
export function notebookPath(name: string): string {
  return join(ROOT, "notebooks", `${name}.ipynb`);
}

/** A text of a notebook, which may stand there line by line. */
export function textOf(text: unknown): string {
  if (text === undefined) return "";
  return typeof text === "string" ? text : (text as readonly string[]).join("");
}

/** The cells that run. */
export function codeOf({ cells }: NotebookFile): NotebookCell[] {
  return cells.filter(({ cell_type }) => cell_type === "code");
}

/** The nth code cell that has `text`. */
export function cellWith(file: NotebookFile, text: string, nth = 0): NotebookCell {
  const found = codeOf(file).filter(({ source }) => textOf(source).includes(text))[nth];
  assert(found !== undefined, `no cell has ${text}`);
  return found;
}

/** The bundles that a cell shows; no cell may show an error, or stay blank in what it shows. */
export function shownBy(cell: NotebookCell): Bundle[] {
  return (cell.outputs ?? []).map((output) => {
    const about = textOf(cell.source).slice(-80);
    assert(output.output_type !== "error", `${about}: ${output.ename}: ${output.evalue}`);
    assert(output.output_type !== "stream", `${about} printed ${textOf(output.text)}`);
    assert(plain(output.data!).trim() !== "", `${about} shows nothing as text`);
    return output.data!;
  });
}

/** The text form of what is shown. */
export function plain(bundle: Bundle): string {
  return textOf(bundle["text/plain"]);
}

/** Every cell that calls show() did show something. */
export function assertAllShown(file: NotebookFile): void {
  for (const cell of codeOf(file)) {
    const count = shownBy(cell).length;
    const wanted = textOf(cell.source).split(/await show\(/).length - 1;
    assert(count >= wanted, `${textOf(cell.source)} shows ${count}, not ${wanted}`);
  }
}

/** A chart in both its forms; fails where what a cell shows is none, or one of them draws nothing. */
export function chartOf(bundle: Bundle): { readonly spec: ChartSpec; readonly svg: string } {
  assert(VEGA in bundle && "image/svg+xml" in bundle, `no chart: ${plain(bundle)}`);
  const spec = bundle[VEGA] as ChartSpec;
  const svg = textOf(bundle["image/svg+xml"]);
  const layers = spec.layer ?? [];
  const data = [spec.data, ...layers.map(({ data }) => data)].filter((data) => data !== undefined);
  assert(data.length > 0, `${plain(bundle)}: the chart has no data`);
  for (const { values } of data) assert(values.length > 0, `${plain(bundle)}: the chart is empty`);
  assert(drawnIn(svg) > 0, `${plain(bundle)}: the SVG is empty`);
  return { spec, svg };
}

/** As much of a Vega-Lite spec as tests look at. */
export interface ChartSpec {
  readonly data?: { readonly values: readonly Readonly<Record<string, unknown>>[] };
  readonly layer?: readonly Pick<ChartSpec, "data">[];
}

/** Bars and points of lines in an SVG, the swatches of its legend and its background left out. */
export function drawnIn(svg: string): number {
  const bars = svg.match(/<rect class="s\d+" (?![^>]*width="11" height="11")/g)?.length ?? 0;
  return bars + linesIn(svg).reduce((sum, points) => sum + points, 0);
}

/** How many points each line of an SVG has. */
export function linesIn(svg: string): number[] {
  return [...svg.matchAll(/<polyline [^>]*points="([^"]*)"/g)].map(([, points]) =>
    points.split(" ").filter((point) => point !== "").length
  );
}
