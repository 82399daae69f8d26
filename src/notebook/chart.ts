/**
 * Charts as Vega-Lite with an SVG and a line of text in the same bundle. JupyterLab and VS Code draw
 * the first by themselves (version 5 of the schema; they know no later one), other viewers the second.
 * @module
 */
import { escapeHtml } from "../eval/report/svg.ts";
import { type View, view } from "./view.ts";

const VEGA_LITE = "application/vnd.vegalite.v5+json";

/** Colours of series, as in `report.html`. */
export const COLOURS: readonly string[] = ["#2f6fb5", "#e08a2c", "#4f9d69", "#9a62b5"];

const INK = "#1c2430", SOFT = "#5b6676", GRID = "#dfe4ea";

/** White paper and its ink, or a dark theme would write white on white. */
const CONFIG = {
  background: "white",
  title: { color: INK },
  axis: { labelColor: SOFT, titleColor: INK, gridColor: GRID, domainColor: SOFT, tickColor: SOFT },
  legend: { labelColor: INK, titleColor: INK },
  text: { color: INK },
  view: { stroke: null },
  mark: { color: COLOURS[0] },
  range: { category: COLOURS },
} as const;

/** What a chart is made of. */
export interface ChartOptions {
  readonly title: string;
  /** A Vega-Lite spec without schema, title and size. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** An inline SVG as `eval/report/svg.ts` draws it. */
  readonly svg: string;
  /** Its content in words. */
  readonly text: string;
}

/** A view of a chart. */
export function chartView({ title, spec, svg, text }: ChartOptions): View {
  return view({
    "text/plain": `${title}\n${text}`,
    "image/svg+xml": standaloneSvg(svg, title),
    [VEGA_LITE]: {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      title: { text: title, anchor: "start" },
      width: 560,
      height: 220,
      padding: 8,
      config: CONFIG,
      ...spec,
    },
  });
}

const STYLE = `text{fill:${INK};font:12px system-ui,sans-serif}` +
  `.tick,.value,.legend{fill:${SOFT};font-size:11px}.title{font-weight:600;font-size:13px}` +
  `.grid{stroke:${GRID}}.mark{stroke:${SOFT};stroke-dasharray:4 3}` +
  `.whisker{stroke:${INK};fill:none;opacity:.65}.line{fill:none;stroke-width:2}` +
  COLOURS.map((colour, i) => `.s${i}{fill:${colour}}.line.s${i}{fill:none;stroke:${colour}}`)
    .join("");

const TITLE_HEIGHT = 24;

/** A chart that brings its title, size, colours and background along, for it stands alone. */
function standaloneSvg(svg: string, title: string): string {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!;
  const total = Number(height) + TITLE_HEIGHT;
  const inner = svg.slice(svg.indexOf(">") + 1, -"</svg>".length);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" ` +
    `width="${width}" height="${total}" style="max-width:100%;height:auto" role="img" ` +
    `aria-label="${escapeHtml(title)}"><style>${STYLE}</style>` +
    `<rect width="100%" height="100%" fill="white"/>` +
    `<text class="title" x="8" y="17">${escapeHtml(title)}</text>` +
    `<g transform="translate(0 ${TITLE_HEIGHT})">${inner}</g></svg>`;
}
