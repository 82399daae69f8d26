/**
 * What a training run tells while it goes on.
 * @module
 */
import type { EvalEntry, LogEntry } from "./state.ts";

/** The run starts, or continues after `step` steps. */
export interface StartEvent {
  readonly type: "start";
  readonly step: number;
  readonly totalSteps: number;
  /** The checkpoint it continues from. */
  readonly resumedFrom: string | null;
  /** Where checkpoints were moved that this run does not continue. */
  readonly setAside: string | null;
}

/** One optimizer step is done. */
export interface StepEvent extends LogEntry {
  readonly type: "step";
  readonly epoch: number;
  readonly totalSteps: number;
  /** Seconds to the end at the pace so far. */
  readonly secondsLeft: number;
  /** GPU memory owned now. */
  readonly gpuBytes: number;
}

/** The metrics of the steps since the last such event, as they go into `log_history`. */
export interface LogEvent extends LogEntry {
  readonly type: "log";
}

/** The loss over the validation records. */
export interface EvalEvent extends EvalEntry {
  readonly type: "eval";
  /** Whether it is the lowest so far. */
  readonly best: boolean;
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly path: string;
}

/** An answer of the trained model, as it was saved, to a record's prompt. */
export interface SampleEvent {
  readonly type: "sample";
  readonly id: string;
  readonly prompt: string;
  readonly expected: string;
  readonly generated: string;
}

/** The run is over and its result saved. */
export interface EndEvent {
  readonly type: "end";
  readonly step: number;
  /** The folder with the adapter, or the model. */
  readonly path: string;
  readonly metrics: Metrics;
  /** Whether it ended because the eval loss had stopped to fall. */
  readonly stoppedEarly: boolean;
}

/** The content of metrics.json. Losses in nats, null where there was nothing to measure. */
export interface Metrics {
  /** Mean loss over all steps. */
  readonly train_loss: number | null;
  /** Over all target tokens of the validation records, at the end. */
  readonly eval_loss: number | null;
  /** Seconds of training, those before a resume included. */
  readonly train_runtime: number;
  /** All tokens, prompts included, per second of training. */
  readonly tokens_per_second: number;
  /** The most GPU memory owned at once. */
  readonly peak_gpu_bytes: number;
  /** What the plan said before the first step. */
  readonly planned_gpu_bytes: number;
  readonly log_history: readonly LogEntry[];
}

/** Anything a training run tells. */
export type TrainEvent =
  | StartEvent
  | StepEvent
  | LogEvent
  | EvalEvent
  | CheckpointEvent
  | SampleEvent
  | EndEvent;
