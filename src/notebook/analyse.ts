/**
 * What several runs are compared by: their answers, question by question, and their losses.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { compareRuns, type Comparison } from "../eval/compare.ts";
import { isJsonObject } from "../formats/json.ts";
import { type EvalRun, readJson } from "./eval_task.ts";
import { lineChart } from "./line_chart.ts";
import type { View } from "./view.ts";

/** Compares a run with the baseline, question by question. */
export function compareEvals(baseline: EvalRun, tuned: EvalRun): Comparison {
  return compareRuns(baseline.predictions, tuned.predictions, {
    seed: tuned.report.seed,
    groups: tuned.report.groups.map(({ name }) => name),
    name: baseline.name,
  });
}

/** Losses of several runs by step; `folders` are their output folders by name. */
export async function lossCurves(folders: Readonly<Record<string, string>>): Promise<View> {
  const series = await Promise.all(
    Object.entries(folders).map(async ([name, folder]) => {
      const file = join(folder, "metrics.json");
      const metrics = await readJson(file);
      const history = isJsonObject(metrics) ? metrics.log_history : null;
      if (!Array.isArray(history) || !history.every((entry) => isJsonObject(entry))) {
        throw new FormatError(
          `Cannot read ${file}: it has no log_history; give the output_dir of deno task train`,
          { file },
        );
      }
      const points = history.map(({ step, loss }) => ({ x: Number(step), y: Number(loss) }));
      return { name, points };
    }),
  );
  return lineChart({ title: "Training loss", x: "step", y: "loss (nats per token)", series });
}
