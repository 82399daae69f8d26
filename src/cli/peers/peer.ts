/**
 * What the bench asks of another library.
 * @module
 */

/** Square matrices of f32, row-major, to be multiplied. */
export interface Operands {
  readonly size: number;
  readonly a: Float32Array<ArrayBuffer>;
  readonly b: Float32Array<ArrayBuffer>;
}

/** Another library with two matrices on its GPU device. */
export interface Peer {
  /** The device that it computes on. */
  readonly device: GPUDevice;
  /** Hands the product a · b to the GPU, without waiting for it. */
  multiply(): void | Promise<void>;
  /** The latest product. */
  read(): Promise<Float32Array>;
}

/**
 * Loads a package of the `deno.json` beside this file. The project's own has none of them, so that
 * only the bench downloads them; hence a name that is resolved at run time, and `T` for the types.
 */
export function load<T>(name: string): Promise<T> {
  return import(name);
}

/** What a peer's process says at its end: the fastest time and where, or why there is none. */
export type PeerAnswer =
  | { readonly seconds: number; readonly adapter: string }
  | { readonly reason: string };
