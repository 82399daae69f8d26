/**
 * How many questions about the demo databases a model answers right before and after training.
 * @module
 */
import { formatBar } from "../cli/format.ts";
import { demoSplits } from "../data/demo.ts";
import { openDemoRecords } from "../eval/demo.ts";
import { evaluate, followEvaluation } from "../eval/evaluate.ts";
import type { Predictor } from "../eval/predictor.ts";
import { percent } from "../eval/report/report.ts";
import type { ScoredPrediction } from "../eval/scored.ts";
import { ASKED_MODEL, openAskedModel } from "./asked_model.ts";
import { interruptible, liveDisplay, type SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";
import { tableView } from "./table.ts";
import { bundleOf, type View, withView } from "./view.ts";

/** What is scored. */
export interface ScoreDemoOptions {
  /** How many questions. */
  readonly questions: number;
  /** The folder of what was trained. */
  readonly path: string;
  /** Default 96. */
  readonly maxNewTokens?: number;
  readonly send?: SendDisplay;
}

/** The answers before and after training, in the same order. */
export interface DemoScores {
  readonly before: readonly ScoredPrediction[];
  readonly after: readonly ScoredPrediction[];
}

/** As in `deno task eval`: what is kept of each question takes memory, with a large model much. */
const BATCH_SIZE = 8;

/**
 * Asks the base model and the trained one the same questions about the five demo databases, none of
 * which is in the training data that `smoke: true` generates, and runs what they answer: right is what
 * gives the rows of the gold query. Progress and the table show themselves; the models' memory is
 * given back.
 */
export async function scoreDemo(
  notebook: Notebook,
  settings: RunSettings,
  { questions, path, maxNewTokens = 96, send }: ScoreDemoOptions,
): Promise<DemoScores & View> {
  const { seed } = settings.config;
  const records = demoSplits({ seed, train: 0, validation: 0, test: questions }).test;
  using benchmark = await openDemoRecords(records);
  const display = liveDisplay({ send });
  const answersOf = async (predictor: Predictor, name: string, signal: AbortSignal) => {
    let done = 0;
    const state = () => progress(name, done, records.length);
    await display.update(state);
    const source = { answers: [], predictor, log: null };
    const { predictions } = await followEvaluation(
      evaluate(benchmark, source, signal),
      async ({ type }) => {
        if (type === "score") done++;
        await display.update(state);
      },
    );
    return predictions;
  };
  try {
    const scores = await interruptible(async (signal): Promise<DemoScores> => {
      const tell = (text: string) => void display.update(() => text);
      const asking = { maxNewTokens, batchSize: BATCH_SIZE, tell };
      const base = await openAskedModel(notebook, settings, asking, signal);
      const before = await answersOf(base.predictor, "before training", signal);
      const { predictor } = await base.trained(path, signal);
      return { before, after: await answersOf(predictor, "after training", signal) };
    });
    const table = scoresOf(scores);
    await display.finish(table);
    return withView(scores, bundleOf(table));
  } finally {
    notebook.drop(ASKED_MODEL);
  }
}

function progress(name: string, done: number, total: number): string {
  return `${name}  ${formatBar(done / total, 24)}  ${done}/${total} answered`;
}

function scoresOf({ before, after }: DemoScores): View {
  const count = (predictions: readonly ScoredPrediction[], metric: "exec" | "runs") => {
    const right = predictions.filter((prediction) => prediction[metric]).length;
    return `${right} of ${predictions.length} (${percent(right / predictions.length)})`;
  };
  const row = (
    name: string,
    predictions: readonly ScoredPrediction[],
  ) => [name, count(predictions, "exec"), count(predictions, "runs")];
  return tableView({
    title: "Questions that were not trained on",
    columns: ["", "right", "SQL that runs"],
    rows: [row("before training", before), row("after training", after)],
    note: "Right is an answer whose SQL gives the rows of the gold query.",
  });
}
