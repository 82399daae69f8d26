/**
 * Reads the rows of a Parquet file as a stream, through hyparquet.
 * @module
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  type FileMetaData,
  parquetMetadata,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { FormatError } from "../errors.ts";
import { type ByteSource, openFile } from "../formats/byte_source.ts";
import { checkPages, type PageSummary } from "./parquet_check.ts";
import { readStruct } from "./thrift.ts";

/** One row of the file. */
export interface ParquetRow {
  /** 1-based. */
  readonly row: number;
  readonly value: Readonly<Record<string, unknown>>;
}

type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

const MAGIC = 0x31524150; // "PAR1"
const MAX_FOOTER_BYTES = 16 << 20;
const MAX_CHUNK_BYTES = 256 << 20;
const BATCH_ROWS = 8192;
const BATCH_BYTES = 32 << 20;

/** zlib stops at the size that the page states, where a bomb would go on. */
const decompressors: Readonly<Record<string, Decompress>> = {
  UNCOMPRESSED: (bytes) => bytes,
  ZSTD: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }),
  GZIP: (bytes, size) => gunzipSync(bytes, { maxOutputLength: Math.max(1, size) }),
  BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }),
  SNAPPY: (bytes, size) => size === 0 ? new Uint8Array() : compressors.SNAPPY!(bytes, size),
  LZ4: (bytes, size) => compressors.LZ4!(bytes, size),
  LZ4_RAW: (bytes, size) => compressors.LZ4_RAW!(bytes, size),
};

/**
 * Yields the rows of the file at `path` with its columns of single values; lists and structs are left
 * out. Integers are numbers where a number holds them, else bigint.
 *
 * Throws FormatError for a file that is damaged, truncated, encrypted, a Git-LFS pointer, or that
 * unpacks to more than it may.
 */
export async function* readParquet(path: string): AsyncGenerator<ParquetRow, void, undefined> {
  using file = await openFile(path);
  const metadata = await readMetadata(file);
  let first = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    const where = `row group ${index + 1}`;
    const columns = await explain(file, where, () => flatColumns(metadata, group));
    const pages = await explain(file, where, () => checkGroup(file, group, columns));
    const step = batchRows(pages);
    for (let start = 0; start < rows; start += step) {
      const rowStart = first + start;
      const rowEnd = first + Math.min(rows, start + step);
      const values = await explain(
        file,
        `rows ${rowStart + 1} to ${rowEnd}`,
        () =>
          parquetReadObjects({
            file,
            metadata,
            columns: columns.map(({ name }) => name),
            rowStart,
            rowEnd,
            compressors: decompressors,
            parsers: { stringFromBytes: decodeText },
            geoparquet: false,
          }),
      );
      for (const [i, value] of values.entries()) {
        yield { row: rowStart + i + 1, value: plain(value) };
      }
    }
    first += rows;
  }
}

async function readMetadata(file: ByteSource): Promise<FileMetaData> {
  const fail = (what: string) =>
    new FormatError(`Cannot read ${file.name}: ${what}; fetch or write the file again`, {
      file: file.name,
    });
  if (file.byteLength < 12) throw fail("it is too short for a Parquet file");
  const tail = new DataView(await file.slice(file.byteLength - 8));
  if (tail.getUint32(4, true) !== MAGIC) {
    throw fail("it does not end with the mark of a Parquet file, so it is truncated or another");
  }
  const length = tail.getUint32(0, true);
  if (length > Math.min(MAX_FOOTER_BYTES, file.byteLength - 12)) {
    throw fail(`its footer claims ${length} bytes`);
  }
  const footer = await file.slice(file.byteLength - 8 - length);
  return await explain(file, "the footer", () => {
    readStruct({ view: new DataView(footer, 0, length), offset: 0 });
    const metadata = parquetMetadata(footer, { geoparquet: false });
    const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
    if (!metadata.row_groups.every(({ num_rows }) => num_rows >= 0n) || rows > 2 ** 40) {
      throw new RangeError("the number of rows is wrong");
    }
    return metadata;
  });
}

interface FlatColumn {
  readonly name: string;
  readonly optional: boolean;
}

/** The columns that hold one value a row. */
function flatColumns(metadata: FileMetaData, group: RowGroup): FlatColumn[] {
  const present = new Set(
    group.columns.map(({ meta_data }) => meta_data?.path_in_schema)
      .filter((path) => path?.length === 1).map((path) => path![0]),
  );
  return parquetSchema(metadata).children
    .filter(({ element, children }) =>
      present.has(element.name) && children.length === 0 && element.repetition_type !== "REPEATED"
    )
    .map(({ element }) => ({
      name: element.name,
      optional: element.repetition_type !== "REQUIRED",
    }));
}

async function checkGroup(
  file: ByteSource,
  group: RowGroup,
  columns: readonly FlatColumn[],
): Promise<PageSummary[]> {
  const summaries: PageSummary[] = [];
  for (const { name, optional } of columns) {
    const meta = group.columns.find(({ meta_data }) =>
      meta_data?.path_in_schema.length === 1 && meta_data.path_in_schema[0] === name
    )!.meta_data!;
    const decompress = decompressors[meta.codec];
    if (!decompress) throw new RangeError(`its compression ${meta.codec} is not supported`);
    // Some writers give 0 for no dictionary.
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    if (length > MAX_CHUNK_BYTES) {
      throw new RangeError(
        `column ${name} has ${length} bytes, more than ${MAX_CHUNK_BYTES} in one row group`,
      );
    }
    const bytes = new Uint8Array(await file.slice(start, start + length));
    try {
      summaries.push(checkPages(bytes, {
        name,
        optional,
        boolean: meta.type === "BOOLEAN",
        rows: Number(group.num_rows),
        decompress: (data, size) => {
          const page = decompress(data, size);
          if (page.length === size) return page;
          throw new RangeError(`a page unpacks to ${page.length} bytes where it says ${size}`);
        },
      }));
    } catch (cause) {
      throw new RangeError(`column ${name}: ${reasonOf(cause)}`, { cause });
    }
  }
  return summaries;
}

/** A page is decoded as a whole, so there is no use in batches that are smaller. */
function batchRows(pages: readonly PageSummary[]): number {
  const longest = Math.max(BATCH_ROWS, ...pages.map(({ maxPageRows }) => maxPageRows));
  const widest = pages.reduce((sum, { maxBytesPerRow }) => sum + maxBytesPerRow, 1);
  return Math.max(1, Math.min(longest, Math.floor(BATCH_BYTES / widest)));
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function plain(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    row[key] = typeof field === "bigint" && Number.isSafeInteger(Number(field))
      ? Number(field)
      : field;
  }
  return row;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Runs `action`; what it throws becomes a FormatError that says where and why. */
async function explain<T>(
  file: ByteSource,
  where: string,
  action: () => T | Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(
      `Cannot read ${file.name}: in ${where}, ${reasonOf(cause)}; fetch or write the file again`,
      { file: file.name },
      { cause },
    );
  }
}
