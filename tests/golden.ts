/**
 * Reads golden safetensors files whole.
 * @module
 */
import { openFile } from "../src/formats/byte_source.ts";
import { openSafetensors } from "../src/formats/safetensors.ts";

/** The tensors of a golden file, by name. */
export interface Golden {
  readonly names: readonly string[];
  f32(name: string): Float32Array;
  i32(name: string): Int32Array;
}

/** Reads a safetensors file into memory. */
export async function readGolden(path: string): Promise<Golden> {
  using file = await openFile(path);
  const tensors = await openSafetensors(file);
  const content = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of tensors.tensors.keys()) content.set(name, await tensors.read(name));
  const bytes = (name: string, dtype: string) => {
    if (tensors.tensors.get(name)?.dtype !== dtype) {
      throw new Error(`${path} has no ${dtype} ${name}`);
    }
    return content.get(name)!.buffer;
  };
  return {
    names: [...content.keys()],
    f32: (name) => new Float32Array(bytes(name, "F32")),
    i32: (name) => new Int32Array(bytes(name, "I32")),
  };
}
