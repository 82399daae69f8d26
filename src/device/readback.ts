/**
 * Brings tensors to the host.
 * @module
 */
import { DeviceError } from "../errors.ts";
import type { Faults } from "./faults.ts";
import type { Recorder } from "./recorder.ts";
import { describe, type Tensor } from "./tensor.ts";

const READ_CHUNK_BYTES = 32 * 2 ** 20;

/** A stretch of a tensor on its way to the host. */
interface Piece {
  readonly tensor: Tensor;
  readonly start: number;
  readonly target: Uint8Array;
}

/** What reading needs of the device. */
export interface ReadbackBackend {
  readonly gpu: GPUDevice;
  readonly recorder: Recorder;
  readonly faults: Faults;
  /** The buffers of tensors that are about to be used; throws where one was given back. */
  buffersOf(...tensors: Tensor[]): GPUBuffer[];
  flush(): void;
}

/** The bytes of several tensors, with few waits: each costs milliseconds, whatever its size. */
export async function readTensors(
  backend: ReadbackBackend,
  tensors: readonly Tensor[],
): Promise<Uint8Array<ArrayBuffer>[]> {
  const results = tensors.map((tensor) => new Uint8Array(tensor.byteLength));
  let pieces: Piece[] = [], bytes = 0;
  for (const [i, tensor] of tensors.entries()) {
    for (let start = 0; start < tensor.byteLength;) {
      const size = Math.min(READ_CHUNK_BYTES - bytes, tensor.byteLength - start);
      pieces.push({ tensor, start, target: results[i].subarray(start, start + size) });
      start += size;
      bytes += size;
      if (bytes < READ_CHUNK_BYTES) continue;
      await readPieces(backend, pieces, bytes);
      pieces = [];
      bytes = 0;
    }
  }
  if (bytes > 0) await readPieces(backend, pieces, bytes);
  return results;
}

async function readPieces(
  backend: ReadbackBackend,
  pieces: readonly Piece[],
  size: number,
): Promise<void> {
  const { gpu, recorder, faults } = backend;
  const buffers = backend.buffersOf(...pieces.map(({ tensor }) => tensor));
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = gpu.createBuffer({ label: "read", size, usage });
  try {
    let offset = 0;
    for (const [i, { start, target }] of pieces.entries()) {
      recorder.transfer(buffers[i])
        .copyBufferToBuffer(buffers[i], start, staging, offset, target.length);
      offset += target.length;
    }
    backend.flush();
    // sync: reading waits for every launch before it
    await staging.mapAsync(GPUMapMode.READ).catch(async (error) => {
      await faults.throwFirst();
      throw new DeviceError(`Cannot read ${describe(pieces[0].tensor)}: ${error.message}`);
    });
    await faults.throwFirst();
    const content = new Uint8Array(staging.getMappedRange());
    offset = 0;
    for (const { target } of pieces) {
      target.set(content.subarray(offset, offset + target.length));
      offset += target.length;
    }
  } finally {
    staging.destroy();
  }
}
