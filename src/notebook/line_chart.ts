/**
 * Line charts, such as losses by step.
 * @module
 */
import { sparkline } from "../cli/format.ts";
import {
  axis,
  escapeHtml,
  frame,
  LEFT,
  niceStep,
  px,
  tickBelow,
  tickBeside,
  TOP,
  WIDTH,
} from "../eval/report/svg.ts";
import { chartView, seriesColour, seriesDash } from "./chart.ts";
import type { View } from "./view.ts";

/** A line, or single points, of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A line chart. */
export interface LineChart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** The end of the x axis; by default the last point. */
  readonly maxX?: number;
}

/** A view of lines; points that are no finite numbers are left out. */
export function lineChart(options: LineChart): View {
  const { title, x, y } = options;
  const series = options.series.map(({ name, points }) => ({
    name,
    points: points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const maxX = options.maxX ??
    series.reduce((most, { points }) => points.reduce((max, p) => Math.max(max, p.x), most), 1);
  const drawn = series.map(({ name, points }) => ({ name, points: thinned(points) }));
  const names = series.map(({ name }) => name);
  const values = drawn.flatMap(({ name, points }) => points.map(({ x, y }) => ({ x, y, name })));
  const strokeDash = seriesDash("name", names);
  return chartView({
    title,
    spec: {
      data: { values },
      mark: { type: "line", point: values.length < 60, tooltip: true },
      encoding: {
        x: { field: "x", type: "quantitative", title: x, scale: { domain: [0, maxX] } },
        y: { field: "y", type: "quantitative", title: y, scale: { zero: true } },
        color: seriesColour("name", names),
        ...(strokeDash ? { strokeDash } : {}),
      },
    },
    svg: lineSvg({ title, x, y, series: drawn, maxX }),
    text: series.map(describe).join("\n"),
  });
}

/** Points of a series that are drawn; the chart is not much wider in pixels. */
const MOST_POINTS = 500;

/** At most {@linkcode MOST_POINTS} of the points: of each stretch its lowest and highest, and both ends. */
function thinned(points: Series["points"]): Series["points"] {
  if (points.length <= MOST_POINTS) return points;
  const stretches = MOST_POINTS / 2 - 1;
  const last = points.length - 1;
  const kept = new Set([0, last]);
  for (let i = 0; i < stretches; i++) {
    const begin = 1 + Math.floor(i * (last - 1) / stretches);
    const end = 1 + Math.floor((i + 1) * (last - 1) / stretches);
    let [low, high] = [begin, begin];
    for (let at = begin; at < end; at++) {
      if (points[at].y < points[low].y) low = at;
      if (points[at].y > points[high].y) high = at;
    }
    kept.add(low).add(high);
  }
  return points.filter((_, at) => kept.has(at));
}

function describe({ name, points }: Series): string {
  if (points.length === 0) return `${name}: nothing yet`;
  const values = points.map(({ y }) => y);
  return `${name}: ${values[0].toFixed(4)} → ${values.at(-1)!.toFixed(4)}  ${
    sparkline(values, 40)
  }`;
}

const HEIGHT = 220;

function lineSvg({ title, x: label, y: side, series, maxX }: Required<LineChart>): string {
  const most = Math.max(0, ...series.flatMap(({ points }) => points.map(({ y }) => y))) || 1;
  const step = niceStep(most / 5);
  const maxY = step * Math.ceil(most / step);
  const right = WIDTH - 16;
  const bottom = TOP + HEIGHT;
  const x = (value: number) => LEFT + (right - LEFT) * value / maxX;
  const y = (value: number) => bottom - HEIGHT * value / maxY;
  const number = (value: number) => String(Number(value.toPrecision(3)));
  const rows = axis(maxY, number, (value, text) => {
    const at = px(y(value));
    return `<line class="grid" x1="${LEFT}" x2="${right}" y1="${at}" y2="${at}"/>` +
      tickBeside(y(value), text);
  });
  const columns = axis(maxX, number, (value, text) => tickBelow(x(value), bottom + 16, text));
  const lines = series.map(({ points }, i) => {
    const path = points.map((p) => `${px(x(p.x))},${px(y(p.y))}`);
    const dots = points.length < 60
      ? path.map((p) => `<circle class="s${i}" r="2.5" cx="${p.replace(",", '" cy="')}"/>`)
      : [];
    return `<polyline class="line s${i}" points="${path.join(" ")}"/>${dots.join("")}`;
  });
  const below = tickBelow((LEFT + right) / 2, bottom + 32, escapeHtml(label));
  const beside = `<text class="tick" transform="rotate(-90)" x="${px(-TOP - HEIGHT / 2)}" y="12" ` +
    `text-anchor="middle">${escapeHtml(side)}</text>`;
  const names = series.length > 1 ? series.map(({ name }) => name) : [];
  return frame(title, bottom + 40, [...rows, ...columns, below, beside, ...lines], names);
}
