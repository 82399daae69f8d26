/**
 * How often values fall into bins of equal width, as numbers and as SVG.
 * @module
 */
import { axis, escapeHtml, frame, LEFT, niceStep, px, tickBelow, TOP, WIDTH } from "./svg.ts";

/** Values that are counted together. */
export interface Sample {
  readonly name: string;
  readonly values: readonly number[];
}

/** How many values of each sample are in each bin. */
export interface Histogram {
  /** The end of the last bin; the first begins at 0. */
  readonly end: number;
  /** The width of a bin. */
  readonly width: number;
  readonly samples: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

/** Counts values, none of them negative, in `bins` bins that are the same for all samples. */
export function countInBins(samples: readonly Sample[], bins = 30): Histogram {
  let top = 0;
  for (const { values } of samples) for (const value of values) top = Math.max(top, value);
  const end = top > 0 ? niceStep(top / 5) * Math.ceil(top / niceStep(top / 5)) : 1;
  return {
    end,
    width: end / bins,
    samples: samples.map(({ name, values }) => {
      const counts = new Array<number>(bins).fill(0);
      for (const value of values) counts[Math.min(bins - 1, Math.floor(value / end * bins))]++;
      return { name, counts };
    }),
  };
}

/** A bar of a histogram; those of several samples share the width of their bin. */
export interface BinBar {
  readonly sample: number;
  readonly name: string;
  /** What the bin stands for, such as `120 to 140`. */
  readonly bin: string;
  readonly count: number;
  /** Where the bar begins and ends. */
  readonly from: number;
  readonly to: number;
}

/** The bars of bins that are not empty. */
export function binBars(
  { width, samples }: Histogram,
  tick: (value: number) => string,
): BinBar[] {
  const own = width / samples.length;
  return samples.flatMap(({ name, counts }, sample) =>
    counts.flatMap((count, i) => {
      if (count === 0) return [];
      const bin = `${tick(i * width)} to ${tick((i + 1) * width)}`;
      const from = i * width + sample * own;
      return [{ sample, name, bin, count, from, to: from + own }];
    })
  );
}

/** A histogram with marks such as the median. */
export function histogramSvg(
  { title, histogram, tick, marks }: {
    readonly title: string;
    readonly histogram: Histogram;
    readonly tick: (value: number) => string;
    readonly marks: readonly { readonly value: number; readonly label: string }[];
  },
): string {
  const height = 150;
  const inner = WIDTH - LEFT - 40;
  const { end, samples } = histogram;
  const bars = binBars(histogram, tick);
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const bottom = TOP + height;
  const x = (value: number) => LEFT + inner * value / end;
  const parts = axis(end, tick, (value, text) => tickBelow(x(value), bottom + 16, text));
  parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - 40}" y1="${bottom}" y2="${bottom}"/>`);
  for (const { sample, name, bin, count, from, to } of bars) {
    const size = Math.max(1.5, height * count / most);
    const whose = samples.length > 1 ? `${name}, ` : "";
    parts.push(
      `<g><title>${escapeHtml(`${whose}${bin}: ${count}`)}</title>` +
        `<rect class="s${sample}" x="${px(x(from) + 0.5)}" y="${px(bottom - size)}" ` +
        `width="${px(x(to) - x(from) - 1)}" height="${px(size)}" rx="1"/></g>`,
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
  const names = samples.length > 1 ? samples.map(({ name }) => name) : [];
  return frame(title, bottom + 24, parts, names);
}
