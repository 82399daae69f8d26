/**
 * What a cell shows while it trains: progress and losses that update in place, what became of earlier
 * checkpoints, and after an interruption how to go on.
 * @module
 */
import { formatBytes } from "../cli/format.ts";
import type { Device } from "../device/device.ts";
import { readCheckpointState } from "../train/checkpoint.ts";
import type { TrainConfig } from "../train/config.ts";
import type {
  CheckpointEvent,
  EndEvent,
  SampleEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from "../train/events.ts";
import { findCheckpoint } from "../train/ledger.ts";
import type { EvalEntry, LogEntry } from "../train/state.ts";
import { liveDisplay, type SendDisplay } from "./kernel.ts";
import { shownPath } from "./paths.ts";
import { progressView } from "./progress_view.ts";
import { lossChart, type TrainingResult, trainingResult } from "./train_result.ts";

/** What a monitor needs to know of the run. */
export interface MonitorOptions {
  readonly config: Pick<TrainConfig, "output_dir" | "resume_from_checkpoint">;
  readonly device: Pick<Device, "peakBytes">;
  readonly send?: SendDisplay;
}

/** Follows one run. */
export class TrainMonitor {
  readonly #options: MonitorOptions;
  readonly #progress;
  readonly #plot;
  /** What the user should know of this run; stays below the progress. */
  readonly #notes: string[] = [];
  /** With those of the run that is continued. */
  readonly #steps: LogEntry[] = [];
  readonly #evals: EvalEntry[] = [];
  readonly #samples: SampleEvent[] = [];
  readonly #checkpoints: CheckpointEvent[] = [];
  #start: StartEvent | null = null;
  #last: StepEvent | null = null;
  #end: EndEvent | null = null;

  constructor(options: MonitorOptions) {
    const { send } = options;
    this.#options = options;
    this.#progress = liveDisplay({ send, intervalMs: 300 });
    this.#plot = liveDisplay({ send, intervalMs: 1000 });
  }

  /** Says what is done before the weights are loaded. */
  async planning(): Promise<void> {
    await this.#progress.update(() => this.#state("reading data and the model's headers"));
  }

  /** Says how much of the weights is loaded. */
  loading(bytes: number, total: number): void {
    this.#progress.update(() =>
      this.#state(`loading weights, ${formatBytes(bytes)} of ${formatBytes(total)}`, bytes / total)
    );
  }

  /** Shows what happened. */
  async show(event: TrainEvent): Promise<void> {
    switch (event.type) {
      case "start":
        return await this.#begin(event);
      case "step":
        this.#last = event;
        this.#steps.push(event);
        await this.#progress.update(() => this.#state("training"));
        return await this.#plot.update(() => this.#chart());
      case "eval":
        this.#evals.push(event);
        return await this.#progress.update(() => this.#state("evaluated"));
      case "checkpoint":
        this.#checkpoints.push(event);
        return await this.#progress.update(() => this.#state("checkpoint saved"));
      case "sample":
        this.#samples.push(event);
        return await this.#progress.update(() => this.#state("answering samples"));
      case "end":
        this.#end = event;
    }
  }

  async #begin(event: StartEvent): Promise<void> {
    this.#start = event;
    const { step, resumedFrom, setAside } = event;
    const { output_dir, resume_from_checkpoint } = this.#options.config;
    if (resumedFrom !== null) {
      const { state } = await readCheckpointState(resumedFrom);
      this.#steps.push(...state.logHistory);
      this.#evals.push(...state.evalHistory);
      this.#notes.push(`Continues from ${shownPath(resumedFrom)}, after step ${step}.`);
    } else if (resume_from_checkpoint !== null) {
      this.#notes.push(
        `There is no checkpoint in ${shownPath(output_dir)} yet: this run starts anew.`,
      );
    }
    if (setAside !== null) {
      const moved = shownPath(setAside);
      this.#notes.push(
        resumedFrom === null
          ? `This run starts anew: the checkpoints of the run before were moved to ${moved}, in ` +
            "place of any that were there. To continue a run instead, set resume: true."
          : `Checkpoints after step ${step} were moved to ${moved}, in place of any that were ` +
            "there.",
      );
    }
    await this.#progress.finish(this.#state(step > 0 ? `step ${step + 1}` : "first step"));
    if (this.#steps.length > 0) await this.#plot.update(() => this.#chart());
  }

  /** Leaves the last state on the screen, and gives what came of the run. */
  async result(): Promise<TrainingResult> {
    const end = this.#end!;
    await this.#progress.finish(this.#state(end.stoppedEarly ? "stopped early" : "done"));
    await this.#plot.finish(this.#chart());
    return trainingResult({
      path: end.path,
      steps: this.#steps,
      evals: this.#evals,
      samples: this.#samples,
      checkpoints: this.#checkpoints,
      end,
      resumedAt: this.#start!.step,
    });
  }

  /** Leaves the last state on the screen; an interruption becomes an error that says how to go on. */
  async failed(error: unknown): Promise<unknown> {
    const stopped = error instanceof DOMException && error.name === "AbortError";
    await this.#progress.finish(this.#state(stopped ? "interrupted" : "failed"));
    if (this.#steps.length > 0) await this.#plot.finish(this.#chart());
    if (!stopped) return error;
    const step = this.#last?.step ?? this.#start?.step;
    const when = step ? `after step ${step}` : "before the first step";
    return new DOMException(`Interrupted ${when}: ${await this.#howToGoOn()}`, "AbortError");
  }

  async #howToGoOn(): Promise<string> {
    const saved = this.#checkpoints.at(-1)?.path;
    if (saved) {
      return `${saved} has all that is needed to go on; run this cell again with resume: true`;
    }
    const { output_dir, resume_from_checkpoint } = this.#options.config;
    const before = this.#start
      ? this.#start.resumedFrom
      : await findCheckpoint(output_dir, resume_from_checkpoint);
    return before === null
      ? "nothing was saved yet; run this cell again"
      : `nothing new was saved, and ${
        shownPath(before)
      } is as it was; run this cell again as it is to go on ` +
        "from there";
  }

  #state(doing: string, share?: number) {
    return progressView({
      step: this.#last,
      lastEval: this.#evals.at(-1) ?? null,
      doing,
      share,
      peakBytes: this.#options.device.peakBytes,
      notes: this.#notes,
    });
  }

  #chart() {
    return lossChart({ steps: this.#steps, evals: this.#evals }, this.#start?.totalSteps);
  }
}
