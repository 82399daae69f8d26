/** What the tests of the formats share. */
import { join } from "node:path";
import type { ByteSource } from "../../src/formats/byte_source.ts";

/** A folder that is removed when its scope ends. */
export function temporaryFolder(): Disposable & { join(...names: string[]): string } {
  const path = Deno.makeTempDirSync();
  return {
    join: (...names) => join(path, ...names),
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** The names in a folder, sorted. */
export function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map((entry) => entry.name).sort();
}

/** The bytes of float32 values. */
export function f32Bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Float32Array(values).buffer);
}

/** A safetensors file with any header, valid or not; the header is not padded. */
export function rawSafetensors(header: unknown, data = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    slice: (start, end = bytes.byteLength) => Promise.resolve(bytes.slice(start, end).buffer),
  };
}
