/**
 * The GPU device: it records kernel launches into few submissions, lends memory, counts bytes and
 * turns asynchronous GPU errors into exceptions at the next wait.
 * @module
 */
import { DeviceError, KernelError, ShapeError } from "../errors.ts";
import {
  type Arguments,
  foldRows,
  type Kernel,
  type Launch,
  MAX_GROUPS_PER_AXIS,
  PipelineCache,
} from "./kernel.ts";
import { type KernelTime, Profiler } from "./profile.ts";
import { BufferPool, type Storage } from "./pool.ts";
import { describe, type HostArray, Scope, type Tensor } from "./tensor.ts";

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

const STORAGE_USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const UNIFORM_STRIDE = 256;
const LAUNCHES_PER_BATCH = 1024;
/** No binding is larger than this even where the adapter allows it, so that plans hold everywhere. */
const MAX_BINDING_BYTES = 128 * 2 ** 20;
const READ_CHUNK_BYTES = 32 * 2 ** 20;

/** Launches recorded since the last submission. */
interface Batch {
  readonly encoder: GPUCommandEncoder;
  pass: GPUComputePassEncoder | null;
  launches: number;
  readonly kernels: Set<string>;
  readonly touched: Set<GPUBuffer>;
}

/** A GPU device. Close it (`using device = await openDevice()`) to give everything back. */
export class Device implements Disposable {
  readonly maxBindingBytes: number;
  #pool: BufferPool;
  #pipelines: PipelineCache;
  #uniforms: GPUBuffer;
  #uniformBytes = new DataView(new ArrayBuffer(UNIFORM_STRIDE * LAUNCHES_PER_BATCH));
  #batch: Batch | null = null;
  #profiler: Profiler | null = null;
  #errors: Promise<Error | null>[] = [];
  #lost: string | null = null;

  constructor(readonly gpu: GPUDevice, readonly info: AdapterInfo) {
    this.maxBindingBytes = Math.min(MAX_BINDING_BYTES, gpu.limits.maxStorageBufferBindingSize);
    this.#pool = new BufferPool({
      create: (size, label) => gpu.createBuffer({ size, label, usage: STORAGE_USAGE }),
      flush: () => this.flush(),
    });
    this.#pipelines = new PipelineCache(gpu, (error) => this.#errors.push(error));
    this.#uniforms = gpu.createBuffer({
      label: "params",
      size: this.#uniformBytes.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    gpu.lost.then(({ reason, message }) => this.#lost ??= `${reason}: ${message}`);
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { message } = (event as GPUUncapturedErrorEvent).error;
      this.#errors.push(Promise.resolve(new DeviceError(`The GPU reported an error: ${message}`)));
    });
  }

  /** Bytes of GPU memory owned by scopes. */
  get liveBytes(): number {
    return this.#pool.liveBytes;
  }

  /** Bytes of GPU memory held, including buffers kept for reuse. */
  get heldBytes(): number {
    return this.#pool.heldBytes;
  }

  /** The most bytes owned by scopes at once since the start or {@linkcode resetPeak}. */
  get peakBytes(): number {
    return this.#pool.peakBytes;
  }

  /** Starts a new peak measurement and gives back buffers kept for reuse. */
  resetPeak(): void {
    this.#pool.resetPeak();
  }

  /** A new scope; what is allocated in it lives until it ends. */
  scope(label: string): Scope {
    return new Scope(this, label);
  }

  /** Lends a buffer. For {@linkcode Scope}; elsewhere allocate through a scope. */
  allocate(byteLength: number, label: string): Storage {
    this.#assertUsable();
    const limit = this.gpu.limits.maxBufferSize;
    if (byteLength > limit) {
      throw new DeviceError(
        `Cannot allocate ${label}: ${byteLength} bytes in one buffer, this device allows ${limit}`,
        { needed: byteLength, available: limit },
      );
    }
    return this.#pool.acquire(byteLength, label);
  }

  /** Takes a buffer back. For {@linkcode Scope}. */
  release(storage: Storage): void {
    this.#pool.release(storage);
  }

  /** Records the launch of a kernel. Arguments are bound by the names in its WGSL. */
  run(kernel: Kernel, entryName: string, args: Arguments, launch: Launch): void {
    this.#assertUsable();
    const constants = launch.constants ?? {};
    const { pipeline, layout, entry, label } = this.#pipelines.get(kernel, entryName, constants);
    const tensors = kernel.bind(entry, args, this.maxBindingBytes);
    const groups = this.#groups(label, launch, kernel.groupWidth(entry, constants));
    const batch = this.#openBatch();
    const uniformOffset = batch.launches * UNIFORM_STRIDE;
    const storages = tensors.values();
    let usesParams = false;
    const entries = entry.bindings.map(({ binding, access }) => {
      if (access === "uniform") {
        usesParams = true;
        kernel.writeParams(entry, args, this.#uniformBytes, uniformOffset);
        return { binding, resource: { buffer: this.#uniforms, size: kernel.paramBytes } };
      }
      const tensor = storages.next().value!;
      batch.touched.add(tensor.storage.gpu);
      return { binding, resource: { buffer: tensor.storage.gpu, size: tensor.byteLength } };
    });
    const pass = this.#openPass(batch, label);
    pass.setPipeline(pipeline);
    const group = this.gpu.createBindGroup({ label, layout, entries });
    pass.setBindGroup(0, group, usesParams ? [uniformOffset] : []);
    pass.dispatchWorkgroups(...groups);
    batch.kernels.add(label);
    if (++batch.launches === LAUNCHES_PER_BATCH) this.flush();
  }

  /**
   * Measures every launch from now on, by GPU timestamps. Launches then run one by one, so a whole
   * takes longer than without. Throws {@linkcode DeviceError} where the adapter has no timestamps.
   */
  startProfile(): void {
    if (!this.info.features.includes("timestamp-query")) {
      throw new DeviceError("Cannot measure launches: this adapter has no timestamp-query feature");
    }
    this.flush();
    this.#profiler = new Profiler(this.gpu, LAUNCHES_PER_BATCH);
  }

  /** Ends the measurement and returns the time of each kernel. */
  async endProfile(): Promise<KernelTime[]> {
    await this.sync();
    const profiler = this.#profiler;
    this.#profiler = null;
    return await profiler?.finish() ?? [];
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
    const { encoder } = this.#openTransfer(source, target);
    const from = source.storage.gpu, to = target.storage.gpu;
    encoder.copyBufferToBuffer(from, sourceOffset, to, targetOffset, byteLength);
  }

  /** Fills a tensor with zero bytes. */
  clear(tensor: Tensor): void {
    const batch = this.#openTransfer(tensor);
    batch.encoder.clearBuffer(tensor.storage.gpu, 0, tensor.byteLength);
  }

  /** Writes host data into a tensor from byte `offset` (a multiple of 4) on. */
  write(tensor: Tensor, data: HostArray, options: { offset?: number } = {}): void {
    this.#assertUsable();
    this.#assertLive(tensor);
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
    if (this.#batch?.touched.has(tensor.storage.gpu)) this.flush();
    let bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    if (wholeWords !== bytes.length) {
      const padded = new Uint8Array(wholeWords);
      padded.set(bytes);
      bytes = padded;
    }
    this.gpu.queue.writeBuffer(tensor.storage.gpu, offset, bytes);
  }

  /** Submits what is recorded, without waiting for it. */
  flush(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = null;
    batch.pass?.end();
    this.#profiler?.resolve(batch.encoder);
    const bytes = new Uint8Array(this.#uniformBytes.buffer, 0, batch.launches * UNIFORM_STRIDE);
    if (bytes.length > 0) this.gpu.queue.writeBuffer(this.#uniforms, 0, bytes);
    this.gpu.queue.submit([batch.encoder.finish()]);
    const names = [...batch.kernels];
    const report = (error: GPUError | null) => error && launchError(error, names);
    // Popped in the reverse order of #openBatch.
    for (let scope = 0; scope < 3; scope++) {
      this.#errors.push(this.gpu.popErrorScope().then(report));
    }
  }

  /** Waits until the GPU has done everything recorded so far, and throws what went wrong. */
  async sync(): Promise<void> {
    this.flush();
    // sync: the caller asked to wait
    await this.gpu.queue.onSubmittedWorkDone();
    await this.#throwErrors();
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
    this.#assertLive(tensor);
    const bytes = new Uint8Array(tensor.byteLength);
    for (let start = 0; start < bytes.length; start += READ_CHUNK_BYTES) {
      const size = Math.min(READ_CHUNK_BYTES, bytes.length - start);
      bytes.set(await this.#readChunk(tensor, start, size), start);
    }
    return bytes.buffer;
  }

  async #readChunk(tensor: Tensor, start: number, size: number): Promise<Uint8Array> {
    const batch = this.#openTransfer(tensor);
    const staging = this.gpu.createBuffer({
      label: "read",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      batch.encoder.copyBufferToBuffer(tensor.storage.gpu, start, staging, 0, size);
      this.flush();
      // sync: reading waits for every launch before it
      await staging.mapAsync(GPUMapMode.READ).catch(async (error) => {
        await this.#throwErrors();
        throw new DeviceError(`Cannot read ${describe(tensor)}: ${error.message}`);
      });
      await this.#throwErrors();
      return new Uint8Array(staging.getMappedRange()).slice();
    } finally {
      staging.destroy();
    }
  }

  /** Gives back everything. The device cannot be used afterwards. */
  [Symbol.dispose](): void {
    if (this.#lost === null) this.flush();
    this.#lost ??= "it was closed";
    this.#pool.clear();
    this.#uniforms.destroy();
    this.gpu.destroy();
  }

  #openBatch(): Batch {
    if (this.#batch) return this.#batch;
    for (const filter of ["internal", "out-of-memory", "validation"] as const) {
      this.gpu.pushErrorScope(filter);
    }
    return this.#batch = {
      encoder: this.gpu.createCommandEncoder(),
      pass: null,
      launches: 0,
      kernels: new Set(),
      touched: new Set(),
    };
  }

  /** The pass for the next launch: the open one, or one of its own to be measured. */
  #openPass(batch: Batch, label: string): GPUComputePassEncoder {
    if (!this.#profiler) return batch.pass ??= batch.encoder.beginComputePass();
    batch.pass?.end();
    const timestampWrites = this.#profiler.next(label);
    return batch.pass = batch.encoder.beginComputePass({ timestampWrites });
  }

  #openTransfer(...tensors: Tensor[]): Batch {
    this.#assertUsable();
    const batch = this.#openBatch();
    batch.pass?.end();
    batch.pass = null;
    for (const tensor of tensors) {
      this.#assertLive(tensor);
      batch.touched.add(tensor.storage.gpu);
    }
    return batch;
  }

  /** Folds a one-dimensional launch into rows, because an axis has at most 65,535 workgroups. */
  #groups(label: string, launch: Launch, width: number): [number, number, number] {
    const [x, y = 1, z = 1] = "groups" in launch
      ? launch.groups
      : foldRows(Math.ceil(launch.threads / width));
    for (const count of [x, y, z]) {
      if (Number.isInteger(count) && count >= 1 && count <= MAX_GROUPS_PER_AXIS) continue;
      throw new KernelError(
        `Cannot run ${label}: ${x}×${y}×${z} workgroups; each must be 1 to ${MAX_GROUPS_PER_AXIS}`,
        { kernel: label },
      );
    }
    return [x, y, z];
  }

  async #throwErrors(): Promise<void> {
    const errors = await Promise.all(this.#errors.splice(0));
    const first = errors.find((error) => error !== null);
    if (this.#lost !== null) this.#assertUsable();
    if (first) throw first;
  }

  #assertUsable(): void {
    if (this.#lost === null) return;
    throw new DeviceError(
      `Cannot use the GPU: the device was lost (${this.#lost}); open a new device, ` +
        "and resume from the last checkpoint",
    );
  }

  #assertLive(tensor: Tensor): void {
    if (!tensor.storage.released) return;
    throw new ShapeError(`Cannot use ${describe(tensor)}: its memory was given back`);
  }
}

function launchError(error: GPUError, kernels: readonly string[]): Error {
  const named = kernels.filter((label) => error.message.includes(label));
  const suspects = named.length > 0 ? named : kernels;
  const message = `The GPU refused a launch of ${suspects.join(", ")}: ${error.message}`;
  if (error instanceof GPUOutOfMemoryError) return new DeviceError(message);
  return new KernelError(message, { kernel: suspects[0] ?? "" });
}
