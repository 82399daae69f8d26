/**
 * Looks through the pages of a Parquet column before they are decoded. hyparquet trusts what pages
 * say about themselves; a page that claims more values or bytes than it has, such as a zip bomb or a
 * run of a billion values, would exhaust memory there and end the process.
 *
 * The format: https://github.com/apache/parquet-format (README, Encodings.md).
 * @module
 */
import { readStruct, readVarint, type ThriftCursor, type ThriftStruct } from "./thrift.ts";

/** What is known about a column chunk without its pages. */
export interface ColumnChunk {
  readonly name: string;
  /** Whether values may be null, and so have definition levels. */
  readonly optional: boolean;
  readonly boolean: boolean;
  /** Rows of its row group. */
  readonly rows: number;
  /** The page's bytes; throws where they do not make exactly `size`. */
  readonly decompress: (bytes: Uint8Array, size: number) => Uint8Array;
}

/** What reading the column will take. */
export interface PageSummary {
  /** Values of the page that has most. */
  readonly maxPageRows: number;
  /** Decompressed bytes per value, of the page that has most. */
  readonly maxBytesPerRow: number;
}

// DuckDB writes pages of up to 100 MB, the largest of the writers that are known.
const MAX_PAGE_BYTES = 128 << 20;
const MAX_PAGE_VALUES = 8 << 20;
const MAX_VALUE_BYTES = 16_000_000;

const DATA_PAGE = 0, DICTIONARY_PAGE = 2, DATA_PAGE_V2 = 3;
const PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, BIT_PACKED = 4, DELTA_BINARY_PACKED = 5;
const DELTA_LENGTH_BYTE_ARRAY = 6, DELTA_BYTE_ARRAY = 7, RLE_DICTIONARY = 8, BYTE_STREAM_SPLIT = 9;
/** Encodings that are refused: rare, and their values can be far larger than their pages. */
const NAMES: Readonly<Record<number, string>> = {
  [BIT_PACKED]: "BIT_PACKED",
  [DELTA_BYTE_ARRAY]: "DELTA_BYTE_ARRAY",
  [BYTE_STREAM_SPLIT]: "BYTE_STREAM_SPLIT",
};

/**
 * Checks the pages in `bytes`, a whole column chunk of flat values. Throws RangeError that says what
 * is wrong.
 */
export function checkPages(bytes: Uint8Array, chunk: ColumnChunk): PageSummary {
  const cursor = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  let rows = 0;
  let maxPageRows = 1;
  let maxBytesPerRow = 1;
  while (rows < chunk.rows && cursor.offset < bytes.length - 1) {
    const header = readStruct(cursor);
    const type = integer(header, 1);
    const size = integer(header, 2);
    const compressedSize = integer(header, 3);
    if (compressedSize > bytes.length - cursor.offset) {
      throw new RangeError(`a page has ${compressedSize} bytes, more than are left`);
    }
    if (size > MAX_PAGE_BYTES) {
      throw new RangeError(`a page unpacks to ${size} bytes, more than ${MAX_PAGE_BYTES}`);
    }
    const data = bytes.subarray(cursor.offset, cursor.offset + compressedSize);
    cursor.offset += compressedSize;
    if (type === DICTIONARY_PAGE) {
      const values = countOf(struct(header, 7));
      if (values > size) throw new RangeError(`a dictionary of ${size} bytes has ${values} values`);
      chunk.decompress(data, size);
      continue;
    }
    let values: number;
    if (type === DATA_PAGE) {
      values = checkDataPage(chunk.decompress(data, size), struct(header, 5), chunk);
    } else if (type === DATA_PAGE_V2) {
      values = checkDataPageV2(data, size, struct(header, 8), chunk);
    } else {
      throw new RangeError(`a page has the type ${type}`);
    }
    rows += values;
    if (rows > chunk.rows) throw new RangeError("its pages have more values than its row group");
    maxPageRows = Math.max(maxPageRows, values);
    maxBytesPerRow = Math.max(maxBytesPerRow, Math.ceil(size / values));
  }
  if (rows < chunk.rows) throw new RangeError(`its pages have ${rows} of ${chunk.rows} values`);
  if (maxBytesPerRow > MAX_VALUE_BYTES) {
    throw new RangeError(`a value takes ${maxBytesPerRow} bytes, more than ${MAX_VALUE_BYTES}`);
  }
  return { maxPageRows, maxBytesPerRow };
}

function checkDataPage(page: Uint8Array, header: ThriftStruct, chunk: ColumnChunk): number {
  const values = countOf(header);
  let offset = 0;
  let present = values;
  if (chunk.optional) {
    const length = new DataView(page.buffer, page.byteOffset, page.length).getUint32(0, true);
    present = checkLevels(page, 4, values);
    offset = 4 + length;
  }
  checkValues(page, offset, integer(header, 2), present, chunk);
  return values;
}

function checkDataPageV2(
  data: Uint8Array,
  size: number,
  header: ThriftStruct,
  chunk: ColumnChunk,
): number {
  const values = countOf(header);
  const levels = integer(header, 5) + integer(header, 6);
  if (integer(header, 6) !== 0 || integer(header, 3) !== values) {
    throw new RangeError("a page of single values has repetition levels");
  }
  const present = values - integer(header, 2);
  if (present < 0 || levels > data.length || levels > size) {
    throw new RangeError("the levels of a page are longer than the page");
  }
  if (chunk.optional && checkLevels(data, 0, values) !== present) {
    throw new RangeError("a page has another number of nulls than it says");
  }
  const packed = header.get(7) !== false;
  const page = packed
    ? chunk.decompress(data.subarray(levels), size - levels)
    : data.subarray(levels);
  checkValues(page, 0, integer(header, 4), present, chunk);
  return values;
}

function checkValues(
  page: Uint8Array,
  offset: number,
  encoding: number,
  count: number,
  chunk: ColumnChunk,
): void {
  switch (encoding) {
    case PLAIN:
    case DELTA_BINARY_PACKED:
    case DELTA_LENGTH_BYTE_ARRAY:
      return; // decoded into as many values as were asked for, from the bytes that are there
    case RLE:
      if (!chunk.boolean) break;
      checkRuns(page, offset + 4, 1, count);
      return;
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY: {
      if (chunk.boolean) break;
      if (count === 0) return;
      const width = page[offset];
      if (width === undefined || width > 32) {
        throw new RangeError("dictionary indices have no valid width");
      }
      if (width > 0) checkRuns(page, offset + 1, width, count);
      return;
    }
  }
  throw new RangeError(
    `its encoding ${NAMES[encoding] ?? encoding} is not supported (PLAIN and dictionaries are)`,
  );
}

/** Checks definition levels, 1 for a value and 0 for null, and counts the values. */
function checkLevels(page: Uint8Array, offset: number, count: number): number {
  let present = 0;
  checkRuns(page, offset, 1, count, (level, times) => present += level * times);
  return present;
}

/** Checks a sequence of runs and bit-packed groups: none may go on beyond `count` values. */
function checkRuns(
  page: Uint8Array,
  start: number,
  width: number,
  count: number,
  onRun?: (value: number, times: number) => void,
): void {
  const cursor: ThriftCursor = {
    view: new DataView(page.buffer, page.byteOffset, page.length),
    offset: start,
  };
  let seen = 0;
  while (seen < count) {
    const head = readVarint(cursor);
    if (head > 0xffffffff) throw new RangeError("a run is too long");
    const left = count - seen;
    if (head % 2 === 0) {
      const times = head / 2;
      if (times > left) throw new RangeError(`a run has ${times} values where ${left} are left`);
      if (times === 0 && cursor.offset >= page.length) throw new RangeError("a run is missing");
      onRun?.(page[cursor.offset], times);
      cursor.offset += Math.ceil(width / 8);
      seen += times;
    } else {
      const groups = (head - 1) / 2;
      // The last group is filled up; writers of old filled up to 63 of them.
      if (groups * 8 > left + 512) throw new RangeError("bit-packed values go on beyond the page");
      for (let i = 0; onRun && i < Math.min(left, groups * 8); i++) {
        onRun((page[cursor.offset + (i >> 3)] >> (i & 7)) & 1, 1);
      }
      cursor.offset += groups * width;
      seen += groups * 8;
    }
  }
}

function countOf(header: ThriftStruct): number {
  const count = integer(header, 1);
  if (count > MAX_PAGE_VALUES) throw new RangeError(`a page claims ${count} values`);
  return count;
}

function integer(fields: ThriftStruct, id: number): number {
  const value = fields.get(id);
  if (typeof value !== "number" || value < 0) throw new RangeError("a page header is damaged");
  return value;
}

function struct(fields: ThriftStruct, id: number): ThriftStruct {
  const value = fields.get(id);
  if (!(value instanceof Map)) throw new RangeError("a page header is damaged");
  return value;
}
