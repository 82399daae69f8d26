/**
 * Writes the files of a run.
 * @module
 */
import { join } from "node:path";
import { writeFileAtomic } from "../../formats/atomic.ts";
import type { ScoredPrediction } from "../scored.ts";
import { reportHtml } from "./html.ts";
import { reportMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";

/** Writes all files of a run into `folder`: `predictions.jsonl`, `report.json`, `.md` and `.html`. */
export async function writeRun(
  folder: string,
  report: Report,
  predictions: readonly ScoredPrediction[],
): Promise<void> {
  const lines = predictions.map((prediction) => JSON.stringify(prediction) + "\n");
  await writeFileAtomic(join(folder, "predictions.jsonl"), lines.join(""));
  await writeFileAtomic(join(folder, "report.json"), JSON.stringify(report, null, 2) + "\n");
  await writeFileAtomic(join(folder, "report.md"), reportMarkdown(report));
  await writeFileAtomic(join(folder, "report.html"), reportHtml(report, predictions));
}
