/**
 * Training in a cell: progress and loss plot that update in place, and a stop button that leaves a
 * checkpoint.
 * @module
 */
import { formatBytes, formatCount, formatDuration, formatLoss } from "../cli/format.ts";
import { gitCommit } from "../cli/git.ts";
import type {
  CheckpointEvent,
  EndEvent,
  EvalEvent,
  SampleEvent,
  StepEvent,
  TrainEvent,
} from "../train/events.ts";
import { planTraining } from "../train/plan.ts";
import { prepareTraining } from "../train/prepare.ts";
import { writeRunMeta } from "../train/run_meta.ts";
import type { LogEntry } from "../train/state.ts";
import { train } from "../train/train.ts";
import { interruptible, liveDisplay, type SendDisplay } from "./kernel.ts";
import { lineChart } from "./line_chart.ts";
import type { Notebook } from "./notebook.ts";
import { progressView } from "./progress_view.ts";
import type { RunSettings } from "./settings.ts";
import { factsView, tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** What came of a run; it shows itself. */
export interface TrainingResult extends View {
  /** The folder of the adapter, or the model. */
  readonly path: string;
  /** Every step; of those before a resume, as they were logged. */
  readonly steps: readonly LogEntry[];
  readonly evals: readonly EvalEvent[];
  readonly samples: readonly SampleEvent[];
  readonly checkpoints: readonly CheckpointEvent[];
  readonly end: EndEvent;
  /** Steps that an earlier run had done. */
  readonly resumedAt: number;
}

/** How to train in a cell. */
export interface TrainLiveOptions {
  /** Continue from the newest checkpoint in the output folder, if there is one. Default false. */
  readonly resume?: boolean;
  readonly send?: SendDisplay;
  /** Gets every event, after it is shown. */
  readonly onEvent?: (event: TrainEvent) => void;
}

/**
 * Trains as `settings` say and shows it. The run is off the GPU when this ends, however it ends. After
 * the stop button a checkpoint is written, and the error thrown says how to go on. Throws
 * {@linkcode TrainingError} where the loss is not finite.
 */
export async function trainLive(
  notebook: Notebook,
  settings: RunSettings,
  options: TrainLiveOptions = {},
): Promise<TrainingResult> {
  const { modelDirectory } = settings;
  const { resume = false } = options;
  const config = resume
    ? { ...settings.config, resume_from_checkpoint: "latest" }
    : settings.config;
  const { device } = notebook;
  const told = createMonitor(options.send);
  try {
    return await interruptible(async (signal) => {
      const planned = await planTraining(device, config, { modelDirectory, signal });
      const run = await notebook.keep(
        "training",
        () => prepareTraining(device, planned, { signal }),
      );
      const mode = config.smoke ? "smoke" : "train";
      await writeRunMeta(run, { mode, device, gitCommit: await gitCommit() });
      for await (const event of train(run, signal)) {
        await told.show(event);
        options.onEvent?.(event);
      }
      return await told.result();
    });
  } catch (error) {
    throw await told.failed(error);
  } finally {
    notebook.drop("training");
  }
}

function createMonitor(send?: SendDisplay) {
  const progress = liveDisplay({ send, intervalMs: 300 });
  const plot = liveDisplay({ send, intervalMs: 1000 });
  const steps: StepEvent[] = [];
  const evals: EvalEvent[] = [];
  const samples: SampleEvent[] = [];
  const checkpoints: CheckpointEvent[] = [];
  let end: EndEvent | null = null;
  let resumedAt = 0;
  let maxX = 1;
  const state = (doing: string) =>
    progressView({ step: steps.at(-1) ?? null, lastEval: evals.at(-1) ?? null, doing });
  const chart = () => lossChart({ steps, evals }, maxX);
  return {
    async show(event: TrainEvent): Promise<void> {
      switch (event.type) {
        case "start":
          resumedAt = event.step;
          maxX = event.totalSteps;
          return await progress.finish(
            state(event.resumedFrom ? `continuing from ${event.resumedFrom}` : "first step"),
          );
        case "step":
          steps.push(event);
          await progress.update(() => state("training"));
          return await plot.update(chart);
        case "eval":
          evals.push(event);
          return await progress.update(() => state("evaluated"));
        case "checkpoint":
          checkpoints.push(event);
          return await progress.update(() => state("checkpoint saved"));
        case "sample":
          samples.push(event);
          return await progress.update(() => state("answering samples"));
        case "end":
          end = event;
      }
    },
    async result(): Promise<TrainingResult> {
      const done = end!;
      const earlier = done.metrics.log_history.filter(({ step }) => step <= resumedAt);
      const all = [...earlier, ...steps];
      await progress.finish(state(done.stoppedEarly ? "stopped early" : "done"));
      await plot.finish(lossChart({ steps: all, evals }, maxX));
      const { path } = done;
      const result = { path, steps: all, evals, samples, checkpoints, end: done, resumedAt };
      return withView(result, bundleOf(summary(done)));
    },
    /** Leaves the last state on the screen; an interruption becomes an error that says how to go on. */
    async failed(error: unknown): Promise<unknown> {
      const stopped = error instanceof DOMException && error.name === "AbortError";
      if (steps.length > 0) {
        await progress.finish(state(stopped ? "interrupted" : "failed"));
        await plot.finish(chart());
      }
      if (!stopped) return error;
      const saved = checkpoints.at(-1);
      const next = saved
        ? `${saved.path} has all that is needed to go on; run this cell again with resume: true`
        : "nothing was saved yet; run this cell again";
      return new DOMException(
        `Interrupted after step ${steps.at(-1)?.step ?? resumedAt}: ${next}`,
        "AbortError",
      );
    },
  };
}

/** Losses of a run by step. */
export function lossChart(
  { steps, evals = [] }: Pick<TrainingResult, "steps"> & Partial<Pick<TrainingResult, "evals">>,
  maxX?: number,
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
    ["Saved in", path],
  ]);
}

/** What the saved model answered to the first validation records, beside what was expected. */
export function samplesTable({ samples }: Pick<TrainingResult, "samples">): View {
  return tableView({
    title: "Answers of the saved model",
    columns: ["question", "expected", "generated"],
    rows: samples.map(({ prompt, expected, generated }) => [
      /### Question:\n([^\n]*)/.exec(prompt)?.[1] ?? prompt,
      { text: expected, as: "code" },
      { text: generated, as: "code" },
    ]),
  });
}
