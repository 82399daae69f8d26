/**
 * GPU timestamps around every launch.
 * @module
 */

/** Time spent in one kernel entry point. */
export interface KernelTime {
  /** "kernel.entry". */
  readonly label: string;
  readonly launches: number;
  readonly seconds: number;
}

/** Collects timestamps; used by the device between startProfile and endProfile. */
export class Profiler {
  #querySet: GPUQuerySet;
  #labels: string[] = [];
  #batches: { labels: readonly string[]; resolved: GPUBuffer; result: GPUBuffer }[] = [];

  constructor(readonly gpu: GPUDevice, maxLaunches: number) {
    this.#querySet = gpu.createQuerySet({ type: "timestamp", count: maxLaunches * 2 });
  }

  /** Where the pass of the next launch writes its timestamps. */
  next(label: string): GPUComputePassTimestampWrites {
    const index = this.#labels.push(label) - 1;
    return {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** Records the reading of the batch's timestamps at its end. */
  resolve(encoder: GPUCommandEncoder): void {
    const count = this.#labels.length * 2;
    if (count === 0) return;
    const { COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
    const size = count * 8;
    const resolved = this.gpu.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    const result = this.gpu.createBuffer({ size, usage: MAP_READ | COPY_DST });
    encoder.resolveQuerySet(this.#querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, result, 0, size);
    this.#batches.push({ labels: this.#labels, resolved, result });
    this.#labels = [];
  }

  /** The times of all kernels, the longest first. */
  async finish(): Promise<KernelTime[]> {
    const times = new Map<string, { launches: number; seconds: number }>();
    for (const { labels, resolved, result } of this.#batches) {
      await result.mapAsync(GPUMapMode.READ);
      const stamps = new BigUint64Array(result.getMappedRange());
      labels.forEach((label, i) => {
        const time = times.get(label) ?? { launches: 0, seconds: 0 };
        time.launches++;
        time.seconds += Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e9;
        times.set(label, time);
      });
      resolved.destroy();
      result.destroy();
    }
    this.#querySet.destroy();
    return [...times].map(([label, time]) => ({ label, ...time }))
      .sort((a, b) => b.seconds - a.seconds);
  }
}
