/**
 * The training loop.
 * @module
 */
import { dirname, join } from "node:path";
import { TrainingError } from "../errors.ts";
import { recoverDirectory, writeFileAtomic } from "../formats/atomic.ts";
import {
  checkpointPath,
  listCheckpoints,
  pruneCheckpoints,
  readCheckpointState,
  restoreCheckpoint,
  saveCheckpoint,
  setAsideCheckpoints,
} from "./checkpoint.ts";
import { evaluateLoss } from "./evaluate_loss.ts";
import type { Metrics, TrainEvent } from "./events.ts";
import type { TrainRun } from "./prepare.ts";
import { saveResult } from "./result.ts";
import { sampleAnswers } from "./samples.ts";
import { learningRateAt } from "./schedule.ts";
import {
  checkIdentity,
  EMPTY_WINDOW,
  INITIAL_STATE,
  runIdentity,
  type TrainState,
} from "./state.ts";
import { type StepResult, trainStep } from "./step.ts";
import { tapeOptions } from "./trainable.ts";

/**
 * Trains `run` and tells what happens, step by step; leaving the loop over it ends the training.
 * Where `signal` is aborted, a checkpoint is written after the present step and the abort reason
 * thrown. Throws {@linkcode TrainingError} where a loss or gradient is not finite; the checkpoints
 * written before stay as they are.
 *
 * @example
 * ```ts
 * using run = await prepareTraining(config);
 * for await (const event of train(run)) {
 *   if (event.type === "step") console.log(event.step, event.loss);
 * }
 * ```
 */
export async function* train(run: TrainRun, signal?: AbortSignal): AsyncGenerator<TrainEvent> {
  const { config, model, adapter, trainable, batches } = run;
  const { totalSteps, stepsPerEpoch } = batches.steps;
  const identity = await runIdentity(config, run.trainExamples, run.files.checkpoint);
  const resumedFrom = await findCheckpoint(config.output_dir, config.resume_from_checkpoint);
  let state: TrainState = INITIAL_STATE;
  if (resumedFrom) {
    const saved = await readCheckpointState(resumedFrom);
    checkIdentity(saved.identity, identity, resumedFrom);
    await restoreCheckpoint(resumedFrom, trainable);
    state = saved.state;
  }
  const setAside = await setAsideCheckpoints(config.output_dir, state.step);
  yield { type: "start", step: state.step, totalSteps, resumedFrom, setAside };

  let saved = resumedFrom ? { step: state.step, path: resumedFrom } : null;
  // Checkpoints from before a resume need not be in this run's folder.
  let bestPath = resumedFrom && state.best
    ? join(dirname(resumedFrom), `step-${state.best.step}`)
    : null;
  async function* save(): AsyncGenerator<TrainEvent> {
    if (saved?.step === state.step) return;
    const path = await saveCheckpoint(config.output_dir, trainable, { state, identity });
    saved = { step: state.step, path };
    if (state.best?.step === state.step) bestPath = path;
    const best = state.best?.step ?? null;
    await pruneCheckpoints(config.output_dir, { limit: config.save_total_limit, best });
    yield { type: "checkpoint", step: state.step, path };
  }

  async function* evaluate(): AsyncGenerator<TrainEvent> {
    if (run.evalBatches.length === 0 || state.evalHistory.at(-1)?.step === state.step) return;
    let eval_loss: number;
    try {
      eval_loss = await evaluateLoss(model, run.evalBatches, signal);
    } catch (error) {
      // An abort meanwhile must not lose the steps since the last checkpoint.
      if (signal?.aborted) yield* save();
      throw error;
    }
    const entry = { step: state.step, eval_loss };
    const best = !state.best || eval_loss < state.best.eval_loss;
    state = {
      ...state,
      evalHistory: [...state.evalHistory, entry],
      best: best ? entry : state.best,
      evalsSinceBest: best ? 0 : state.evalsSinceBest + 1,
    };
    yield { type: "eval", ...entry, best };
    if (best) yield* save();
  }

  const isDue = (every: number) => every > 0 && state.step % every === 0;
  const isStale = () =>
    config.early_stopping_patience > 0 && state.evalsSinceBest >= config.early_stopping_patience;
  // An abort may have come between the checkpoint's step and its evaluation.
  if (resumedFrom && isDue(config.eval_steps)) yield* evaluate();
  while (state.step < totalSteps && !isStale()) {
    const step = state.step;
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
      tape: tapeOptions(config),
    });
    checkFinite(result, step + 1, saved?.path ?? null);
    const seconds = (performance.now() - begin) / 1000;
    state = afterStep(state, result, seconds);
    yield {
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
    if (isDue(config.logging_steps) || state.step === totalSteps) {
      const { window } = state;
      const entry = {
        step: state.step,
        loss: window.loss / window.steps,
        learning_rate,
        grad_norm: result.gradNorm,
        num_target_tokens: window.targets,
        tokens_per_second: window.tokens / window.seconds,
      };
      state = { ...state, logHistory: [...state.logHistory, entry], window: EMPTY_WINDOW };
      yield { type: "log", ...entry };
    }
    if (isDue(config.eval_steps)) yield* evaluate();
    if (isDue(config.save_steps)) yield* save();
    if (signal?.aborted) {
      yield* save();
      signal.throwIfAborted();
    }
  }

  const stoppedEarly = state.step < totalSteps;
  yield* evaluate();
  yield* save();
  if (stoppedEarly && bestPath) await restoreCheckpoint(bestPath, trainable);
  const path = await saveResult(run);
  const metrics = metricsOf(run, state, stoppedEarly);
  await writeMetrics(config.output_dir, metrics);
  yield* sampleAnswers(run, path, signal);
  yield { type: "end", step: state.step, path, metrics, stoppedEarly };
}

/** Writes metrics.json into a run's folder. */
export async function writeMetrics(outputDir: string, metrics: Metrics): Promise<void> {
  await Deno.mkdir(outputDir, { recursive: true });
  await writeFileAtomic(join(outputDir, "metrics.json"), JSON.stringify(metrics, null, 2) + "\n");
}

/** The checkpoint to continue from: the given one, the newest for "latest", or none. */
async function findCheckpoint(outputDir: string, choice: string | null): Promise<string | null> {
  if (choice === null) return null;
  if (choice !== "latest") {
    await recoverDirectory(choice);
    return choice;
  }
  const newest = (await listCheckpoints(outputDir)).at(-1);
  return newest === undefined ? null : checkpointPath(outputDir, newest);
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
