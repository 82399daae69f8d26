/**
 * The check before a long run: every part of it, done once on few records.
 * @module
 */
import { isTextRecord } from "../data/record.ts";
import { join } from "node:path";
import { formatBytes, formatCount, formatLoss } from "../cli/format.ts";
import { TrainingError } from "../errors.ts";
import { loadAdapter } from "../model/adapter.ts";
import { generate } from "../model/generate.ts";
import { loadModel } from "../model/load.ts";
import { encodePrompt } from "../text/prompt.ts";
import type { EndEvent, SampleEvent, StartEvent, StepEvent } from "../train/events.ts";
import { planTraining } from "../train/plan.ts";
import { prepareTraining, type TrainRun } from "../train/prepare.ts";
import { train } from "../train/train.ts";
import { type Check, type CheckResult, makeChecks } from "./check_list.ts";
import { interruptible, type SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";

/** What was found. */
export interface Validation {
  readonly checks: readonly CheckResult[];
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

/** Steps of training after the checkpoint was read back. */
const RESUMED_STEPS = 2;
/** Times that each record is seen, so that the loss falls for certain where learning works. */
const REPEATS = 5;
const MAX_NEW_TOKENS = 96;

/**
 * Checks data, model, training, checkpoint, inference and GPU memory with the settings of the run,
 * in a folder of its own. What fails is in the result, with what to do; it throws only where it is
 * interrupted.
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
    return { checks, passed: checks.every(({ state }) => state === "pass"), steps: trained };
  } finally {
    notebook.drop("validation");
  }
}

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
  const plan = (resume_from_checkpoint: string | null) =>
    planTraining(device, { ...config, resume_from_checkpoint }, { modelDirectory, signal });
  let run: TrainRun;
  let after: Stretch;
  return [
    {
      name: "Data",
      remedy: "make the files anew with deno task data, or raise max_seq_length",
      make: async () => {
        using planned = await plan(null);
        const { trainRecords, evalRecords, dropped, truncated } = planned;
        const lengths = [...planned.trainExamples, ...planned.evalExamples].map(({ ids }) =>
          ids.length
        );
        return `${trainRecords.length} training and ${evalRecords.length} validation records read, ` +
          `up to ${Math.max(...lengths)} tokens; ${truncated} cut, ${dropped.length} left out`;
      },
    },
    {
      name: "Model",
      remedy: "check base_model and its files; for too little memory lower the batch size, " +
        "max_seq_length or lora_r",
      make: async () => {
        const planned = await plan(null);
        run = await notebook.keep("validation", () => prepareTraining(device, planned, { signal }));
        const { parameters, bytes } = run.model.size;
        return `${formatCount(parameters)} weights in ${formatBytes(bytes)}, ` +
          `${formatCount(run.adapter?.parameterCount ?? parameters)} of them trained`;
      },
    },
    {
      name: "Training",
      remedy: "lower learning_rate where the loss rises or is NaN, raise it where it stays",
      make: async () => {
        const stretch = await trainStretch(run, signal, steps);
        trained.push(...stretch.steps);
        const [first, last] = [meanLoss(trained.slice(0, 5)), meanLoss(trained.slice(-5))];
        const found = `loss ${formatLoss(first)} → ${formatLoss(last)} in ${trained.length} steps`;
        if (!(last < first)) throw new TrainingError(`The ${found} does not fall`);
        return `${found} (means of five), ${
          formatCount(trained.at(-1)!.tokens_per_second)
        } tokens/s`;
      },
    },
    {
      name: "Checkpoint",
      remedy: "see that output_dir is on a disk with space, and that nothing else writes there",
      make: async () => {
        notebook.drop("validation");
        const planned = await plan("latest");
        run = await notebook.keep("validation", () => prepareTraining(device, planned, { signal }));
        after = await trainStretch(run, signal);
        const { start, end } = after;
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
      remedy: "check that the adapter's folder and the base model belong together",
      make: async () => {
        notebook.drop("validation");
        return await answerOnce(
          notebook,
          { settings, config, path: after.end!.path },
          after,
          signal,
        );
      },
    },
    {
      name: "GPU memory",
      // deno-lint-ignore require-await -- the other checks wait for the GPU
      make: async () => {
        const { peak_gpu_bytes: peak, planned_gpu_bytes: planned } = after.end!.metrics;
        const found = `${formatBytes(peak)} at the peak, ${formatBytes(planned)} planned`;
        if (peak > planned) throw new TrainingError(`It is more than planned: ${found}`);
        notebook.drop("validation");
        const left = device.heldBytes - before;
        if (left !== 0) throw new TrainingError(`${formatBytes(left)} were not given back`);
        return `${found}, all given back`;
      },
      remedy: "restart the kernel; if it stays, this is a fault of the library: please report it",
    },
  ];
}

function shortConfig({ config }: RunSettings, steps: number): RunSettings["config"] {
  const perStep = config.per_device_train_batch_size * config.gradient_accumulation_steps;
  return {
    ...config,
    output_dir: join(config.output_dir, "validation"),
    max_steps: steps + RESUMED_STEPS,
    max_train_samples: Math.ceil(perStep * steps / REPEATS),
    max_val_samples: perStep,
    eval_steps: 0,
    save_steps: 0,
    logging_steps: 1,
  };
}

/** What a stretch of training told. */
interface Stretch {
  readonly start: StartEvent | null;
  readonly steps: readonly StepEvent[];
  readonly samples: readonly SampleEvent[];
  readonly end: EndEvent | null;
}

/** Trains to the end, or stops at `stopAt` as the stop button would. */
async function trainStretch(run: TrainRun, signal: AbortSignal, stopAt?: number): Promise<Stretch> {
  const stop = new AbortController();
  let start: StartEvent | null = null;
  let end: EndEvent | null = null;
  const steps: StepEvent[] = [];
  const samples: SampleEvent[] = [];
  try {
    for await (const event of train(run, AbortSignal.any([signal, stop.signal]))) {
      if (event.type === "start") start = event;
      if (event.type === "step") steps.push(event);
      if (event.type === "sample") samples.push(event);
      if (event.type === "end") end = event;
      if (event.type === "step" && event.step === stopAt) stop.abort();
    }
  } catch (error) {
    if (!stop.signal.aborted || signal.aborted) throw error;
  }
  return { start, steps, samples, end };
}

/** The saved result must answer as it did right after training. */
async function answerOnce(
  notebook: Notebook,
  { settings, config, path }: {
    settings: RunSettings;
    config: RunSettings["config"];
    path: string;
  },
  { samples: [sample] }: Stretch,
  signal: AbortSignal,
): Promise<string> {
  using planned = await planTraining(notebook.device, config, {
    modelDirectory: settings.modelDirectory,
    signal,
  });
  const { tokenizer } = planned;
  const records = config.val_path ? planned.evalRecords : planned.trainRecords;
  const record = records.find((one) => one.id === sample.id);
  if (!record || isTextRecord(record)) throw new TypeError(`There is no record ${sample.id}`);
  const full = config.method === "full";
  using model = await loadModel(notebook.device, full ? path : settings.modelDirectory, {
    quantization: config.method === "qlora" ? "nf4" : "none",
    doubleQuant: config.double_quant,
    signal,
  });
  using adapter = full ? null : await loadAdapter(model, path);
  adapter?.attach(model);
  const ids = encodePrompt(record, tokenizer, { style: config.prompt });
  const begin = performance.now();
  const [answer] = await generate(model, [ids], {
    maxNewTokens: MAX_NEW_TOKENS,
    eosIds: [tokenizer.eosId],
    signal,
  });
  const rate = (answer.ids.length + 1) / ((performance.now() - begin) / 1000);
  const text = tokenizer.decode(answer.ids).trim();
  if (text !== sample.generated) {
    throw new TrainingError(`It answers "${text}", and "${sample.generated}" before it was loaded`);
  }
  return `the saved adapter answers as after training: "${text.slice(0, 60)}", ` +
    `${formatCount(rate)} tokens/s`;
}

function meanLoss(steps: readonly StepEvent[]): number {
  return steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
}
