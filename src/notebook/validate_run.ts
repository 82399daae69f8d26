/**
 * The runs of the check before a long run: the whole one, which is only planned, and a short one.
 * @module
 */
import { join } from "node:path";
import { formatBytes, formatLoss } from "../cli/format.ts";
import { readTrainingRecords } from "../data/record.ts";
import type { EndEvent, SampleEvent, StartEvent, StepEvent } from "../train/events.ts";
import type { PlannedRun } from "../train/plan.ts";
import type { TrainRun } from "../train/prepare.ts";
import { train } from "../train/train.ts";
import type { RunSettings } from "./settings.ts";

/** Steps of training after the checkpoint was read back. */
export const RESUMED_STEPS = 2;
const MOST_WARMUP_STEPS = 2;
/** Times that each record is seen, so that the loss falls for certain where learning works. */
const REPEATS = 5;

/** The settings of a run of `steps` steps and {@linkcode RESUMED_STEPS} more, in its own folder. */
export function shortConfig({ config }: RunSettings, steps: number): RunSettings["config"] {
  const perStep = config.per_device_train_batch_size * config.gradient_accumulation_steps;
  return {
    ...config,
    output_dir: join(config.output_dir, "validation"),
    max_steps: steps + RESUMED_STEPS,
    // A long warm-up would leave the learning rate near 0 in all of these steps.
    warmup_steps: Math.min(config.warmup_steps, MOST_WARMUP_STEPS),
    max_train_samples: Math.ceil(perStep * steps / REPEATS),
    max_val_samples: perStep,
    eval_steps: 0,
    save_steps: 0,
    logging_steps: 1,
  };
}

/** What a stretch of training told. */
export interface Stretch {
  readonly start: StartEvent | null;
  readonly steps: readonly StepEvent[];
  readonly samples: readonly SampleEvent[];
  readonly end: EndEvent | null;
  /** The most GPU memory that was owned at once. */
  readonly peakBytes: number;
}

/** Trains to the end, or stops at `stopAt` as the stop button would. */
export async function trainStretch(
  run: TrainRun,
  { signal, stopAt, tell }: {
    readonly signal: AbortSignal;
    readonly stopAt?: number;
    readonly tell: (state: string) => void;
  },
): Promise<Stretch> {
  const stop = new AbortController();
  let start: StartEvent | null = null;
  let end: EndEvent | null = null;
  const steps: StepEvent[] = [];
  const samples: SampleEvent[] = [];
  try {
    for await (const event of train(run, AbortSignal.any([signal, stop.signal]))) {
      if (event.type === "start") start = event;
      if (event.type === "step") {
        steps.push(event);
        tell(`step ${event.step}/${stopAt ?? event.totalSteps}, loss ${formatLoss(event.loss)}`);
      }
      if (event.type === "sample") samples.push(event);
      if (event.type === "end") end = event;
      if (event.type === "step" && event.step === stopAt) stop.abort();
    }
  } catch (error) {
    if (!stop.signal.aborted || signal.aborted) throw error;
  }
  return { start, steps, samples, end, peakBytes: run.model.scope.device.peakBytes };
}

/** What the whole run needs and takes, which is only planned. */
export interface WholeRun {
  readonly totalSteps: number;
  /** All tokens that it learns from, prompts included, each as often as it is seen. */
  readonly tokens: number;
  /** How many tokens its records have, and which do not fit, in words. */
  readonly data: string;
  /** Planned and allowed GPU memory, in words. */
  readonly memory: string;
}

/** Reads all records, and says how many there are. Throws what is wrong with a record. */
export async function countRecords({ config }: RunSettings): Promise<string> {
  const { train_path, val_path, max_train_samples, max_val_samples } = config;
  const count = async (path: string | null, most: number | null) =>
    path ? (await readTrainingRecords(path, { maxRecords: most ?? undefined })).length : 0;
  const training = await count(train_path, max_train_samples);
  const validation = await count(val_path, max_val_samples);
  return `${training} training and ${validation} validation records read`;
}

/** What `planned` says of the whole run. */
export function wholeRun(planned: PlannedRun): WholeRun {
  const { trainExamples, evalExamples, dropped, truncated, plan, limit, config } = planned;
  const { steps: { totalSteps, stepsPerEpoch } } = planned.batches;
  let [longest, perEpoch] = [0, 0];
  for (const { ids } of trainExamples) perEpoch += ids.length;
  for (const { ids } of [...trainExamples, ...evalExamples]) {
    longest = Math.max(longest, ids.length);
  }
  const [first] = dropped;
  return {
    totalSteps,
    tokens: perEpoch * totalSteps / stepsPerEpoch,
    data: `up to ${longest} tokens; ${truncated} cut to max_seq_length ${config.max_seq_length}, ` +
      `${dropped.length} left out${first ? `, the first ${first.id}: ${first.reason}` : ""}`,
    memory: `${formatBytes(plan.totalBytes)} planned for the whole run, ` +
      (limit ? `${formatBytes(limit.bytes)} there are (${limit.source})` : "no limit known"),
  };
}
