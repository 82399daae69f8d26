/**
 * Small charts as SVG text that stands inside a page and takes its colours from the page's classes:
 * no script, no file, and readable as text where styles are missing.
 * @module
 */

/** Text as it may stand in HTML and SVG. */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character]);
}

/** A value of a chart. */
export interface Bar {
  readonly value: number;
  /** What stands at the bar. */
  readonly label: string;
  /** The ends of an interval, drawn as a thin line. */
  readonly low?: number;
  readonly high?: number;
}

/** Bars of several series side by side, in groups. */
export interface BarChart {
  readonly title: string;
  readonly groups: readonly { readonly name: string; readonly bars: readonly (Bar | null)[] }[];
  /** The names of the series, in the order of the bars of a group. */
  readonly series: readonly string[];
  /** The value at the end of the axis. */
  readonly max: number;
  /** The text at a mark of the axis. */
  readonly tick: (value: number) => string;
}

/** The size of a chart's coordinates, and where its plot begins. */
export const WIDTH = 680;
export const LEFT = 46;
export const TOP = 34;

/** Upright bars, such as shares by hardness. */
export function barChart({ title, groups, series, max, tick }: BarChart): string {
  const height = 200;
  const inner = WIDTH - LEFT - 10;
  const y = (value: number) => TOP + height * (1 - Math.min(1, value / max));
  const slot = inner / Math.max(1, groups.length);
  const width = Math.min(46, slot * 0.8 / Math.max(1, series.length));
  const parts = axis(
    max,
    tick,
    (value, text) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - 10}" y1="${px(y(value))}" y2="${
        px(y(value))
      }"/>` +
      tickBeside(y(value), text),
  );
  for (const [index, { name, bars }] of groups.entries()) {
    const middle = LEFT + slot * (index + 0.5);
    for (const [place, bar] of bars.entries()) {
      if (bar === null) continue;
      const x = middle + (place - bars.length / 2) * width;
      const top = y(bar.value);
      parts.push(
        `<g><title>${escapeHtml(`${name}, ${series[place]}: ${bar.label}`)}</title>` +
          `<rect class="s${place}" x="${px(x + 1)}" y="${px(top)}" width="${px(width - 2)}" ` +
          `height="${px(TOP + height - top)}" rx="2"/>` +
          whisker(bar, (value) => ({ x: x + width / 2, y: y(value) })) +
          `<text class="value" x="${px(x + width / 2)}" y="${px(y(bar.high ?? bar.value) - 5)}" ` +
          `text-anchor="middle">${escapeHtml(bar.label)}</text></g>`,
      );
    }
    parts.push(
      `<text class="name" x="${px(middle)}" y="${TOP + height + 18}" text-anchor="middle">` +
        `${escapeHtml(name)}</text>`,
    );
  }
  return frame(title, TOP + height + 26, parts, series);
}

/** Bars from left to right, one below the other, such as counts of errors. */
export function rowChart({ title, groups, series, max, tick }: BarChart): string {
  const left = 150;
  const inner = WIDTH - left - 70;
  const start = series.length > 1 ? TOP : 8;
  const x = (value: number) => left + inner * Math.min(1, value / max);
  const thickness = series.length > 1 ? 11 : 16;
  const step = thickness * series.length + 12;
  const bottom = start + step * groups.length;
  const parts = axis(
    max,
    tick,
    (value, text) =>
      `<line class="grid" x1="${px(x(value))}" x2="${px(x(value))}" y1="${
        start - 4
      }" y2="${bottom}"/>` +
      tickBelow(x(value), bottom + 14, text),
  );
  for (const [index, { name, bars }] of groups.entries()) {
    const top = start + step * index;
    const middle = top + thickness * series.length / 2;
    parts.push(
      `<text class="name" x="${left - 8}" y="${px(middle + 4)}" text-anchor="end">` +
        `${escapeHtml(name)}</text>`,
    );
    for (const [place, bar] of bars.entries()) {
      if (bar === null) continue;
      const y = top + thickness * place;
      parts.push(
        `<g><title>${escapeHtml(`${name}, ${series[place]}: ${bar.label}`)}</title>` +
          `<rect class="s${place}" x="${left}" y="${px(y)}" width="${px(x(bar.value) - left)}" ` +
          `height="${thickness - 1}" rx="2"/>` +
          `<text class="value" x="${px(x(bar.value) + 5)}" y="${px(y + thickness / 2 + 4)}">` +
          `${escapeHtml(bar.label)}</text></g>`,
      );
    }
  }
  return frame(title, bottom + 22, parts, series.length > 1 ? series : []);
}

/** The first of 1, 2, 5, 10, … (also below one) that is not less than `value`. */
export function niceStep(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * ([1, 2, 5].find((factor) => factor * unit >= value * (1 - 1e-9)) ?? 10);
}

/** What `draw` makes of each mark of an axis from 0 to `max`. */
export function axis(
  max: number,
  tick: (value: number) => string,
  draw: (value: number, text: string) => string,
): string[] {
  const step = niceStep(max / 5);
  const parts: string[] = [];
  for (let i = 0; i * step <= max * (1 + 1e-9); i++) {
    parts.push(draw(i * step, escapeHtml(tick(i * step))));
  }
  return parts;
}

function whisker({ low, high }: Bar, at: (value: number) => { x: number; y: number }): string {
  if (low === undefined || high === undefined) return "";
  const [from, to] = [at(low), at(high)];
  const end = ({ x, y }: typeof from) => `M${px(x - 4)} ${px(y)}h8`;
  return `<path class="whisker" d="${end(from)}${end(to)}M${px(to.x)} ${px(to.y)}V${px(from.y)}"/>`;
}

/** Where names of series stand: the height of a line of them, their characters' width, and their swatch. */
const LEGEND = { line: 18, character: 7, swatch: 34, longest: 80 } as const;

/** The names of the series with their colours, in as many lines as they need; charts have space for one. */
function legend(series: readonly string[]): { readonly parts: string[]; readonly extra: number } {
  let [x, line] = [LEFT, 0];
  const parts = series.map((name, index) => {
    const text = name.length > LEGEND.longest ? `${name.slice(0, LEGEND.longest - 1)}…` : name;
    const width = LEGEND.swatch + text.length * LEGEND.character;
    if (x > LEFT && x + width > WIDTH) [x, line] = [LEFT, line + 1];
    const at = x, y = LEGEND.line * line;
    x += width;
    return `<rect class="s${index}" x="${at}" y="${y + 6}" width="11" height="11" rx="2"/>` +
      `<text class="legend" x="${at + 16}" y="${y + 16}">${escapeHtml(text)}</text>`;
  });
  return { parts, extra: LEGEND.line * line };
}

/** The chart around its parts, below the names of its series. */
export function frame(
  title: string,
  height: number,
  parts: readonly string[],
  series: readonly string[] = [],
): string {
  const { parts: names, extra } = legend(series);
  const drawn = extra === 0 ? parts : [`<g transform="translate(0 ${extra})">`, ...parts, "</g>"];
  return `<svg viewBox="0 0 ${WIDTH} ${px(height + extra)}" role="img" ` +
    `aria-label="${escapeHtml(title)}">${[...names, ...drawn].join("\n")}</svg>`;
}

/** The text of a tick of the axis at the left. */
export function tickBeside(y: number, text: string): string {
  return `<text class="tick" x="${LEFT - 6}" y="${px(y + 4)}" text-anchor="end">${text}</text>`;
}

/** The text of a tick of the axis below, whose line of text is at `y`. */
export function tickBelow(x: number, y: number, text: string): string {
  return `<text class="tick" x="${px(x)}" y="${px(y)}" text-anchor="middle">${text}</text>`;
}

/** A coordinate, to a tenth. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
