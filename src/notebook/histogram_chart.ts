/**
 * Histograms: counted here, so that a notebook keeps thirty numbers and not one for each value.
 * @module
 */
import { binBars, countInBins, histogramSvg, type Sample } from "../eval/report/histogram.ts";
import { chartView, seriesColour } from "./chart.ts";
import type { View } from "./view.ts";

/** A histogram of one or more samples. */
export interface HistogramChart {
  readonly title: string;
  /** What values are, such as "tokens", and what has them, such as "records". */
  readonly x: string;
  readonly y: string;
  readonly samples: readonly Sample[];
  readonly tick: (value: number) => string;
  /** Values that are marked, such as the median. */
  readonly marks: readonly { readonly value: number; readonly label: string }[];
  /** Its content in words. */
  readonly text: string;
}

/** A view of a histogram; the bars of several samples stand side by side. */
export function histogramChart(
  { title, x, y, samples, tick, marks, text }: HistogramChart,
): View {
  const histogram = countInBins(samples);
  const values = binBars(histogram, tick).map(({ name, bin, count, from, to }) => (
    { name, bin, count, from, to }
  ));
  return chartView({
    title,
    spec: {
      layer: [
        {
          data: { values },
          mark: { type: "bar", binSpacing: 1 },
          encoding: {
            x: {
              field: "from",
              type: "quantitative",
              bin: "binned",
              title: x,
              scale: { domain: [0, histogram.end] },
            },
            x2: { field: "to" },
            y: { field: "count", type: "quantitative", title: y, stack: null },
            ...(samples.length > 1
              ? { color: seriesColour("name", samples.map(({ name }) => name)) }
              : {}),
            tooltip: [
              ...(samples.length > 1 ? [{ field: "name", title: " " }] : []),
              { field: "bin", title: x },
              { field: "count", title: y },
            ],
          },
        },
        {
          data: { values: marks },
          mark: { type: "rule", strokeDash: [4, 3], color: "#5b6676" },
          encoding: {
            // Both layers share the axis; another title than theirs would be added to it.
            x: { field: "value", type: "quantitative", title: x },
            tooltip: { field: "label" },
          },
        },
      ],
    },
    svg: histogramSvg({ title, histogram, tick, marks }),
    text,
  });
}
