/**
 * How much host memory a task takes beside the GPU's buffers.
 * @module
 */
import type { Device } from "../device/device.ts";
import type { Checkpoint } from "../formats/checkpoint.ts";

const SAMPLE_MS = 20;

/** The most host memory of a stretch of time. */
export interface HostPeak {
  /** Resident memory of this process in bytes; on software adapters it holds the GPU's too. */
  readonly resident: number;
  /** The same without the bytes that the GPU's buffers took at that moment. */
  readonly besideGpu: number;
}

/**
 * Samples the memory of this process until it is disposed: by a timer, and wherever `sample` is
 * called, because a timer has no turn while nothing is waited for.
 */
export class HostMemory implements Disposable {
  #resident = 0;
  #besideGpu = 0;
  #timer: ReturnType<typeof setInterval>;

  constructor(readonly device: Device) {
    this.sample();
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  sample(): void {
    const { rss } = Deno.memoryUsage();
    const gpu = this.device.info.software ? this.device.liveBytes : 0;
    this.#resident = Math.max(this.#resident, rss);
    this.#besideGpu = Math.max(this.#besideGpu, rss - gpu);
  }

  /** The peak since the last call, and begins anew. */
  takePeak(): HostPeak {
    this.sample();
    const peak = { resident: this.#resident, besideGpu: this.#besideGpu };
    this.#resident = this.#besideGpu = 0;
    return peak;
  }

  /** The checkpoint, with a sample at each piece that is read of it. */
  watch(checkpoint: Checkpoint): Checkpoint {
    const sampled = <T>(value: T): T => {
      this.sample();
      return value;
    };
    return {
      ...checkpoint,
      read: async (name) => sampled(await checkpoint.read(name)),
      readF32: async (name) => sampled(await checkpoint.readF32(name)),
      async *chunks(name, maxBytes) {
        for await (const chunk of checkpoint.chunks(name, maxBytes)) yield sampled(chunk);
      },
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
