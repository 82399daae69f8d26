/**
 * Reads and writes safetensors files without holding more than is asked for. The layout, and all
 * checks of it, are in `safetensors_header.ts`.
 * @module
 */
import { FormatError, ShapeError } from "../errors.ts";
import { type AtomicFile, createAtomicFile } from "./atomic.ts";
import type { ByteSource } from "./byte_source.ts";
import { decodeBf16, decodeF16 } from "./half.ts";
import {
  formatHeader,
  isSizeList,
  itemBytes,
  parseHeader,
  parseHeaderLength,
  PREFIX_BYTES,
  type SafetensorsDtype,
  type SafetensorsHeader,
  type TensorInfo,
  truncated,
} from "./safetensors_header.ts";

export { itemBytes, type SafetensorsDtype, type TensorInfo };

/** An open safetensors file. It reads from its source, which must stay open. */
export interface Safetensors extends SafetensorsHeader {
  /** The bytes of a tensor, little-endian and row-major. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A tensor of F32, F16 or BF16 as float32; any other dtype is a {@linkcode FormatError}. */
  readF32(name: string): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The bytes of a tensor in pieces of at most `maxBytes` and of whole elements. Each piece has a
   * buffer of its own.
   */
  chunks(name: string, maxBytes: number): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** A tensor to write. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Little-endian and row-major, whole or in pieces of any size. */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
}

/**
 * Opens a safetensors file and checks its header as a whole.
 * Throws {@linkcode FormatError} with file and offset where it is truncated or malformed; so do the
 * methods where the file has no tensor of that name.
 */
export async function openSafetensors(source: ByteSource): Promise<Safetensors> {
  const { name: file, byteLength } = source;
  if (byteLength < PREFIX_BYTES) throw truncated(file, PREFIX_BYTES, byteLength);
  const length = parseHeaderLength(await source.slice(0, PREFIX_BYTES), byteLength, file);
  const json = new Uint8Array(await source.slice(PREFIX_BYTES, PREFIX_BYTES + length));
  const { tensors, metadata } = parseHeader(json, byteLength, file);

  const find = (name: string): TensorInfo => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw new FormatError(
      `Cannot read tensor ${JSON.stringify(name)}: ${file} has none of that name; ` +
        "check that the file belongs to this model",
      { file },
    );
  };
  const read = async (name: string) => {
    const { begin, end } = find(name);
    return new Uint8Array(await source.slice(begin, end));
  };
  return {
    tensors,
    metadata,
    read,
    readF32: async (name) => decodeF32(await read(name), find(name), file),
    async *chunks(name, maxBytes) {
      const { dtype, begin, end } = find(name);
      const size = itemBytes(dtype);
      const step = Math.max(size, Math.floor(maxBytes / size) * size);
      for (let at = begin; at < end; at += step) {
        yield new Uint8Array(await source.slice(at, Math.min(at + step, end)));
      }
    },
  };
}

/**
 * Widens the bytes of a tensor, or of whole elements of it, to float32. F32 is not copied where its
 * alignment allows. Throws {@linkcode FormatError} for a dtype other than F32, F16 and BF16.
 */
export function decodeF32(
  bytes: Uint8Array<ArrayBuffer>,
  { name, dtype }: Pick<TensorInfo, "name" | "dtype">,
  file: string,
): Float32Array<ArrayBuffer> {
  const size = itemBytes(dtype);
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const length = bytes.byteLength / size;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F16":
      return decodeF16(new Uint16Array(buffer, byteOffset, length));
    case "BF16":
      return decodeBf16(new Uint16Array(buffer, byteOffset, length));
    default:
      throw new FormatError(
        `Cannot read tensor ${
          JSON.stringify(name)
        } of ${file} as float32: its dtype is ${dtype}; ` +
          "use a file that holds it as F32, F16 or BF16",
        { file },
      );
  }
}

/**
 * Writes a safetensors file, replacing `path` only when it is complete. Tensors lie in the order
 * given; the same input always gives the same bytes. transformers and PEFT demand the default
 * metadata.
 *
 * Throws {@linkcode ShapeError} where a name is given twice, a shape is no list of sizes, or bytes do
 * not fit their shape, and {@linkcode FormatError} where the disk is full or the folder cannot be
 * written.
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<SafetensorsEntry>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const list = [...entries];
  checkEntries(list, path);
  await using file = await createAtomicFile(path);
  await file.write(formatHeader(list, metadata));
  for (const entry of list) await writeEntry(file, entry, path);
  await file.commit();
}

async function writeEntry(file: AtomicFile, entry: SafetensorsEntry, path: string): Promise<void> {
  const { name, dtype, shape, bytes } = entry;
  const needed = shape.reduce((product, size) => product * size, itemBytes(dtype));
  let written = 0;
  for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
    written += piece.byteLength;
    if (written > needed) break;
    await file.write(piece);
  }
  if (written === needed) return;
  throw new ShapeError(
    `Cannot write ${path}: tensor ${JSON.stringify(name)} needs ${needed} bytes for ${dtype} of ` +
      `shape [${shape}] but ${written > needed ? "more" : written} were given; ` +
      "give it the bytes of its shape",
  );
}

function checkEntries(entries: readonly SafetensorsEntry[], path: string): void {
  const names = new Set(["__metadata__"]);
  for (const { name, shape } of entries) {
    if (names.has(name)) {
      throw new ShapeError(
        `Cannot write ${path}: the name ${JSON.stringify(name)} is taken; name each tensor once`,
      );
    }
    names.add(name);
    if (!isSizeList(shape)) {
      throw new ShapeError(
        `Cannot write ${path}: tensor ${JSON.stringify(name)} has the shape [${shape}]; ` +
          "give whole sizes of at least 0",
      );
    }
  }
}
