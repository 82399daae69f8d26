/**
 * Reads JSON Lines (one JSON value a line, UTF-8) as a stream, so that a file may be larger than
 * memory.
 * @module
 */
import { FormatError } from "../errors.ts";

/** One line of a JSONL file. */
export interface JsonLine {
  /** 1-based line in the file; blank lines count. */
  readonly line: number;
  readonly value: unknown;
}

const NEWLINE = 0x0a;

/**
 * Yields the value of each line of the file at `path`. Blank lines, CRLF line ends and a UTF-8 byte
 * order mark are accepted.
 *
 * Throws FormatError, with the line where there is one, for a file that cannot be opened, a line
 * over `maxLineBytes`, invalid UTF-8 and malformed JSON.
 */
export async function* readJsonl(
  path: string,
  options: { readonly maxLineBytes?: number } = {},
): AsyncGenerator<JsonLine, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let line = 0;
  for await (const bytes of readLines(path, options.maxLineBytes ?? 50_000_000)) {
    line++;
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch (cause) {
      throw new FormatError(
        `Cannot read ${path}: line ${line} is not valid UTF-8; save the file as UTF-8`,
        { file: path, line },
        { cause },
      );
    }
    if (line === 1 && text.startsWith("\uFEFF")) text = text.slice(1);
    if (text.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new FormatError(
        `Cannot read ${path}: line ${line} is not valid JSON (${reason}); write one JSON object a line`,
        { file: path, line },
        { cause },
      );
    }
    yield { line, value };
  }
}

/** Yields the bytes of each line without its line feed. Throws FormatError as {@linkcode readJsonl}. */
export async function* readLines(path: string, maxLineBytes: number): AsyncGenerator<Uint8Array> {
  let line = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (part: Uint8Array) => {
    length += part.length;
    if (length > maxLineBytes) {
      throw new FormatError(
        `Cannot read ${path}: line ${line} is longer than ${maxLineBytes} bytes; ` +
          `write one JSON object a line`,
        { file: path, line },
      );
    }
    parts.push(part);
  };
  const finish = () => {
    const bytes = parts.length === 1 ? parts[0] : joinBytes(parts, length);
    parts = [];
    length = 0;
    line++;
    return bytes;
  };
  for await (const chunk of fileChunks(path)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (length > 0) yield finish();
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { read: true });
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : String(cause);
    throw new FormatError(
      `Cannot read ${path}: ${reason}; check the path`,
      { file: path },
      { cause },
    );
  }
}

/**
 * Yields the file at `path` in pieces of up to 256 KiB and closes it at the end, however that comes.
 * Throws FormatError where it cannot be opened or read.
 */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path);
  try {
    while (true) {
      // A new buffer each time: lines that were yielded still point into the last one.
      const buffer = new Uint8Array(1 << 18);
      const count = await file.read(buffer);
      if (count === null) return;
      yield buffer.subarray(0, count);
    }
  } catch (cause) {
    throw new FormatError(
      `Cannot read ${path}: ${String(cause)}; check that it is a file`,
      { file: path },
      { cause },
    );
  } finally {
    file.close();
  }
}

/** The parts one after another, `length` bytes in all; a single part is returned as it is. */
export function joinBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
