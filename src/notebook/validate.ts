/**
 * The check before a long run: every part of it, done once on few records.
 * @module
 */
import { formatBytes, formatCount, formatDuration, formatLoss } from "../cli/format.ts";
import { ConfigError, DeviceError, FormatError, TrainingError } from "../errors.ts";
import { checkWritableFolder } from "../formats/atomic.ts";
import type { StepEvent } from "../train/events.ts";
import { type PlannedRun, planTraining } from "../train/plan.ts";
import { prepareTraining, type TrainRun } from "../train/prepare.ts";
import { refuseShortage } from "../train/remedies.ts";
import { allPassed, type Check, type CheckResult, makeChecks } from "./check_list.ts";
import { interruptible, type SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";
import { answerOnce } from "./validate_answer.ts";
import {
  countRecords,
  RESUMED_STEPS,
  shortConfig,
  type Stretch,
  trainStretch,
  type WholeRun,
  wholeRun,
} from "./validate_run.ts";

/** A plan is right within a twentieth: it rehearses the passes with the most rows, not all. */
const MOST_OF_PLAN = 1.05;

/** What was found. */
export interface Validation {
  readonly checks: readonly CheckResult[];
  /** Whether every check that applies passed. */
  readonly passed: boolean;
  /** The steps that were trained, for a plot. */
  readonly steps: readonly StepEvent[];
}

/** How to validate. */
export interface ValidateOptions {
  /** Steps over which the loss must fall. Default 20. */
  readonly steps?: number;
  readonly send?: SendDisplay;
}

/**
 * Checks data, model, training, checkpoint, inference and GPU memory with the settings of the run: all
 * its records are read and its memory is planned, and a short run is made in a folder of its own. What
 * fails is in the result, with what to do; it throws only where it is interrupted.
 */
export async function validateSetup(
  notebook: Notebook,
  settings: RunSettings,
  { steps = 20, send }: ValidateOptions = {},
): Promise<Validation> {
  const trained: StepEvent[] = [];
  try {
    const checks = await interruptible((signal) =>
      makeChecks(checksOf(notebook, settings, { steps, trained, signal }), { send, signal })
    );
    return { checks, passed: allPassed(checks), steps: trained };
  } finally {
    notebook.drop("validation");
  }
}

/** What helps against `error` in whichever check it comes, else `own`. */
const remedyOr = (own: string) => (error: unknown): string => {
  if (error instanceof DeviceError) {
    return error.outOfMemory || error.needed !== undefined
      ? "take less memory: lower per_device_train_batch_size, max_seq_length or lora_r"
      : "restart the kernel; if it comes again, look at the GPU's driver";
  }
  if (error instanceof ConfigError) return "correct the option that is named";
  if (error instanceof FormatError && error.message.startsWith("Cannot write ")) {
    return "give an output_dir that can be written, on a disk with space";
  }
  return own;
};

interface Context {
  readonly steps: number;
  readonly trained: StepEvent[];
  readonly signal: AbortSignal;
}

function checksOf(notebook: Notebook, settings: RunSettings, context: Context): Check[] {
  const { steps, trained, signal } = context;
  const { device } = notebook;
  const { modelDirectory } = settings;
  const config = shortConfig(settings, steps);
  const before = device.liveBytes;
  const prepare = (tell: (state: string) => void, resume_from_checkpoint: string | null) =>
    notebook.keep("validation", async () => {
      const short = { ...config, resume_from_checkpoint };
      return await prepareTraining(
        device,
        await planTraining(device, short, { modelDirectory, signal }),
        {
          signal,
          onProgress: (bytes, total) =>
            tell(`loading weights, ${formatBytes(bytes)} of ${formatBytes(total)}`),
        },
      );
    });
  let planned: PlannedRun;
  let whole: WholeRun;
  let modelFault: unknown = null;
  let run: TrainRun;
  let first: Stretch;
  let second: Stretch;
  return [
    {
      name: "Data",
      remedy: (error) =>
        error instanceof TrainingError
          ? "raise max_seq_length, or leave out such records"
          : remedyOr("correct train_path or val_path, or make the files anew with deno task data")(
            error,
          ),
      make: async (tell) => {
        await checkWritableFolder(settings.config.output_dir);
        tell("reading records");
        const records = await countRecords(settings);
        tell("counting tokens");
        try {
          planned = await notebook.keep(
            "validation",
            () => planTraining(device, settings.config, { modelDirectory, signal }),
          );
        } catch (error) {
          if (error instanceof TrainingError) throw error;
          modelFault = error; // The records were read, so it is the model that cannot be planned.
          return `${records}; their tokens cannot be counted without the model`;
        }
        whole = wholeRun(planned);
        return `${records}, ${whole.data}`;
      },
    },
    {
      name: "Model",
      remedy: remedyOr("check base_model and its files"),
      make: async (tell) => {
        if (modelFault !== null) throw modelFault;
        await refuseShortage(device, planned, signal);
        run = await prepare(tell, null);
        const { parameters, bytes } = run.model.size;
        return `${formatCount(parameters)} weights in ${formatBytes(bytes)}, ` +
          `${formatCount(run.adapter?.parameterCount ?? parameters)} of them trained; ` +
          whole.memory;
      },
    },
    {
      name: "Training",
      remedy: remedyOr(
        "lower learning_rate where the loss rises or is NaN, raise it where it stays",
      ),
      make: async (tell) => {
        first = await trainStretch(run, { signal, stopAt: steps, tell });
        trained.push(...first.steps);
        const found = lossFall(trained, run.batches.steps.stepsPerEpoch);
        const rate = medianRate(trained);
        return `${found}, ${formatCount(rate)} tokens/s: the ${whole.totalSteps} ` +
          `steps of the whole run take about ${formatDuration(whole.tokens / rate)}, and ` +
          "evaluations come on top";
      },
    },
    {
      name: "Checkpoint",
      remedy: remedyOr("see that nothing else writes into output_dir or clears it"),
      make: async (tell) => {
        notebook.drop("validation");
        run = await prepare(tell, "latest");
        second = await trainStretch(run, { signal, tell });
        const { start, end } = second;
        if (start?.step !== steps || end?.step !== steps + RESUMED_STEPS) {
          throw new TrainingError(
            `The run went on from step ${start?.step} to ${end?.step}, not from ${steps} to ` +
              `${steps + RESUMED_STEPS}`,
          );
        }
        return `saved at step ${steps}, read back, trained on to step ${end.step}`;
      },
    },
    {
      name: "Inference",
      remedy: remedyOr("check that the adapter's folder and the base model belong together"),
      make: async () => {
        notebook.drop("validation");
        const { path } = second.end!;
        return await answerOnce(notebook, { settings, config, path }, second.samples, signal);
      },
    },
    {
      name: "GPU memory",
      remedy: remedyOr(
        "restart the kernel; if it stays, this is a fault of the library: please report it",
      ),
      // deno-lint-ignore require-await -- the other checks wait for the GPU
      make: async () => {
        const peak = Math.max(first.peakBytes, second.end!.metrics.peak_gpu_bytes);
        const short = second.end!.metrics.planned_gpu_bytes;
        const found = `${formatBytes(peak)} at the peak of these steps, ` +
          `${formatBytes(short)} planned for them`;
        if (peak > MOST_OF_PLAN * short) {
          throw new TrainingError(`It is more than planned: ${found}`);
        }
        notebook.drop("validation");
        const left = device.heldBytes - before;
        if (left !== 0) throw new TrainingError(`${formatBytes(left)} were not given back`);
        return `${found}, all given back; ${whole.memory}`;
      },
    },
  ];
}

/** A smaller share than this may be rounding: a record's loss depends on what it is summed with. */
const LEAST_FALL = 1e-4;

/**
 * How far the loss falls from the first pass over the records to the last whole one, in words. Throws
 * {@linkcode TrainingError} where it does not.
 */
function lossFall(steps: readonly StepEvent[], stepsPerEpoch: number): string {
  const epochs = Math.floor(steps.length / stepsPerEpoch);
  const first = meanLoss(steps.slice(0, stepsPerEpoch));
  const last = meanLoss(steps.slice((epochs - 1) * stepsPerEpoch, epochs * stepsPerEpoch));
  const found = `loss ${formatLoss(first)} → ${formatLoss(last)} in ${steps.length} steps ` +
    `(means of the first and the last of ${epochs} passes over the same records)`;
  if (!(last < first * (1 - LEAST_FALL))) throw new TrainingError(`It does not fall: ${found}`);
  return found;
}

/** Per target token, so that the same records give the same however they are put into steps. */
function meanLoss(steps: readonly StepEvent[]): number {
  const tokens = steps.reduce((sum, step) => sum + step.num_target_tokens, 0);
  return steps.reduce((sum, step) => sum + step.loss * step.num_target_tokens, 0) / tokens;
}

/** Tokens per second of the middle step: the first ones also compile kernels. */
function medianRate(steps: readonly StepEvent[]): number {
  const rates = steps.map(({ tokens_per_second }) => tokens_per_second).sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)];
}
