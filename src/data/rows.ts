/**
 * The rows of a data file, whatever its format: JSON Lines, a JSON array, Parquet or Arrow, told apart
 * by their first bytes and not by their names.
 * @module
 */
import { FormatError } from "../errors.ts";
import { openFile } from "../formats/byte_source.ts";
import { readArrow } from "./arrow_file.ts";
import { readJsonArray } from "./json_array.ts";
import { readJsonl } from "./jsonl.ts";
import { readParquet } from "./parquet.ts";

/** One row, not checked yet. */
export interface SourceRow {
  /** 1-based: the line in JSON Lines, else the index of the row. */
  readonly row: number;
  readonly value: unknown;
}

/** How a file is written. */
export type FileFormat = "jsonl" | "json" | "parquet" | "arrow";

/** Bytes of one row at most. No text that long can be learned. */
export const MAX_ROW_BYTES = 16_000_000;

const SPACE = 0x20, OPEN_LIST = 0x5b;

/** How files begin that are often given in place of the data, and what to do about it. */
const OTHERS: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], "it is packed with gzip; unpack it (gunzip)"],
  [[0x28, 0xb5, 0x2f, 0xfd], "it is packed with zstd; unpack it (unzstd)"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "it is packed with xz; unpack it (unxz)"],
  [[0x50, 0x4b, 0x03, 0x04], "it is a zip archive; unpack it and give the file inside"],
  [[0xff, 0xfe], "it is UTF-16; save it as UTF-8"],
  [[0xfe, 0xff], "it is UTF-16; save it as UTF-8"],
  [[...new TextEncoder().encode("SQLite format 3")], "it is a database; give the questions' file"],
];

/**
 * Tells the format of the file at `path`. Throws FormatError for one that is missing, empty, a
 * Git-LFS pointer, or in a format that is known to be none of these.
 */
export async function detectFormat(path: string): Promise<FileFormat> {
  using file = await openFile(path);
  const bytes = new Uint8Array(await file.slice(0, Math.min(4096, file.byteLength)));
  const fail = (what: string) => new FormatError(`Cannot read ${path}: ${what}`, { file: path });
  const startsWith = (mark: readonly number[]) => mark.every((byte, i) => bytes[i] === byte);
  if (startsWith([0x50, 0x41, 0x52, 0x31])) return "parquet";
  if (startsWith([0x50, 0x41, 0x52, 0x45])) throw fail("it is encrypted; give a file that is not");
  // An Arrow file, or a stream, which begins with its mark of continuation.
  if (startsWith([0x41, 0x52, 0x52, 0x4f, 0x57, 0x31])) return "arrow";
  if (startsWith([0xff, 0xff, 0xff, 0xff])) return "arrow";
  const other = OTHERS.find(([mark]) => startsWith(mark));
  if (other) throw fail(other[1]);
  const text = startsWith([0xef, 0xbb, 0xbf]) ? bytes.subarray(3) : bytes;
  const first = text.find((byte) => byte > SPACE);
  if (first === undefined && bytes.length === file.byteLength) {
    throw fail("it is empty; give a file with rows");
  }
  return first === OPEN_LIST ? "json" : "jsonl";
}

/**
 * Yields the rows of the file at `path`. A JSON array stands for its elements.
 * Throws FormatError, with file and row, where the file as such cannot be read.
 */
export async function* readRows(path: string): AsyncGenerator<SourceRow, void, undefined> {
  const format = await detectFormat(path);
  switch (format) {
    case "parquet":
      yield* readParquet(path);
      return;
    case "arrow":
      yield* readArrow(path);
      return;
    case "json":
      yield* readJsonArray(path, { maxElementBytes: MAX_ROW_BYTES });
      return;
    case "jsonl":
      for await (const { line, value } of readJsonl(path, { maxLineBytes: MAX_ROW_BYTES })) {
        yield { row: line, value };
      }
  }
}
