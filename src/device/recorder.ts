/**
 * Records launches and copies, and submits them in large batches.
 * @module
 */
import { DeviceError, KernelError } from "../errors.ts";
import { memoryError } from "./faults.ts";
import {
  type Arguments,
  foldRows,
  isTexels,
  type Kernel,
  type Launch,
  MAX_GROUPS_PER_AXIS,
  PipelineCache,
} from "./kernel.ts";
import { type KernelTime, Profiler } from "./profile.ts";

const UNIFORM_STRIDE = 256;
const LAUNCHES_PER_BATCH = 1024;

/** What was recorded since the last submission. */
interface Batch {
  readonly encoder: GPUCommandEncoder;
  pass: GPUComputePassEncoder | null;
  launches: number;
  readonly kernels: Set<string>;
  readonly touched: Set<GPUBuffer>;
}

/** Recorded work of a device. Errors that the GPU finds later are given to `report` as promises. */
export class Recorder {
  #pipelines: PipelineCache;
  #uniforms: GPUBuffer;
  #uniformBytes = new DataView(new ArrayBuffer(UNIFORM_STRIDE * LAUNCHES_PER_BATCH));
  #batch: Batch | null = null;
  #profiler: Profiler | null = null;

  constructor(
    readonly gpu: GPUDevice,
    readonly maxBindingBytes: number,
    readonly report: (error: Promise<Error | null>) => void,
  ) {
    this.#pipelines = new PipelineCache(gpu, report);
    this.#uniforms = gpu.createBuffer({
      label: "params",
      size: this.#uniformBytes.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Records the launch of a kernel. */
  launch(kernel: Kernel, entryName: string, args: Arguments, launch: Launch): void {
    const constants = launch.constants ?? {};
    const { pipeline, layout, entry, label } = this.#pipelines.get(kernel, entryName, constants);
    const operands = kernel.bind(entry, args, this.maxBindingBytes);
    const groups = groupsOf(label, launch, kernel.groupWidth(entry, constants));
    const batch = this.#open();
    const uniformOffset = batch.launches * UNIFORM_STRIDE;
    const bound = operands.values();
    let usesParams = false;
    const entries = entry.bindings.map(({ binding, access }) => {
      if (access === "uniform") {
        usesParams = true;
        kernel.writeParams(entry, args, this.#uniformBytes, uniformOffset);
        return { binding, resource: { buffer: this.#uniforms, size: kernel.paramBytes } };
      }
      const operand = bound.next().value!;
      if (isTexels(operand)) return { binding, resource: operand.storage.gpu.view };
      batch.touched.add(operand.storage.gpu);
      return { binding, resource: { buffer: operand.storage.gpu, size: operand.byteLength } };
    });
    const pass = this.#passFor(batch, label);
    pass.setPipeline(pipeline);
    const group = this.gpu.createBindGroup({ label, layout, entries });
    pass.setBindGroup(0, group, usesParams ? [uniformOffset] : []);
    pass.dispatchWorkgroups(...groups);
    batch.kernels.add(label);
    if (++batch.launches === LAUNCHES_PER_BATCH) this.flush();
  }

  /** The encoder, between passes, for a copy that uses `buffers`. */
  transfer(...buffers: GPUBuffer[]): GPUCommandEncoder {
    const batch = this.#open();
    batch.pass?.end();
    batch.pass = null;
    for (const buffer of buffers) batch.touched.add(buffer);
    return batch.encoder;
  }

  /** Whether recorded work uses the buffer. */
  uses(buffer: GPUBuffer): boolean {
    return this.#batch?.touched.has(buffer) ?? false;
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
    const describe = (error: GPUError | null) => error && batchError(error, names);
    // Popped in the reverse order of #open.
    for (let scope = 0; scope < 3; scope++) {
      this.report(this.gpu.popErrorScope().then(describe));
    }
  }

  /** Measures every launch from now on; launches then run one by one. */
  startProfile(): void {
    this.flush();
    this.#profiler = new Profiler(this.gpu, LAUNCHES_PER_BATCH);
  }

  /** Ends the measurement. All recorded work must be done. */
  async endProfile(): Promise<KernelTime[]> {
    const profiler = this.#profiler;
    this.#profiler = null;
    return await profiler?.finish() ?? [];
  }

  /** Gives back the recorder's own buffer. */
  destroy(): void {
    this.#uniforms.destroy();
  }

  #open(): Batch {
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
  #passFor(batch: Batch, label: string): GPUComputePassEncoder {
    if (!this.#profiler) return batch.pass ??= batch.encoder.beginComputePass();
    batch.pass?.end();
    const timestampWrites = this.#profiler.next(label);
    return batch.pass = batch.encoder.beginComputePass({ timestampWrites });
  }
}

/** Folds a one-dimensional launch into rows, because an axis has at most 65,535 workgroups. */
function groupsOf(label: string, launch: Launch, width: number): [number, number, number] {
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

function batchError(error: GPUError, kernels: readonly string[]): Error {
  const named = kernels.filter((label) => error.message.includes(label));
  const suspects = named.length > 0 ? named : kernels;
  const what = suspects.length > 0 ? `a launch of ${suspects.join(", ")}` : "a copy";
  const message = `The GPU refused ${what}: ${error.message}`;
  if (error instanceof GPUOutOfMemoryError) return memoryError(error.message);
  if (suspects.length === 0) return new DeviceError(message);
  return new KernelError(message, { kernel: suspects[0] });
}
