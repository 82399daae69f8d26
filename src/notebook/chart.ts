/**
 * Charts as Vega-Lite with an SVG and a line of text in the same bundle. JupyterLab and VS Code draw
 * the first by themselves (version 5 of the schema; they know no later one), other viewers the second.
 * @module
 */
import { escapeHtml } from "../eval/report/svg.ts";
import { type View, view } from "./view.ts";

const VEGA_LITE = "application/vnd.vegalite.v5+json";

/** Colours of series, the first as in `report.html`. Further series take them again, see `STYLE`. */
const COLOURS: readonly string[] = [
  ...["#2f6fb5", "#e08a2c", "#4f9d69", "#9a62b5"],
  ...["#c8473d", "#38a3a5", "#8c6d46", "#d56fa7"],
];
/** Lines whose colour was taken before; one for each time. */
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3]];

const dashOf = (series: number) => DASHES[Math.floor(series / COLOURS.length) % DASHES.length];

const WIDTH = 560;

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

/** Of names, the most that Vega draws by itself, and pixels that a name and its swatch take. */
const LEGEND = { most: 160, character: 7, swatch: 34 } as const;

function legendOf(names: readonly string[]): object | null {
  if (names.length < 2) return null;
  const longest = Math.max(...names.map(({ length }) => length * LEGEND.character));
  const width = LEGEND.swatch + Math.min(LEGEND.most, longest);
  return {
    orient: "top",
    columns: Math.max(1, Math.floor(WIDTH / width)),
    labelLimit: LEGEND.most,
  };
}

/** The colours of series in a spec, with a legend that wraps, and none for a single series. */
export function seriesColour(field: string, names: readonly string[]): object {
  return { field, type: "nominal", title: null, scale: { domain: names }, legend: legendOf(names) };
}

/** Dashes for lines whose colour is taken; null where the colours are enough. */
export function seriesDash(field: string, names: readonly string[]): object | null {
  if (names.length <= COLOURS.length) return null;
  const scale = { domain: names, range: names.map((_, i) => dashOf(i)) };
  return { ...seriesColour(field, names), scale };
}

/** A view of a chart. */
export function chartView({ title, spec, svg, text }: ChartOptions): View {
  return view({
    "text/plain": `${title}\n${text}`,
    "image/svg+xml": standaloneSvg(svg, title),
    [VEGA_LITE]: {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      title: { text: title, anchor: "start" },
      width: WIDTH,
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
  `.whisker{stroke:${INK};fill:none;opacity:.65}`;

/** How a series looks; of those that share a colour, the later ones are dashed or pale. */
function seriesStyle(_: unknown, series: number): string {
  const colour = COLOURS[series % COLOURS.length];
  const dash = dashOf(series).join(" ");
  const [pale, dashed] = dash === ""
    ? ["", ""]
    : [`;fill-opacity:.35;stroke:${colour}`, `;stroke-dasharray:${dash}`];
  return `.s${series}{fill:${colour}${pale}}` +
    `.line.s${series}{fill:none;stroke:${colour};stroke-width:2${dashed}}`;
}

const TITLE_HEIGHT = 24;

/** A chart that brings its title, size, colours and background along, for it stands alone. */
function standaloneSvg(svg: string, title: string): string {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!;
  const total = Number(height) + TITLE_HEIGHT;
  const series = [...svg.matchAll(/class="(?:line )?s(\d+)"/g)].map(([, number]) => Number(number));
  const style = STYLE + Array.from({ length: Math.max(-1, ...series) + 1 }, seriesStyle).join("");
  const inner = svg.slice(svg.indexOf(">") + 1, -"</svg>".length);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" ` +
    `width="${width}" height="${total}" style="max-width:100%;height:auto" role="img" ` +
    `aria-label="${escapeHtml(title)}"><style>${style}</style>` +
    `<rect width="100%" height="100%" fill="white"/>` +
    `<text class="title" x="8" y="17">${escapeHtml(title)}</text>` +
    `<g transform="translate(0 ${TITLE_HEIGHT})">${inner}</g></svg>`;
}
