/**
 * What goes wrong on a GPU while nobody waits for it.
 * @module
 */
import { DeviceError } from "../errors.ts";

/** How drivers put it where the whole device is lost because memory ran out. */
const OUT_OF_MEMORY = /out of memory|not enough memory|OUT_OF_(DEVICE|HOST)_MEMORY/i;

/** The exception for memory that ran out; `reason` is what the driver said. */
export function memoryError(reason: string): DeviceError {
  return new DeviceError(
    `Cannot allocate GPU memory: ${reason}; end other programs that use the GPU, or use less memory`,
    { outOfMemory: true },
  );
}

/** Collects the faults of a device until a wait throws them. */
export class Faults {
  #errors: Promise<Error | null>[] = [];
  #lost: string | null = null;

  constructor(gpu: GPUDevice) {
    gpu.lost.then(({ reason, message }) => this.#lost ??= `${reason}: ${message}`);
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      const fault = error instanceof GPUOutOfMemoryError
        ? memoryError(error.message)
        : new DeviceError(`The GPU reported an error: ${error.message}`);
      this.report(Promise.resolve(fault));
    });
  }

  /** Takes an error that is found later, or null where there turns out to be none. */
  report(error: Promise<Error | null>): void {
    this.#errors.push(error);
  }

  /** Whether the device can no longer be used. */
  get lost(): boolean {
    return this.#lost !== null;
  }

  /** Says that the device is closed; from then on it is as good as lost. */
  close(): void {
    this.#lost ??= "it was closed";
  }

  /** Throws {@linkcode DeviceError} where the device is lost. */
  assertUsable(): void {
    if (this.#lost === null) return;
    if (OUT_OF_MEMORY.test(this.#lost)) throw memoryError(this.#lost);
    throw new DeviceError(
      `Cannot use the GPU: the device was lost (${this.#lost}); open a new device, ` +
        "and resume from the last checkpoint",
    );
  }

  /** Throws the first fault since the last call, if there is one. */
  async throwFirst(): Promise<void> {
    const errors = (await Promise.all(this.#errors.splice(0))).filter((error) => error !== null);
    // Memory that ran out comes first: other faults may only follow from it.
    const shortage = errors.find((error) => error instanceof DeviceError && error.outOfMemory);
    if (shortage) throw shortage;
    this.assertUsable();
    if (errors.length > 0) throw errors[0];
  }
}
