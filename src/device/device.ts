/**
 * The GPU device: it runs kernels, lends memory, moves data, counts bytes and turns asynchronous GPU
 * errors into exceptions at the next wait.
 * @module
 */
import { DeviceError, ShapeError } from "../errors.ts";
import { Faults } from "./faults.ts";
import type { Arguments, Kernel, Launch } from "./kernel.ts";
import { type AnyStorage, MemoryPool, type Storage } from "./pool.ts";
import type { KernelTime } from "./profile.ts";
import { readTensors } from "./readback.ts";
import { Recorder } from "./recorder.ts";
import { describe, type HostArray, Scope, type Tensor } from "./tensor.ts";
import {
  copyIntoTexture,
  createTexelTexture,
  TEXEL_ROW_BYTES,
  type Texels,
  TEXELS_PER_ROW,
  type TexelTexture,
} from "./texels.ts";

/** What is known about the adapter, for reports. */
export interface AdapterInfo {
  /** Its name as the driver gives it, for example "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  readonly vendor: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
  /** Lanes of a subgroup if that is fixed and subgroup operations are on, else 0. */
  readonly subgroupSize: number;
  readonly features: readonly string[];
}

/** Names of kernels' variants by the name of what they compute; see {@link "../ops/variants.ts"}. */
export type Tuning = Readonly<Record<string, string>>;

const STORAGE_USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
/**
 * No binding is larger than this even where the adapter allows it, so that plans hold everywhere. As
 * a texture it has the 8,192 rows that every device allows.
 */
const MAX_BINDING_BYTES = 128 * 2 ** 20;
/** Bytes written before they are submitted; until the GPU has them the host holds a copy. */
const MAX_PENDING_BYTES = 64 * 2 ** 20;

/** A GPU device. Close it (`using device = await openDevice()`) to give everything back. */
export class Device implements Disposable {
  readonly maxBindingBytes: number;
  /**
   * The variants to run; those that are not named here have their defaults. It changes how long
   * products take, and results by the rounding of their sums at most.
   */
  tuning: Tuning = {};
  /** False where it only counts memory: values written to it do not matter then. */
  readonly computes: boolean;
  #pool: MemoryPool;
  #recorder: Recorder;
  #faults: Faults;
  #pendingBytes = 0;

  constructor(
    readonly gpu: GPUDevice,
    readonly info: AdapterInfo,
    { computes = true }: { computes?: boolean } = {},
  ) {
    this.computes = computes;
    this.maxBindingBytes = Math.min(MAX_BINDING_BYTES, gpu.limits.maxStorageBufferBindingSize);
    this.#faults = new Faults(gpu);
    const report = (error: Promise<Error | null>) => this.#faults.report(error);
    this.#recorder = new Recorder(gpu, this.maxBindingBytes, report);
    this.#pool = new MemoryPool({
      create: {
        buffer: (size, label) => gpu.createBuffer({ size, label, usage: STORAGE_USAGE }),
        texture: (size, label) => createTexelTexture(gpu, size, label),
      },
      flush: () => this.flush(),
    });
  }

  /** Whether it can no longer be used: the GPU gave it up, or it was closed. */
  get lost(): boolean {
    return this.#faults.lost;
  }

  /** Bytes of GPU memory owned by scopes. */
  get liveBytes(): number {
    return this.#pool.liveBytes;
  }

  /** Bytes of GPU memory held, including memory kept for reuse. */
  get heldBytes(): number {
    return this.#pool.heldBytes;
  }

  /** The most bytes owned by scopes at once since the start or {@linkcode resetPeak}. */
  get peakBytes(): number {
    return this.#pool.peakBytes;
  }

  /** Starts a new peak measurement and gives back memory kept for reuse. */
  resetPeak(): void {
    this.#pool.resetPeak();
  }

  /** A new scope; what is allocated in it lives until it ends. */
  scope(label: string): Scope {
    return new Scope(this, label);
  }

  /** Lends a buffer. For {@linkcode Scope}; elsewhere allocate through a scope. */
  allocate(byteLength: number, label: string): Storage {
    this.#faults.assertUsable();
    const limit = this.gpu.limits.maxBufferSize;
    if (byteLength > limit) {
      throw new DeviceError(
        `Cannot allocate ${label}: ${byteLength} bytes in one buffer, this device allows ${limit}`,
        { needed: byteLength, available: limit },
      );
    }
    return this.#pool.acquire("buffer", byteLength, label);
  }

  /** Lends a texture of whole rows of texels. For {@linkcode Scope}; see {@linkcode allocate}. */
  allocateTexture(byteLength: number, label: string): Storage<TexelTexture> {
    this.#faults.assertUsable();
    if (byteLength > MAX_BINDING_BYTES) {
      throw new DeviceError(
        `Cannot allocate ${label}: ${byteLength} bytes in one texture, at most ` +
          `${MAX_BINDING_BYTES} are bound`,
        { needed: byteLength, available: MAX_BINDING_BYTES },
      );
    }
    return this.#pool.acquire("texture", byteLength, label);
  }

  /** Takes a buffer or a texture back. For {@linkcode Scope}. */
  release(storage: AnyStorage): void {
    this.#pool.release(storage);
  }

  /** Records the launch of a kernel. Arguments are bound by the names in its WGSL. */
  run(kernel: Kernel, entryName: string, args: Arguments, launch: Launch): void {
    this.#faults.assertUsable();
    this.#recorder.launch(kernel, entryName, args, launch);
  }

  /**
   * Measures every launch from now on, by GPU timestamps. Launches then run one by one, so a whole
   * takes longer than without; lavapipe gives launches that use textures too little time. Throws
   * {@linkcode DeviceError} where the adapter has no timestamps.
   */
  startProfile(): void {
    if (!this.info.features.includes("timestamp-query")) {
      throw new DeviceError("Cannot measure launches: this adapter has no timestamp-query feature");
    }
    this.#recorder.startProfile();
  }

  /** Ends the measurement and returns the time of each kernel. */
  async endProfile(): Promise<KernelTime[]> {
    await this.sync();
    return await this.#recorder.endProfile();
  }

  /** Copies bytes of `source` (by default all of them) into `target`; multiples of 4. */
  copy(
    source: Tensor,
    target: Tensor,
    options: { sourceOffset?: number; targetOffset?: number; byteLength?: number } = {},
  ): void {
    const { sourceOffset = 0, targetOffset = 0 } = options;
    const { byteLength = source.byteLength - sourceOffset } = options;
    if (
      sourceOffset + byteLength > source.byteLength || targetOffset + byteLength > target.byteLength
    ) {
      throw new ShapeError(
        `Cannot copy ${byteLength} bytes from byte ${sourceOffset} of ${
          describe(source)
        } to byte ` +
          `${targetOffset} of ${describe(target)}: it does not fit`,
      );
    }
    const [from, to] = this.#buffersOf(source, target);
    this.#recorder.transfer(from, to)
      .copyBufferToBuffer(from, sourceOffset, to, targetOffset, byteLength);
  }

  /** The values of texels as f32, four of each; for tests and benchmarks. */
  async readTexels({ texels, label, storage }: Texels): Promise<Float32Array> {
    if (storage.released) throw new ShapeError(`Cannot use ${label}: its memory was given back`);
    using scope = this.scope("read texels");
    const rows = storage.capacity / TEXEL_ROW_BYTES;
    const values = scope.empty([rows * TEXELS_PER_ROW, 4], { label });
    const [buffer] = this.#buffersOf(values);
    this.#recorder.transfer(buffer).copyTextureToBuffer(
      { texture: storage.gpu.texture },
      { buffer, bytesPerRow: TEXEL_ROW_BYTES },
      [TEXELS_PER_ROW, rows],
    );
    return (await this.readF32(values)).subarray(0, 4 * texels);
  }

  /** Copies a tensor, whole vec4, into texels. */
  copyToTexels(source: Tensor, { storage }: Texels): void {
    const [buffer] = this.#buffersOf(source);
    const { byteLength } = source;
    copyIntoTexture(this.#recorder.transfer(buffer), { buffer, byteLength }, storage.gpu);
  }

  /** Fills a tensor with zero bytes. */
  clear(tensor: Tensor): void {
    const [buffer] = this.#buffersOf(tensor);
    this.#recorder.transfer(buffer).clearBuffer(buffer, 0, tensor.byteLength);
  }

  /** Writes host data into a tensor from byte `offset` (a multiple of 4) on. */
  write(tensor: Tensor, data: HostArray, options: { offset?: number } = {}): void {
    const [buffer] = this.#buffersOf(tensor);
    const { offset = 0 } = options;
    const wholeWords = Math.ceil(data.byteLength / 4) * 4;
    if (offset + wholeWords > tensor.byteLength) {
      throw new ShapeError(
        `Cannot write ${data.byteLength} bytes at byte ${offset} of ${
          describe(tensor)
        }: it does not fit`,
      );
    }
    // A queued write runs before launches that are recorded but not submitted.
    if (this.#recorder.uses(buffer)) this.flush();
    let bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    if (wholeWords !== bytes.length) {
      const padded = new Uint8Array(wholeWords);
      padded.set(bytes);
      bytes = padded;
    }
    this.gpu.queue.writeBuffer(buffer, offset, bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= MAX_PENDING_BYTES) this.flush();
  }

  /** Submits what is recorded and written, without waiting for it. */
  flush(): void {
    this.#recorder.flush();
    if (this.#pendingBytes > 0) this.gpu.queue.submit([]); // writes alone wait for a submission
    this.#pendingBytes = 0;
  }

  /** Waits until the GPU has done everything recorded so far, and throws what went wrong. */
  async sync(): Promise<void> {
    this.flush();
    // sync: the caller asked to wait
    await this.gpu.queue.onSubmittedWorkDone();
    await this.#faults.throwFirst();
  }

  /** The content of a tensor as f32 (dtype f32). */
  async readF32(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.readBytes(tensor));
  }

  /** The content of a tensor as u32 words (any dtype). */
  async readU32(tensor: Tensor): Promise<Uint32Array> {
    return new Uint32Array(await this.readBytes(tensor));
  }

  /** The bytes of a tensor. Throws errors of earlier launches too. */
  async readBytes(tensor: Tensor): Promise<ArrayBuffer> {
    return (await this.readMany([tensor]))[0].buffer;
  }

  /** The bytes of several tensors, with few waits: each costs milliseconds, whatever its size. */
  readMany(tensors: readonly Tensor[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return readTensors({
      gpu: this.gpu,
      recorder: this.#recorder,
      faults: this.#faults,
      buffersOf: (...used) => this.#buffersOf(...used),
      flush: () => this.flush(),
    }, tensors);
  }

  /** Gives back everything. The device cannot be used afterwards. */
  [Symbol.dispose](): void {
    if (!this.#faults.lost) this.flush();
    this.#faults.close();
    this.#pool.clear();
    this.#recorder.destroy();
    this.gpu.destroy();
  }

  /** The buffers of tensors that are about to be used. */
  #buffersOf(...tensors: Tensor[]): GPUBuffer[] {
    this.#faults.assertUsable();
    return tensors.map((tensor) => {
      if (!tensor.storage.released) return tensor.storage.gpu;
      throw new ShapeError(`Cannot use ${describe(tensor)}: its memory was given back`);
    });
  }
}
