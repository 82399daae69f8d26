/**
 * Tensors and the scopes that own them.
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { Device } from "./device.ts";
import type { AnyStorage, Storage } from "./pool.ts";
import { texelBytes, type Texels } from "./texels.ts";

/** Element types. `u8`, `f16` and `bf16` are packed into 32-bit words on the GPU, low bits first. */
export type DType = "f32" | "u32" | "f16" | "bf16" | "u8";

const ITEM_BYTES: Readonly<Record<DType, number>> = { f32: 4, u32: 4, f16: 2, bf16: 2, u8: 1 };

/** Host arrays that can be uploaded; their bytes are copied as they are. */
export type HostArray = Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** A row-major array on the GPU. Plain data: its owner is a {@linkcode Scope}. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Bytes of the content, rounded up to whole 32-bit words. */
  readonly byteLength: number;
  readonly label: string;
  readonly storage: Storage;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Bytes of a tensor of this shape, rounded up to whole 32-bit words. */
export function byteLengthOf(shape: readonly number[], dtype: DType): number {
  return Math.ceil(sizeOf(shape) * ITEM_BYTES[dtype] / 4) * 4;
}

/** `"x [2, 3] f32"`, for messages. */
export function describe(tensor: Tensor): string {
  return `${tensor.label} [${tensor.shape.join(", ")}] ${tensor.dtype}`;
}

/**
 * Checks a tensor's shape (null matches any length) and dtype.
 * Throws {@linkcode ShapeError} naming the operation, the tensor and what it should be.
 */
export function expectShape(
  operation: string,
  tensor: Tensor,
  shape: readonly (number | null)[],
  dtype: DType = "f32",
): void {
  const fits = tensor.dtype === dtype && tensor.shape.length === shape.length &&
    shape.every((length, axis) => length === null || length === tensor.shape[axis]);
  if (fits) return;
  throw new ShapeError(
    `Cannot run ${operation}: ${describe(tensor)} should be ` +
      `[${shape.map((length) => length ?? "any").join(", ")}] ${dtype}`,
  );
}

/**
 * Owns tensors and texels, and gives their memory back when it ends (`using scope = device.scope("step")`).
 * A tensor that should live on is moved to another scope with {@linkcode Scope.adopt}.
 */
export class Scope implements Disposable {
  // By storage, so that a view counts as the tensor it views.
  #owned = new Set<AnyStorage>();
  #ended = false;

  constructor(readonly device: Device, readonly label: string) {}

  /** A tensor with undefined content. */
  empty(shape: readonly number[], options: { dtype?: DType; label?: string } = {}): Tensor {
    this.#assertOpen();
    const { dtype = "f32", label = this.label } = options;
    if (!shape.every((length) => Number.isInteger(length) && length > 0)) {
      throw new ShapeError(
        `Cannot allocate ${label}: [${shape.join(", ")}] is not a shape of positive integers`,
      );
    }
    const byteLength = byteLengthOf(shape, dtype);
    const storage = this.device.allocate(byteLength, label);
    const tensor: Tensor = { shape, dtype, byteLength, label, storage };
    this.#owned.add(tensor.storage);
    return tensor;
  }

  /** Room for so many vec4f that kernels write and read as texels. */
  texels(count: number, { label = this.label }: { label?: string } = {}): Texels {
    this.#assertOpen();
    const storage = this.device.allocateTexture(texelBytes(count, label), label);
    this.#owned.add(storage);
    return { texels: count, label, storage };
  }

  /** A copy of an f32 tensor, a multiple of four values, as texels. */
  texelsOf(tensor: Tensor): Texels {
    const texels = this.texels(tensor.byteLength / 16, { label: tensor.label });
    this.device.copyToTexels(tensor, texels);
    return texels;
  }

  /** A tensor of zeros. */
  zeros(shape: readonly number[], options: { dtype?: DType; label?: string } = {}): Tensor {
    const tensor = this.empty(shape, options);
    this.device.clear(tensor);
    return tensor;
  }

  /** A tensor with the given content. The dtype follows the array: f32, u32, f16 or u8. */
  upload(
    data: HostArray,
    shape: readonly number[] = [data.length],
    options: { dtype?: DType; label?: string } = {},
  ): Tensor {
    const dtype = options.dtype ?? hostDType(data);
    const bytes = sizeOf(shape) * ITEM_BYTES[dtype];
    if (bytes !== data.byteLength) {
      throw new ShapeError(
        `Cannot upload ${options.label ?? this.label}: [${shape.join(", ")}] ${dtype} takes ` +
          `${bytes} bytes, the array has ${data.byteLength}`,
      );
    }
    const tensor = this.empty(shape, { ...options, dtype });
    this.device.write(tensor, data);
    return tensor;
  }

  /** Bytes of GPU memory that the scope owns. */
  get byteLength(): number {
    let bytes = 0;
    for (const { capacity } of this.#owned) bytes += capacity;
    return bytes;
  }

  /** Whether the tensor belongs to this scope. */
  owns(tensor: Tensor): boolean {
    return this.#owned.has(tensor.storage);
  }

  /** Moves a tensor from the scope that owns it into this one; returns it. */
  adopt(tensor: Tensor, from: Scope): Tensor {
    this.#assertOpen();
    if (!from.#owned.delete(tensor.storage)) {
      throw new ShapeError(
        `Cannot move ${describe(tensor)}: scope "${from.label}" does not own it`,
      );
    }
    this.#owned.add(tensor.storage);
    return tensor;
  }

  /** Gives the memory of one tensor, or of texels, back early. */
  release({ storage }: Tensor | Texels): void {
    if (this.#owned.delete(storage)) this.device.release(storage);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const storage of this.#owned) this.device.release(storage);
    this.#owned.clear();
  }

  #assertOpen(): void {
    if (this.#ended) throw new ShapeError(`Cannot allocate: scope "${this.label}" has ended`);
  }
}

function hostDType(data: HostArray): DType {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Uint32Array) return "u32";
  return data instanceof Uint16Array ? "f16" : "u8";
}

/** The same elements under another shape; shares the memory and the owner of `tensor`. */
export function reshape(tensor: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(shape) !== sizeOf(tensor.shape)) {
    throw new ShapeError(
      `Cannot view ${describe(tensor)} as [${shape.join(", ")}]: the element counts differ`,
    );
  }
  return { ...tensor, shape };
}
