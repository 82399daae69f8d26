/**
 * What came of a run, and the views of it.
 * @module
 */
import { formatBytes, formatCount, formatDuration, formatLoss } from "../cli/format.ts";
import type { CheckpointEvent, EndEvent, SampleEvent } from "../train/events.ts";
import type { EvalEntry, LogEntry } from "../train/state.ts";
import { lineChart } from "./line_chart.ts";
import { shownPath } from "./paths.ts";
import { factsView, tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** What came of a run; it shows itself. */
export interface TrainingResult extends View {
  /** The folder of the adapter, or the model. */
  readonly path: string;
  /** Every step; of those before a resume, as they were logged. */
  readonly steps: readonly LogEntry[];
  /** Every evaluation, those before a resume included. */
  readonly evals: readonly EvalEntry[];
  readonly samples: readonly SampleEvent[];
  readonly checkpoints: readonly CheckpointEvent[];
  readonly end: EndEvent;
  /** Steps that an earlier run had done. */
  readonly resumedAt: number;
}

/** The result with a view of it. */
export function trainingResult(result: Omit<TrainingResult, keyof View>): TrainingResult {
  return withView(result, bundleOf(summary(result.end)));
}

function summary({ metrics, path, step, stoppedEarly }: EndEvent): View {
  const [first, last] = [metrics.log_history[0], metrics.log_history.at(-1)];
  return factsView("Training", [
    ["Steps", stoppedEarly ? `${step}, stopped early` : step],
    ["Loss", first && last ? `${formatLoss(first.loss)} → ${formatLoss(last.loss)}` : "none"],
    [
      "Eval loss",
      metrics.eval_loss === null ? "no validation records" : formatLoss(metrics.eval_loss),
    ],
    ["Time in steps", formatDuration(metrics.train_runtime)],
    ["Speed", `${formatCount(metrics.tokens_per_second)} tokens/s`],
    [
      "GPU memory",
      `${formatBytes(metrics.peak_gpu_bytes)} at the peak, ${
        formatBytes(metrics.planned_gpu_bytes)
      } planned`,
    ],
    ["Saved in", shownPath(path)],
  ]);
}

/** Losses of a run by step. */
export function lossChart(
  { steps, evals = [] }: Pick<TrainingResult, "steps"> & Partial<Pick<TrainingResult, "evals">>,
  maxX = 1,
): View {
  const training = steps.map(({ step, loss }) => ({ x: step, y: loss }));
  const evaluated = evals.map(({ step, eval_loss }) => ({ x: step, y: eval_loss }));
  return lineChart({
    title: "Loss",
    x: "step",
    y: "loss (nats per token)",
    maxX,
    series: [
      { name: "training", points: training },
      ...(evaluated.length > 0 ? [{ name: "validation", points: evaluated }] : []),
    ],
  });
}

/** What the saved model answered to the first validation records, beside what was expected. */
export function samplesTable({ samples }: Pick<TrainingResult, "samples">): View {
  return tableView({
    title: "Answers of the saved model",
    note: samples.length === 0
      ? "None: the first records are texts without a prompt to answer."
      : undefined,
    columns: ["question", "expected", "generated"],
    rows: samples.map(({ prompt, expected, generated }) => [
      /### Question:\n([^\n]*)/.exec(prompt)?.[1] ?? prompt,
      { text: expected, as: "code" },
      { text: generated, as: "code" },
    ]),
  });
}
