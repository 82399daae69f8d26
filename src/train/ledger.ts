/**
 * What a run has done so far, and what of it is on the disk.
 * @module
 */
import { dirname, join } from "node:path";
import { TrainingError } from "../errors.ts";
import { recoverDirectory } from "../formats/atomic.ts";
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
import type { CheckpointEvent, EvalEvent, StartEvent } from "./events.ts";
import type { TrainRun } from "./prepare.ts";
import {
  checkIdentity,
  INITIAL_STATE,
  type RunIdentity,
  runIdentity,
  type TrainState,
} from "./state.ts";

/** The state of a run and its checkpoints. */
export class Ledger {
  state: TrainState;
  readonly #run: TrainRun;
  readonly #identity: RunIdentity;
  /** The newest checkpoint, and the state that is in it. */
  #saved: { readonly state: TrainState; readonly path: string } | null;
  #bestPath: string | null;

  private constructor(
    run: TrainRun,
    identity: RunIdentity,
    resumed: { state: TrainState; path: string } | null,
  ) {
    this.#run = run;
    this.#identity = identity;
    this.state = resumed?.state ?? INITIAL_STATE;
    this.#saved = resumed;
    // Checkpoints from before a resume need not be in this run's folder.
    this.#bestPath = resumed?.state.best
      ? join(dirname(resumed.path), `step-${resumed.state.best.step}`)
      : null;
  }

  /**
   * Starts afresh, or from the checkpoint that the config names, whose weights and optimizer are then
   * restored. Checkpoints of a run that is not continued are set aside.
   */
  static async open(run: TrainRun): Promise<{ ledger: Ledger; start: StartEvent }> {
    const { config, trainable, batches } = run;
    const identity = await runIdentity(config, run.trainExamples, run.files.checkpoint);
    const path = await findCheckpoint(config.output_dir, config.resume_from_checkpoint);
    let resumed: { state: TrainState; path: string } | null = null;
    if (path) {
      const saved = await readCheckpointState(path);
      checkIdentity(saved.identity, identity, path);
      await restoreCheckpoint(path, trainable);
      resumed = { state: saved.state, path };
    }
    const ledger = new Ledger(run, identity, resumed);
    const { step } = ledger.state;
    const setAside = await setAsideCheckpoints(config.output_dir, step);
    const { totalSteps } = batches.steps;
    return { ledger, start: { type: "start", step, totalSteps, resumedFrom: path, setAside } };
  }

  /** The newest checkpoint of this run, or null. */
  get lastCheckpoint(): string | null {
    return this.#saved?.path ?? null;
  }

  /** Writes a checkpoint, unless the newest one has all that there is. */
  async *save(): AsyncGenerator<CheckpointEvent> {
    const { state } = this;
    if (this.#saved?.state === state || state.step === 0) return;
    const { config, trainable } = this.#run;
    const identity = this.#identity;
    const path = await saveCheckpoint(config.output_dir, trainable, { state, identity });
    this.#saved = { state, path };
    if (state.best?.step === state.step) this.#bestPath = path;
    const best = state.best?.step ?? null;
    await pruneCheckpoints(config.output_dir, { limit: config.save_total_limit, best });
    yield { type: "checkpoint", step: state.step, path };
  }

  /**
   * Takes the eval loss, once after each step, and saves the best. Throws {@linkcode TrainingError}
   * where it is not finite; the weights are then saved first, if they are finite.
   */
  async *evaluate(signal?: AbortSignal): AsyncGenerator<EvalEvent | CheckpointEvent> {
    const { model, evalBatches } = this.#run;
    const { state } = this;
    if (evalBatches.length === 0 || state.evalHistory.at(-1)?.step === state.step) return;
    let eval_loss: number;
    try {
      eval_loss = await evaluateLoss(model, evalBatches, signal);
    } catch (error) {
      // An abort meanwhile must not lose the steps since the last checkpoint.
      if (signal?.aborted) yield* this.save();
      throw error;
    }
    if (!Number.isFinite(eval_loss)) {
      yield* this.save();
      throw new TrainingError(
        `Cannot continue: the eval loss after step ${state.step} is ${eval_loss}; the last good ` +
          `checkpoint is ${this.lastCheckpoint}; look for damaged base weights or validation ` +
          "records, or lower --learning_rate",
        state.step,
      );
    }
    const entry = { step: state.step, eval_loss };
    const best = !state.best || eval_loss < state.best.eval_loss;
    this.state = {
      ...state,
      evalHistory: [...state.evalHistory, entry],
      best: best ? entry : state.best,
      evalsSinceBest: best ? 0 : state.evalsSinceBest + 1,
    };
    yield { type: "eval", ...entry, best };
    if (best) yield* this.save();
  }

  /** Puts back the weights that had the lowest eval loss. */
  async restoreBest(): Promise<void> {
    if (this.#bestPath) await restoreCheckpoint(this.#bestPath, this.#run.trainable);
  }
}

/** The checkpoint to continue from: the given one, the newest for "latest", or none. */
export async function findCheckpoint(
  outputDir: string,
  choice: string | null,
): Promise<string | null> {
  if (choice === null) return null;
  if (choice !== "latest") {
    await recoverDirectory(choice);
    return choice;
  }
  const newest = (await listCheckpoints(outputDir)).at(-1);
  return newest === undefined ? null : checkpointPath(outputDir, newest);
}
