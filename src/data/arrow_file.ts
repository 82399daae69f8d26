/**
 * Reads the rows of an Arrow IPC file (`.arrow`) or stream, as the Hugging Face `datasets` library
 * writes it, through apache-arrow.
 * @module
 */
import type { Data, RecordBatch } from "apache-arrow";
import { FormatError } from "../errors.ts";
import { type ByteSource, openFile } from "../formats/byte_source.ts";
import { checkMessage, firstBlock } from "./arrow_check.ts";

/** One row of the file. */
export interface ArrowRow {
  /** 1-based. */
  readonly row: number;
  readonly value: Readonly<Record<string, unknown>>;
}

type Arrow = typeof import("apache-arrow");
/** The value of row `index`; undefined for a column of another type. */
type Column = (index: number) => unknown;

const FILE_MAGIC = "ARROW1";
const CONTINUATION = 0xffffffff;
const FILE_HEAD_BYTES = 8;
const MAX_METADATA_BYTES = 16 << 20;
const MAX_BODY_BYTES = 256 << 20;

/**
 * Yields the rows of the file at `path` with its columns of texts, numbers and booleans, also where
 * they are encoded by a dictionary; other columns are left out.
 *
 * Throws FormatError for a file that is damaged, truncated or compressed, has texts that are not
 * UTF-8, or is a Git-LFS pointer.
 */
export async function* readArrow(path: string): AsyncGenerator<ArrowRow, void, undefined> {
  using file = await openFile(path);
  const fail = (cause: unknown) => {
    if (cause instanceof FormatError) return cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new FormatError(
      `Cannot read ${path} as Arrow: after row ${row}, ${reason}; fetch or write the file again`,
      { file: path },
      { cause },
    );
  };
  let row = 0;
  try {
    // Loaded here, because few need it and it takes its time.
    const arrow = await import("apache-arrow");
    const reader = await arrow.RecordBatchReader.from(messages(file));
    for await (const batch of reader) {
      const columns = batch.schema.fields.map((field, i) =>
        [field.name, columnOf(arrow, batch, i)] as const
      );
      for (let i = 0; i < batch.numRows; i++) {
        row++;
        const value: Record<string, unknown> = {};
        for (const [name, column] of columns) value[name] = column(i);
        yield { row, value };
      }
    }
  } catch (cause) {
    throw fail(cause);
  }
}

/** The file's messages, each checked. The file format wraps the stream format in a head and a foot. */
async function* messages(file: ByteSource): AsyncGenerator<Uint8Array> {
  const head = new TextDecoder("latin1").decode(await file.slice(0, Math.min(6, file.byteLength)));
  let offset = head === FILE_MAGIC ? FILE_HEAD_BYTES : 0;
  let schemaSeen = false;
  if (head === FILE_MAGIC) await checkEnd(file);
  const bare = head === FILE_MAGIC ? await bareSchema(file) : null;
  if (bare) {
    yield bare.message;
    offset = bare.end;
    schemaSeen = true;
  }
  while (true) {
    if (offset === file.byteLength && schemaSeen) return; // a stream may simply end
    const prefix = new DataView(await file.slice(offset, offset + 4));
    const first = prefix.getUint32(0, true);
    const modern = first === CONTINUATION;
    const length = modern
      ? new DataView(await file.slice(offset + 4, offset + 8)).getUint32(0, true)
      : first;
    if (length === 0) return;
    if (length > MAX_METADATA_BYTES) throw new RangeError(`a message claims ${length} bytes`);
    const start = offset + (modern ? 8 : 4);
    const metadata = new Uint8Array(await file.slice(start, start + length));
    const { kind, bodyLength } = checkMessage(metadata);
    if (bodyLength > MAX_BODY_BYTES) {
      throw new RangeError(`a batch has ${bodyLength} bytes, more than ${MAX_BODY_BYTES}`);
    }
    if (!schemaSeen && kind !== "schema") throw new RangeError("it has no schema");
    schemaSeen = true;
    const end = start + length + bodyLength;
    // In whole messages, so that none is read before it is checked.
    yield new Uint8Array(await file.slice(offset, end));
    offset = end;
  }
}

async function checkEnd(file: ByteSource): Promise<void> {
  const end = new TextDecoder("latin1").decode(await file.slice(Math.max(0, file.byteLength - 6)));
  if (end !== FILE_MAGIC || file.byteLength < 18) {
    throw new RangeError("it lacks the mark of its end, so it is truncated");
  }
}

/**
 * Polars writes the schema of a file without the length in front, for readers that go by the foot.
 * Gives it that length; null where it has one.
 */
async function bareSchema(
  file: ByteSource,
): Promise<{ message: Uint8Array; end: number } | null> {
  const start = new DataView(await file.slice(FILE_HEAD_BYTES, FILE_HEAD_BYTES + 4));
  // A schema takes more bytes than this, so it is no length but where its table begins.
  if (start.getUint32(0, true) >= 32) return null;
  const tail = new DataView(await file.slice(file.byteLength - 10));
  const length = tail.getUint32(0, true);
  if (length > MAX_METADATA_BYTES) throw new RangeError(`its foot claims ${length} bytes`);
  const foot = new Uint8Array(
    await file.slice(file.byteLength - 10 - length, file.byteLength - 10),
  );
  const end = firstBlock(foot) ?? file.byteLength - 10 - length;
  if (end <= FILE_HEAD_BYTES || end - FILE_HEAD_BYTES > MAX_METADATA_BYTES) {
    throw new RangeError("its foot is damaged");
  }
  const metadata = new Uint8Array(await file.slice(FILE_HEAD_BYTES, end));
  if (checkMessage(metadata).kind !== "schema") throw new RangeError("it has no schema");
  const message = new Uint8Array(8 + metadata.length);
  new DataView(message.buffer).setUint32(0, CONTINUATION, true);
  new DataView(message.buffer).setUint32(4, metadata.length, true);
  message.set(metadata, 8);
  return { message, end };
}

function columnOf(arrow: Arrow, batch: RecordBatch, index: number): Column {
  const data = batch.data.children[index];
  const { DataType } = arrow;
  if (DataType.isUtf8(data.type) || DataType.isLargeUtf8(data.type)) return textColumn(data);
  if (DataType.isDictionary(data.type) && isText(arrow, data.type.dictionary)) {
    const texts = (data.dictionary?.data ?? []).flatMap((part) => {
      const at = textColumn(part);
      return Array.from({ length: part.length }, (_, i) => at(i));
    });
    const vector = arrow.makeVector(data.clone(data.type.indices));
    return (i) => {
      const key: unknown = vector.get(i);
      return typeof key === "number" || typeof key === "bigint" ? texts[Number(key)] : null;
    };
  }
  const scalar = DataType.isInt(data.type) || DataType.isFloat(data.type) ||
    DataType.isBool(data.type) || DataType.isUtf8View(data.type);
  if (!scalar) return () => undefined;
  const vector = arrow.makeVector(data);
  return (i) => {
    const value: unknown = vector.get(i);
    const safe = typeof value === "bigint" && Number.isSafeInteger(Number(value));
    return safe ? Number(value) : value;
  };
}

function isText({ DataType }: Arrow, type: Data["type"]): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type);
}

/** Texts are decoded here, because apache-arrow turns bytes that are not UTF-8 into U+FFFD. */
function textColumn(data: Data): Column {
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  const bytes: Uint8Array = data.values;
  if (data.length > 0 && offsets.length <= data.length) throw new RangeError("offsets are missing");
  for (let i = 0; i < data.length; i++) {
    if (offsets[i] > offsets[i + 1] || offsets[i] < 0) throw new RangeError("offsets go back");
  }
  if (data.length > 0 && offsets[data.length] > bytes.length) {
    throw new RangeError("a text goes on beyond its batch");
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (i) => {
    if (!data.getValid(i)) return null;
    return decoder.decode(bytes.subarray(Number(offsets[i]), Number(offsets[i + 1])));
  };
}
