/**
 * The training loop.
 * @module
 */
import { join } from "node:path";
import { TrainingError } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import type { LogEvent, Metrics, StepEvent, TrainEvent } from "./events.ts";
import { Ledger } from "./ledger.ts";
import type { TrainRun } from "./prepare.ts";
import { explainShortage } from "./remedies.ts";
import { saveResult } from "./result.ts";
import { sampleAnswers } from "./samples.ts";
import { learningRateAt } from "./schedule.ts";
import { EMPTY_WINDOW, type TrainState } from "./state.ts";
import { type StepResult, trainStep } from "./step.ts";
import { tapeOptions } from "./trainable.ts";

/**
 * Trains `run` and tells what happens, step by step; leaving the loop over it ends the training.
 * Where `signal` is aborted, a checkpoint is written after the present step and the abort reason
 * thrown. Throws {@linkcode TrainingError} where a loss, gradient or weight is not finite, and
 * {@linkcode DeviceError} with remedies where GPU memory runs out; what was written before stays as it
 * is.
 *
 * @example
 * ```ts
 * import { openDevice, planTraining, prepareTraining, resolveTrainConfig, train } from "../mod.ts";
 *
 * const values = { base_model: "mistral-7b", train_path: "train.jsonl" };
 * using device = await openDevice();
 * const planned = await planTraining(device, resolveTrainConfig([{ source: "options", values }]));
 * using run = await prepareTraining(device, planned);
 * for await (const event of train(run)) {
 *   if (event.type === "step") console.log(event.step, event.loss);
 * }
 * ```
 */
export async function* train(run: TrainRun, signal?: AbortSignal): AsyncGenerator<TrainEvent> {
  try {
    yield* trainLoop(run, signal);
  } catch (error) {
    throw await explainShortage(error, { device: run.trainable.device, planned: run, signal });
  }
}

async function* trainLoop(run: TrainRun, signal?: AbortSignal): AsyncGenerator<TrainEvent> {
  const { config, batches: { steps: { totalSteps } } } = run;
  const { ledger, start } = await Ledger.open(run);
  yield start;
  const isDue = (every: number) => every > 0 && ledger.state.step % every === 0;
  const isStale = () =>
    config.early_stopping_patience > 0 &&
    ledger.state.evalsSinceBest >= config.early_stopping_patience;
  // An abort may have come between the checkpoint's step and its evaluation.
  if (start.resumedFrom && isDue(config.eval_steps)) yield* ledger.evaluate(signal);
  while (ledger.state.step < totalSteps && !isStale()) {
    const event = await nextStep(run, ledger);
    yield event;
    if (isDue(config.logging_steps) || event.step === totalSteps) yield closeWindow(ledger, event);
    if (isDue(config.eval_steps)) yield* ledger.evaluate(signal);
    if (isDue(config.save_steps)) yield* ledger.save();
    if (signal?.aborted) {
      yield* ledger.save();
      signal.throwIfAborted();
    }
  }
  const { step } = ledger.state;
  const stoppedEarly = step < totalSteps;
  yield* ledger.evaluate(signal);
  yield* ledger.save();
  if (stoppedEarly) await ledger.restoreBest();
  const path = await saveResult(run);
  const metrics = metricsOf(run, ledger.state, stoppedEarly);
  await writeMetrics(config.output_dir, metrics);
  yield* sampleAnswers(run, path, signal);
  yield { type: "end", step, path, metrics, stoppedEarly };
}

/** Does the next step. Throws {@linkcode TrainingError} where its loss or gradient is not finite. */
async function nextStep(run: TrainRun, ledger: Ledger): Promise<StepEvent> {
  const { config, model, adapter, trainable, batches } = run;
  const { totalSteps, stepsPerEpoch } = batches.steps;
  const { step } = ledger.state;
  const learning_rate = learningRateAt(step, {
    learningRate: config.learning_rate,
    type: config.lr_scheduler_type,
    warmupSteps: config.warmup_steps,
    totalSteps,
  });
  const begin = performance.now();
  const result = await trainStep({
    model,
    adapter,
    trainable,
    batches: batches.batchesOf(step),
    step,
    seed: config.seed,
    learningRate: learning_rate,
    weightDecay: config.weight_decay,
    maxGradNorm: config.max_grad_norm,
    neftuneAlpha: config.neftune_noise_alpha,
    tape: tapeOptions(config, model.scope.device),
  });
  checkFinite(result, step + 1, ledger.lastCheckpoint);
  const seconds = (performance.now() - begin) / 1000;
  const state = ledger.state = afterStep(ledger.state, result, seconds);
  return {
    type: "step",
    step: state.step,
    loss: result.loss,
    learning_rate,
    grad_norm: result.gradNorm,
    num_target_tokens: result.targets,
    tokens_per_second: result.tokens / seconds,
    epoch: state.step / stepsPerEpoch,
    totalSteps,
    secondsLeft: (totalSteps - state.step) * state.seconds / state.step,
    gpuBytes: model.scope.device.liveBytes,
  };
}

/** The log entry of the steps since the last one; `last` is the newest of them. */
function closeWindow(ledger: Ledger, last: StepEvent): LogEvent {
  const { window, logHistory } = ledger.state;
  const entry = {
    step: last.step,
    loss: window.loss / window.steps,
    learning_rate: last.learning_rate,
    grad_norm: last.grad_norm,
    num_target_tokens: window.targets,
    tokens_per_second: window.tokens / window.seconds,
  };
  ledger.state = { ...ledger.state, logHistory: [...logHistory, entry], window: EMPTY_WINDOW };
  return { type: "log", ...entry };
}

/** Writes metrics.json into a run's folder. */
export async function writeMetrics(outputDir: string, metrics: Metrics): Promise<void> {
  await Deno.mkdir(outputDir, { recursive: true });
  await writeFileAtomic(join(outputDir, "metrics.json"), JSON.stringify(metrics, null, 2) + "\n");
}

function checkFinite({ loss, gradNorm }: StepResult, step: number, lastGood: string | null): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  const kept = lastGood
    ? `the last good checkpoint is ${lastGood}`
    : "no checkpoint was written yet";
  throw new TrainingError(
    `Cannot continue: at step ${step} the loss is ${loss} and the gradient norm ${gradNorm}; ` +
      `${kept}; lower --learning_rate, or look for damaged weights`,
    step,
  );
}

function afterStep(state: TrainState, result: StepResult, seconds: number): TrainState {
  const { window } = state;
  return {
    ...state,
    step: state.step + 1,
    lossSum: state.lossSum + result.loss,
    tokens: state.tokens + result.tokens,
    seconds: state.seconds + seconds,
    window: {
      steps: window.steps + 1,
      loss: window.loss + result.loss,
      targets: window.targets + result.targets,
      tokens: window.tokens + result.tokens,
      seconds: window.seconds + seconds,
    },
  };
}

function metricsOf(run: TrainRun, state: TrainState, stoppedEarly: boolean): Metrics {
  const lastEval = stoppedEarly ? state.best : state.evalHistory.at(-1);
  return {
    train_loss: state.step > 0 ? state.lossSum / state.step : null,
    eval_loss: lastEval?.eval_loss ?? null,
    train_runtime: state.seconds,
    tokens_per_second: state.seconds > 0 ? state.tokens / state.seconds : 0,
    peak_gpu_bytes: run.model.scope.device.peakBytes,
    planned_gpu_bytes: run.plan.totalBytes,
    log_history: state.logHistory,
  };
}
