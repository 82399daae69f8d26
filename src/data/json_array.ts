/**
 * Reads a JSON array of objects as a stream, one element at a time, so that a data set in one array
 * may be larger than memory.
 * @module
 */
import { FormatError } from "../errors.ts";
import { fileChunks, joinBytes } from "./jsonl.ts";

/** One element of the array. */
export interface ArrayElement {
  /** 1-based index of the element. */
  readonly row: number;
  /** 1-based line of the file on which it begins. */
  readonly line: number;
  readonly value: unknown;
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, NEWLINE = 0x0a, SPACE = 0x20;
const OPEN_LIST = 0x5b, CLOSE_LIST = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/**
 * Yields the elements of the array that the file at `path` holds. A UTF-8 byte order mark is accepted.
 *
 * Only brackets and strings are followed here; what stands between two top-level commas is left to
 * `JSON.parse`, so nothing but JSON is accepted.
 *
 * Throws FormatError, with the line, for a file that cannot be read or ends early, an element over
 * `maxElementBytes`, invalid UTF-8 and malformed JSON.
 */
export async function* readJsonArray(
  path: string,
  options: { readonly maxElementBytes?: number } = {},
): AsyncGenerator<ArrayElement, void, undefined> {
  const maxBytes = options.maxElementBytes ?? 16_000_000;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const fail = (line: number, what: string, remedy: string, cause?: unknown) =>
    new FormatError(
      `Cannot read ${path}: ${what} (line ${line}); ${remedy}`,
      { file: path, line },
      { cause },
    );

  let depth = 0; // of the innermost open bracket; 1 is inside the array itself
  let inString = false;
  let escaped = false;
  let line = 1;
  let row = 0;
  let startLine = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  let comma = false; // whether an element must follow

  const take = (part: Uint8Array) => {
    length += part.length;
    if (length > maxBytes) {
      throw fail(
        startLine,
        `element ${row + 1} of its array is longer than ${maxBytes} bytes`,
        "write one JSON object for each row",
      );
    }
    parts.push(part);
  };
  const finish = (): ArrayElement => {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(joinBytes(parts, length)));
    } catch (cause) {
      const reason = cause instanceof SyntaxError ? cause.message : "it is not valid UTF-8";
      const what = `element ${row + 1} of its array cannot be read: ${reason}`;
      throw fail(startLine, what, "save it as JSON in UTF-8", cause);
    }
    parts = [];
    length = 0;
    row++;
    return { row, line: startLine, value };
  };

  let first = true;
  for await (const piece of fileChunks(path)) {
    const bytes: Uint8Array = first && hasByteOrderMark(piece) ? piece.subarray(3) : piece;
    first = false;
    // Where the part of the element that lies in this chunk starts; -1 outside of elements.
    let start = length > 0 ? 0 : -1;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        else if (byte === NEWLINE) line++;
        continue;
      }
      if (byte === NEWLINE) line++;
      if (byte <= SPACE) continue;
      if (ended) throw fail(line, "text follows the end of its array", "remove it");
      if (depth === 0) {
        if (byte !== OPEN_LIST) {
          throw fail(line, "it is not a JSON array", "write a list of objects");
        }
        depth = 1;
        continue;
      }
      if (depth === 1 && (byte === COMMA || byte === CLOSE_LIST)) {
        if (start >= 0) take(bytes.subarray(start, i));
        if (length > 0) yield finish();
        else if (comma || byte === COMMA) {
          throw fail(line, "a comma stands without an element", "remove it");
        }
        start = -1;
        comma = byte === COMMA;
        if (byte === CLOSE_LIST) ended = true;
        continue;
      }
      if (start < 0) {
        start = i;
        startLine = line;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (depth === 1) throw fail(line, "a bracket closes nothing", "correct the file");
        depth--;
      }
    }
    if (start >= 0) take(bytes.subarray(start));
  }
  if (!ended) {
    const what = depth === 0 ? "it is empty" : `it ends inside its array, after ${row} rows`;
    throw fail(line, what, "it may be truncated, fetch it again");
  }
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
