/**
 * Recycles GPU memory: buffers and textures. The bytes held (in use and free together) never exceed
 * the most that were ever in use at once: before the pool would grow past that mark it destroys what
 * is free, the least recently used first. So varying shapes cannot make memory creep up.
 * @module
 */
import type { TexelTexture } from "./texels.ts";

/** What the pool lends, by the name of its kind. */
export interface Resources {
  buffer: GPUBuffer;
  texture: TexelTexture;
}

/** A resource as lent by the pool. `released` turns true when its owner gives it back. */
export interface Storage<Resource = GPUBuffer> {
  readonly kind: keyof Resources;
  readonly gpu: Resource;
  /** Its bytes; at least what was asked for. */
  readonly capacity: number;
  released: boolean;
}

/** A resource of any kind as lent by the pool. */
export type AnyStorage = Storage<Resources[keyof Resources]>;

interface Free {
  readonly gpu: Resources[keyof Resources];
  readonly capacity: number;
  readonly releasedAt: number;
}

/** What {@linkcode MemoryPool} needs from the device. */
export interface PoolBackend {
  readonly create: {
    readonly [Kind in keyof Resources]: (bytes: number, label: string) => Resources[Kind];
  };
  /** Submits encoded work, after which what it uses may be destroyed. */
  flush(): void;
}

/**
 * Rounds an allocation up: to 256 bytes, and above 4 KiB to one of 16 sizes an octave, so that
 * similar shapes share memory at a cost of at most 6.25 %. Whole rows of texels stay whole rows.
 */
export function roundUpAllocation(bytes: number): number {
  const aligned = Math.max(256, Math.ceil(bytes / 256) * 256);
  if (aligned <= 4096) return aligned;
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(aligned)) - 4));
  return Math.ceil(aligned / step) * step;
}

/** A pool of storage buffers and textures. See the module comment for its growth rule. */
export class MemoryPool {
  // By kind and capacity.
  #free = new Map<string, Free[]>();
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

  /** Lends a resource of at least `bytes` bytes with undefined content. */
  acquire<Kind extends keyof Resources>(
    kind: Kind,
    bytes: number,
    label: string,
  ): Storage<Resources[Kind]> {
    const capacity = roundUpAllocation(bytes);
    this.#liveBytes += capacity;
    this.#highWater = Math.max(this.#highWater, this.#liveBytes);
    const recycled = this.#free.get(`${kind} ${capacity}`)?.pop();
    if (recycled) {
      this.#freeBytes -= capacity;
      return { kind, gpu: recycled.gpu as Resources[Kind], capacity, released: false };
    }
    this.#evictDownTo(this.#highWater);
    return { kind, gpu: this.backend.create[kind](capacity, label), capacity, released: false };
  }

  /** Takes a resource back. Giving it back twice is a no-op. */
  release(storage: AnyStorage): void {
    if (storage.released) return;
    storage.released = true;
    const { kind, gpu, capacity } = storage;
    this.#liveBytes -= capacity;
    this.#freeBytes += capacity;
    const key = `${kind} ${capacity}`;
    const list = this.#free.get(key);
    const entry = { gpu, capacity, releasedAt: this.#clock++ };
    if (list) list.push(entry);
    else this.#free.set(key, [entry]);
  }

  /** Destroys what is free, the least recently used first, until at most `bytes` are held. */
  #evictDownTo(bytes: number): void {
    if (this.heldBytes <= bytes || this.#freeBytes === 0) return;
    this.backend.flush();
    const byAge = [...this.#free.values()].flatMap((list) => list.map((entry) => ({ list, entry })))
      .sort((a, b) => a.entry.releasedAt - b.entry.releasedAt);
    for (const { list, entry } of byAge) {
      if (this.heldBytes <= bytes) break;
      list.splice(list.indexOf(entry), 1);
      this.#freeBytes -= entry.capacity;
      entry.gpu.destroy();
    }
  }

  /** Destroys all that is free. */
  clear(): void {
    this.#evictDownTo(0);
  }
}
