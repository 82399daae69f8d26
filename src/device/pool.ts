/**
 * Recycles GPU buffers. The bytes held (in use and free together) never exceed the most that were
 * ever in use at once: before the pool would grow past that mark it destroys free buffers, the least
 * recently used first. So varying shapes cannot make memory creep up.
 * @module
 */

/** A GPU buffer as lent by the pool. `released` turns true when its owner gives it back. */
export interface Storage {
  readonly gpu: GPUBuffer;
  /** Bytes of the buffer; at least what was asked for. */
  readonly capacity: number;
  released: boolean;
}

interface FreeBuffer {
  readonly gpu: GPUBuffer;
  readonly releasedAt: number;
}

/** What {@linkcode BufferPool} needs from the device. */
export interface PoolBackend {
  create(bytes: number, label: string): GPUBuffer;
  /** Submits encoded work, after which buffers it uses may be destroyed. */
  flush(): void;
}

/**
 * Rounds an allocation up: to 256 bytes, and above 4 KiB to one of 16 sizes an octave, so that
 * similar shapes share buffers at a cost of at most 6.25 %.
 */
export function roundUpAllocation(bytes: number): number {
  const aligned = Math.max(256, Math.ceil(bytes / 256) * 256);
  if (aligned <= 4096) return aligned;
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(aligned)) - 4));
  return Math.ceil(aligned / step) * step;
}

/** A pool of storage buffers. See the module comment for its growth rule. */
export class BufferPool {
  #free = new Map<number, FreeBuffer[]>();
  #freeBytes = 0;
  #liveBytes = 0;
  #highWater = 0;
  #clock = 0;

  constructor(readonly backend: PoolBackend) {}

  /** Bytes lent out. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes lent out or kept for reuse. */
  get heldBytes(): number {
    return this.#liveBytes + this.#freeBytes;
  }

  /** The most bytes ever lent out at once since the last {@linkcode resetPeak}. */
  get peakBytes(): number {
    return this.#highWater;
  }

  /** Starts a new peak measurement at the present use, and gives back what is free. */
  resetPeak(): void {
    this.#highWater = this.#liveBytes;
    this.#evictDownTo(this.#liveBytes);
  }

  /** Lends a buffer of at least `bytes` bytes with undefined content. */
  acquire(bytes: number, label: string): Storage {
    const capacity = roundUpAllocation(bytes);
    this.#liveBytes += capacity;
    this.#highWater = Math.max(this.#highWater, this.#liveBytes);
    const recycled = this.#free.get(capacity)?.pop();
    if (recycled) {
      this.#freeBytes -= capacity;
      return { gpu: recycled.gpu, capacity, released: false };
    }
    this.#evictDownTo(this.#highWater);
    return { gpu: this.backend.create(capacity, label), capacity, released: false };
  }

  /** Takes a buffer back. Giving it back twice is a no-op. */
  release(storage: Storage): void {
    if (storage.released) return;
    storage.released = true;
    this.#liveBytes -= storage.capacity;
    this.#freeBytes += storage.capacity;
    const list = this.#free.get(storage.capacity);
    const entry = { gpu: storage.gpu, releasedAt: this.#clock++ };
    if (list) list.push(entry);
    else this.#free.set(storage.capacity, [entry]);
  }

  /** Destroys free buffers, the least recently used first, until at most `bytes` are held. */
  #evictDownTo(bytes: number): void {
    if (this.heldBytes <= bytes || this.#freeBytes === 0) return;
    this.backend.flush();
    const byAge = [...this.#free].flatMap(([size, list]) => list.map((entry) => ({ size, entry })))
      .sort((a, b) => a.entry.releasedAt - b.entry.releasedAt);
    for (const { size, entry } of byAge) {
      if (this.heldBytes <= bytes) break;
      const list = this.#free.get(size)!;
      list.splice(list.indexOf(entry), 1);
      this.#freeBytes -= size;
      entry.gpu.destroy();
    }
  }

  /** Destroys every free buffer. */
  clear(): void {
    this.#evictDownTo(0);
  }
}
