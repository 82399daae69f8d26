/**
 * Training in a cell: progress and loss plot that update in place, and a stop button that leaves a
 * checkpoint.
 * @module
 */
import { gitCommit } from "../cli/git.ts";
import type { TrainEvent } from "../train/events.ts";
import { planTraining } from "../train/plan.ts";
import { prepareTraining } from "../train/prepare.ts";
import { writeRunMeta } from "../train/run_meta.ts";
import { train } from "../train/train.ts";
import { interruptible, type SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";
import { TrainMonitor } from "./train_monitor.ts";
import type { TrainingResult } from "./train_result.ts";

/** How to train in a cell. */
export interface TrainLiveOptions {
  /** Continue from the newest checkpoint in the output folder, if there is one. Default false. */
  readonly resume?: boolean;
  readonly send?: SendDisplay;
  /** Gets every event, after it is shown. */
  readonly onEvent?: (event: TrainEvent) => void;
}

/**
 * Trains as `settings` say and shows it. The run is off the GPU when this ends, however it ends. After
 * the stop button a checkpoint is written, and the error thrown says how to go on. Throws
 * {@linkcode TrainingError} where the loss is not finite.
 */
export async function trainLive(
  notebook: Notebook,
  settings: RunSettings,
  options: TrainLiveOptions = {},
): Promise<TrainingResult> {
  const { modelDirectory } = settings;
  const { resume = false } = options;
  const config = resume
    ? { ...settings.config, resume_from_checkpoint: "latest" }
    : settings.config;
  const { device } = notebook;
  const monitor = new TrainMonitor({ config, device, send: options.send });
  try {
    return await interruptible(async (signal) => {
      await monitor.planning();
      const planned = await planTraining(device, config, { modelDirectory, signal });
      const run = await notebook.keep(
        "training",
        () =>
          prepareTraining(device, planned, {
            signal,
            onProgress: (bytes, total) => monitor.loading(bytes, total),
          }),
      );
      const mode = config.smoke ? "smoke" : "train";
      await writeRunMeta(run, { mode, device, gitCommit: await gitCommit() });
      for await (const event of train(run, signal)) {
        await monitor.show(event);
        options.onEvent?.(event);
      }
      return await monitor.result();
    });
  } catch (error) {
    throw await monitor.failed(error);
  } finally {
    notebook.drop("training");
  }
}
