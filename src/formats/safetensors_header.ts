/**
 * The header of a safetensors file: eight bytes with its length N (little-endian), then N bytes of
 * JSON, then the data. `{ "name": { "dtype", "shape", "data_offsets": [begin, end] }, … }`, offsets
 * counted from the end of the header; `__metadata__` maps strings to strings.
 * Format: the README of huggingface/safetensors.
 * @module
 */
import { FormatError } from "../errors.ts";
import { isJsonObject, parseJson } from "./json.ts";

const ITEM_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;

/** The element type of a tensor, in the words of the format. */
export type SafetensorsDtype = keyof typeof ITEM_BYTES;

/** One tensor of a file. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Offset in the file of its first byte. */
  readonly begin: number;
  /** Offset in the file just after its last byte. */
  readonly end: number;
}

/** What a header says. */
export interface SafetensorsHeader {
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes before the JSON text. */
export const PREFIX_BYTES = 8;

/** The limit that the reference implementation sets, against files that only claim to be this format. */
const MAX_HEADER_BYTES = 100_000_000;

const METADATA_KEY = "__metadata__";

/** The size in bytes of one element. */
export function itemBytes(dtype: SafetensorsDtype): number {
  return ITEM_BYTES[dtype];
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === "string" && Object.hasOwn(ITEM_BYTES, value);
}

/**
 * Reads the first eight bytes: the length of the JSON text.
 * Throws {@linkcode FormatError} where it cannot be one, or the file ends before the text does.
 */
export function parseHeaderLength(prefix: ArrayBuffer, fileBytes: number, file: string): number {
  const length = new DataView(prefix).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(
      `Cannot read ${file}: its first eight bytes claim a header of ${length} bytes, more than ` +
        `${MAX_HEADER_BYTES}; it is no safetensors file, convert or fetch it again`,
      { file, offset: 0 },
    );
  }
  const needed = PREFIX_BYTES + Number(length);
  if (needed > fileBytes) throw truncated(file, needed, fileBytes);
  return Number(length);
}

/** The error for a file that ends too early. */
export function truncated(file: string, needed: number, fileBytes: number): FormatError {
  return new FormatError(
    `Cannot read ${file}: truncated: expected ${needed} bytes, file has ${fileBytes}; ` +
      "fetch or write it again",
    { file, offset: fileBytes },
  );
}

/**
 * Parses and checks the JSON text of a header.
 * Throws {@linkcode FormatError} unless every tensor has a known dtype, a shape that fits its bytes,
 * and all tensors together cover the rest of the file without overlap or hole.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const dataBegin = PREFIX_BYTES + json.byteLength;
  const header = parseJson(json, { file, offset: PREFIX_BYTES });
  if (json[0] !== 0x7b || !isJsonObject(header)) {
    throw new FormatError(
      `Cannot read ${file}: its header is not a JSON object; fetch or write it again`,
      { file, offset: PREFIX_BYTES },
    );
  }
  const { [METADATA_KEY]: metadata = {}, ...entries } = header;
  const tensors = Object.entries(entries)
    .map(([name, entry]) => parseEntry(name, entry, dataBegin, file))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(tensors, dataBegin, fileBytes, file);
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: checkMetadata(metadata, file),
  };
}

function parseEntry(name: string, entry: unknown, dataBegin: number, file: string): TensorInfo {
  const fail = (what: string) =>
    new FormatError(
      `Cannot read ${file}: tensor ${JSON.stringify(name)} ${what}; fetch or write the file again`,
      { file, offset: PREFIX_BYTES },
    );
  if (!isJsonObject(entry)) throw fail("is not described by an object");
  const { dtype, shape, data_offsets: range } = entry;
  if (!isDtype(dtype)) {
    throw fail(
      `has the unknown dtype ${JSON.stringify(dtype)}, not one of ${
        Object.keys(ITEM_BYTES).join(", ")
      }`,
    );
  }
  if (!isSizeList(shape)) {
    throw fail(`has the shape ${JSON.stringify(shape)}, which is not a list of sizes`);
  }
  if (!isSizeList(range) || range.length !== 2 || range[0] > range[1]) {
    throw fail(`has the data_offsets ${JSON.stringify(range)}, which are not a range`);
  }
  const [begin, end] = range;
  const bytes = tensorBytes(dtype, shape);
  if (bytes !== BigInt(end - begin)) {
    throw fail(
      `needs ${bytes} bytes for ${dtype} of shape [${shape}] but its data_offsets hold ${
        end - begin
      }`,
    );
  }
  return { name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

/** In bigint, because sizes that are safe integers can have a product that is not. */
function tensorBytes(dtype: SafetensorsDtype, shape: readonly number[]): bigint {
  return shape.reduce((product, size) => product * BigInt(size), BigInt(ITEM_BYTES[dtype]));
}

/** True for a list of integers that are at least 0. */
export function isSizeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function checkCoverage(
  tensors: readonly TensorInfo[],
  dataBegin: number,
  fileBytes: number,
  file: string,
): void {
  const needed = tensors.reduce((most, { end }) => Math.max(most, end), dataBegin);
  if (needed > fileBytes) throw truncated(file, needed, fileBytes);
  let covered = dataBegin;
  const last = { name: "the end of the file", begin: fileBytes, end: fileBytes };
  for (const { name, begin, end } of [...tensors, last]) {
    if (begin !== covered) {
      const what = begin < covered
        ? `tensor ${JSON.stringify(name)} overlaps the one before it`
        : `the ${begin - covered} bytes before ${JSON.stringify(name)} belong to no tensor`;
      const offset = Math.min(begin, covered);
      throw new FormatError(
        `Cannot read ${file}: ${what} (byte ${offset}); fetch or write the file again`,
        { file, offset },
      );
    }
    covered = end;
  }
}

function checkMetadata(metadata: unknown, file: string): Readonly<Record<string, string>> {
  const valid = isJsonObject(metadata) &&
    Object.values(metadata).every((value) => typeof value === "string");
  if (valid) return metadata as Record<string, string>;
  throw new FormatError(
    `Cannot read ${file}: its ${METADATA_KEY} is not an object of strings; write the file again`,
    { file, offset: PREFIX_BYTES },
  );
}

/**
 * The first bytes of a file that holds the given tensors one after the other: length, JSON text, and
 * spaces up to a multiple of eight.
 */
export function formatHeader(
  tensors: readonly Omit<TensorInfo, "begin" | "end">[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const fields = [`${JSON.stringify(METADATA_KEY)}:${JSON.stringify(metadata)}`];
  let begin = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = begin + Number(tensorBytes(dtype, shape));
    // by hand, because an object would put names that look like numbers first
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`,
    );
    begin = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, PREFIX_BYTES);
  return bytes;
}
