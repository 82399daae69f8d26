/**
 * How far a run is: a bar and the numbers of the last step.
 * @module
 */
import {
  formatBar,
  formatBytes,
  formatCount,
  formatDuration,
  formatLearningRate,
  formatLoss,
} from "../cli/format.ts";
import { escapeHtml } from "../eval/report/svg.ts";
import type { StepEvent } from "../train/events.ts";
import type { EvalEntry } from "../train/state.ts";
import { type View, view } from "./view.ts";

/** What a run has told so far. */
export interface ProgressState {
  readonly step: StepEvent | null;
  readonly lastEval: EvalEntry | null;
  /** What is done now, such as "training" or "interrupted". */
  readonly doing: string;
  /** How much is done of what comes before the first step, 0 to 1. Default 0. */
  readonly share?: number;
  /** The most GPU memory that the run has owned at once. */
  readonly peakBytes: number;
  /** Sentences that stay below the progress. */
  readonly notes?: readonly string[];
}

/** A view of the progress. */
export function progressView(state: ProgressState): View {
  const { step, lastEval, doing, peakBytes, notes = [] } = state;
  const share = step ? step.step / step.totalSteps : state.share ?? 0;
  const facts: [name: string, value: string][] = step
    ? [
      ["loss", formatLoss(step.loss)],
      ...(lastEval ? [["eval loss", formatLoss(lastEval.eval_loss)] as [string, string]] : []),
      ["learning rate", formatLearningRate(step.learning_rate)],
      ["gradient norm", formatCount(step.grad_norm)],
      ["tokens/s", formatCount(step.tokens_per_second)],
      ["GPU memory at the peak", formatBytes(peakBytes)],
      ...(share < 1 ? [["left", formatDuration(step.secondsLeft)] as [string, string]] : []),
    ]
    : [];
  const head = step ? `step ${step.step}/${step.totalSteps}` : "starting";
  const line = facts.map(([name, value]) => `${name} ${value}`).join("  ");
  const tiles = facts.map(([name, value]) =>
    `<span style="display:inline-block;margin:2px 22px 2px 0"><b>${escapeHtml(value)}</b> ` +
    `<span style="color:#7a8594">${name}</span></span>`
  );
  return view({
    "text/plain": [`${head} ${formatBar(share, 24)} ${doing}`, line, ...notes]
      .filter((text) => text !== "").join("\n"),
    "text/html":
      `<div style="max-width:680px"><div style="display:flex;justify-content:space-between">` +
      `<b>${head}</b><span style="color:#7a8594">${escapeHtml(doing)}</span></div>` +
      `<div style="background:#dfe4ea;border-radius:4px;height:8px;margin:4px 0">` +
      `<div style="background:#2f6fb5;border-radius:4px;height:8px;width:${
        (share * 100).toFixed(1)
      }%"></div></div>${tiles.join("")}${
        notes.map((note) => `<div style="overflow-wrap:anywhere">${escapeHtml(note)}</div>`)
          .join("")
      }</div>`,
  });
}
