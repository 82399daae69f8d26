/**
 * From a plan to a run that is ready for its first step: model, adapter and optimizer on the GPU.
 * @module
 */
import type { Device } from "../device/device.ts";
import { buildModel } from "../model/load.ts";
import type { Model } from "../model/model.ts";
import type { PlannedRun } from "./plan.ts";
import { explainShortage, refuseShortage } from "./remedies.ts";
import { loadOptions, makeTrainable, type TrainedPart } from "./trainable.ts";

/** A run that is ready to train; on the GPU until it is disposed. */
export interface TrainRun extends PlannedRun, TrainedPart {
  readonly model: Model;
}

/**
 * Loads the model and makes what is trained. `planned` is disposed with the run.
 * Throws {@linkcode DeviceError} with remedies where its plan is above its limit, or where the GPU's
 * memory runs out.
 */
export async function prepareTraining(
  device: Device,
  planned: PlannedRun,
  options: { onProgress?: (bytes: number, total: number) => void; signal?: AbortSignal } = {},
): Promise<TrainRun> {
  using cleanup = new DisposableStack();
  cleanup.use(planned);
  await refuseShortage(device, planned, options.signal);
  const { config, files } = planned;
  device.resetPeak();
  try {
    const model = cleanup.use(
      await buildModel(device, files, { ...loadOptions(config), ...options }),
    );
    const trained = cleanup.use(await makeTrainable(model, config));
    const owned = cleanup.move();
    return { ...planned, ...trained, model, [Symbol.dispose]: () => owned.dispose() };
  } catch (error) {
    throw await explainShortage(error, { device, planned, signal: options.signal });
  }
}
