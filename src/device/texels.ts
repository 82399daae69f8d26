/**
 * Values that kernels hand to one another in textures. On CPU adapters a kernel loads a texel in a
 * quarter of the time of a vec4 of a buffer, which is worth having where loads decide.
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { Storage } from "./pool.ts";

/** Texels of a row: texel i lies at (i mod 1024, ⌊i / 1024⌋). Kernels know the number too. */
export const TEXELS_PER_ROW = 1024;

const TEXEL_BYTES = 16;

/** Bytes of a row of texels; textures are whole rows. */
export const TEXEL_ROW_BYTES = TEXELS_PER_ROW * TEXEL_BYTES;

/** A texture as the pool lends it. */
export interface TexelTexture {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  destroy(): void;
}

/** vec4f values in a storage texture, of undefined content at first. Its owner is a scope. */
export interface Texels {
  /** How many. */
  readonly texels: number;
  readonly label: string;
  readonly storage: Storage<TexelTexture>;
}

/** Bytes of a texture for `texels` vec4f. Throws {@linkcode ShapeError}. */
export function texelBytes(texels: number, label: string): number {
  if (!Number.isInteger(texels) || texels < 1) {
    throw new ShapeError(`Cannot allocate ${label}: ${texels} is not a number of texels`);
  }
  return Math.ceil(texels / TEXELS_PER_ROW) * TEXEL_ROW_BYTES;
}

/** `"x of 2048 texels"`, for messages. */
export function describeTexels({ label, texels }: Texels): string {
  return `${label} of ${texels} texels`;
}

/** Copies a buffer's first bytes, whole texels, into a texture: whole rows, then what is left. */
export function copyIntoTexture(
  encoder: GPUCommandEncoder,
  { buffer, byteLength }: { buffer: GPUBuffer; byteLength: number },
  { texture }: TexelTexture,
): void {
  const rows = Math.floor(byteLength / TEXEL_ROW_BYTES), offset = rows * TEXEL_ROW_BYTES;
  if (rows > 0) {
    const layout = { buffer, bytesPerRow: TEXEL_ROW_BYTES };
    encoder.copyBufferToTexture(layout, { texture }, [TEXELS_PER_ROW, rows]);
  }
  const left = (byteLength - offset) / TEXEL_BYTES;
  if (left > 0) {
    encoder.copyBufferToTexture({ buffer, offset }, { texture, origin: [0, rows] }, [left, 1]);
  }
}

/** A texture of `bytes` bytes, whole rows of texels. */
export function createTexelTexture(gpu: GPUDevice, bytes: number, label: string): TexelTexture {
  const texture = gpu.createTexture({
    label,
    size: [TEXELS_PER_ROW, bytes / TEXEL_ROW_BYTES],
    format: "rgba32float",
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST,
  });
  return { texture, view: texture.createView(), destroy: () => texture.destroy() };
}
