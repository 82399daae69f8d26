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
      `<text class="tick" x="${LEFT - 6}" y="${px(y(value) + 4)}" text-anchor="end">${text}</text>`,
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
  return frame(title, TOP + height + 26, [...legend(series), ...parts]);
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
      `<text class="tick" x="${px(x(value))}" y="${
        bottom + 14
      }" text-anchor="middle">${text}</text>`,
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
  return frame(title, bottom + 22, [...(series.length > 1 ? legend(series) : []), ...parts]);
}

/** How often values fall into bins of equal width, with marks such as the median. */
export function histogram(
  { title, values, bins = 30, tick, marks }: {
    readonly title: string;
    readonly values: readonly number[];
    readonly bins?: number;
    readonly tick: (value: number) => string;
    readonly marks: readonly { readonly value: number; readonly label: string }[];
  },
): string {
  const height = 150;
  const inner = WIDTH - LEFT - 40;
  const top = values.reduce((most, value) => Math.max(most, value), 0);
  const end = top > 0 ? niceStep(top / 5) * Math.ceil(top / niceStep(top / 5)) : 1;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(value / end * bins))]++;
  const most = Math.max(1, ...counts);
  const bottom = TOP + height;
  const x = (value: number) => LEFT + inner * value / end;
  const parts = axis(
    end,
    tick,
    (value, text) =>
      `<text class="tick" x="${px(x(value))}" y="${
        bottom + 16
      }" text-anchor="middle">${text}</text>`,
  );
  parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - 40}" y1="${bottom}" y2="${bottom}"/>`);
  for (const [bin, count] of counts.entries()) {
    if (count === 0) continue;
    const size = Math.max(1.5, height * count / most);
    const from = bin * end / bins;
    parts.push(
      `<g><title>${escapeHtml(`${tick(from)} to ${tick(from + end / bins)}: ${count}`)}</title>` +
        `<rect class="s0" x="${px(x(from) + 0.5)}" y="${px(bottom - size)}" ` +
        `width="${px(inner / bins - 1)}" height="${px(size)}" rx="1"/></g>`,
    );
  }
  for (const [index, { value, label }] of marks.entries()) {
    const side = x(value) > WIDTH * 0.75 ? "end" : "start";
    parts.push(
      `<line class="mark" x1="${px(x(value))}" x2="${px(x(value))}" y1="${
        TOP - 8
      }" y2="${bottom}"/>` +
        `<text class="value" x="${px(x(value) + (side === "end" ? -4 : 4))}" ` +
        `y="${TOP + 2 + 14 * index}" text-anchor="${side}">${escapeHtml(label)}</text>`,
    );
  }
  return frame(title, bottom + 24, parts);
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

/** The names of the series with their colours. */
export function legend(series: readonly string[]): string[] {
  let x = LEFT;
  return series.map((name, index) => {
    const at = x;
    x += 34 + name.length * 7;
    return `<rect class="s${index}" x="${at}" y="6" width="11" height="11" rx="2"/>` +
      `<text class="legend" x="${at + 16}" y="16">${escapeHtml(name)}</text>`;
  });
}

/** The chart around its parts. */
export function frame(title: string, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${px(height)}" role="img" aria-label="${escapeHtml(title)}">` +
    `${parts.join("\n")}</svg>`;
}

/** A coordinate, to a tenth. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
