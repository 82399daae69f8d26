/**
 * Reading many tensors for a file.
 * @module
 */
import type { Device } from "./device.ts";
import type { Tensor } from "./tensor.ts";

/** Bytes that are read ahead at once. */
const AHEAD_BYTES = 64 * 2 ** 20;

/**
 * The bytes of each tensor, to be taken in order. They are read in groups, because every read waits
 * for milliseconds, and no more than a group is on the host at once.
 */
export function contentsOf(
  device: Device,
  tensors: readonly Tensor[],
): AsyncIterable<Uint8Array>[] {
  const ahead = new Map<number, Uint8Array>();
  const readFrom = async (first: number) => {
    let end = first, bytes = 0;
    do bytes += tensors[end++].byteLength; while (end < tensors.length && bytes < AHEAD_BYTES);
    const contents = await device.readMany(tensors.slice(first, end));
    contents.forEach((content, i) => ahead.set(first + i, content));
  };
  return tensors.map(async function* (_, i) {
    if (!ahead.has(i)) await readFrom(i);
    yield ahead.get(i)!;
    ahead.delete(i);
  });
}
