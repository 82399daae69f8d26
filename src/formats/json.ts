/**
 * JSON as file headers need it: UTF-8 checked, and a key given twice is an error, where `JSON.parse`
 * would silently keep the last.
 * @module
 */
import { FormatError } from "../errors.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, OPEN = 0x7b, CLOSE = 0x7d;

/** Where the JSON text lies, for messages. */
export interface JsonLocation {
  readonly file: string;
  /** Byte offset of the text inside the file. */
  readonly offset?: number;
}

/**
 * Parses UTF-8 JSON bytes.
 * Throws {@linkcode FormatError} where they are not UTF-8 or not JSON, or an object has a key twice;
 * its offset is that of the fault, or of the text where the fault's is not known.
 */
export function parseJson(bytes: Uint8Array, { file, offset = 0 }: JsonLocation): unknown {
  const fail = (what: string, at: number, cause?: unknown) =>
    new FormatError(
      `Cannot read ${file}: ${what} (byte ${offset + at}); fetch or write the file again`,
      { file, offset: offset + at },
      { cause },
    );
  let text: string;
  try {
    // a byte order mark is no JSON, so it is kept for the parser to refuse
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw fail("its JSON text is not valid UTF-8", 0, error);
  }
  const byteAt = (index: number) => new TextEncoder().encode(text.slice(0, index)).length;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    // V8 names the position in some messages only; the others quote the text around it
    const position = Number(/position (\d+)/.exec(message)?.[1] ?? 0);
    throw fail(`its JSON is not valid (${message})`, byteAt(position), error);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate) throw fail(`key ${duplicate.key} is given twice`, byteAt(duplicate.index));
  return value;
}

/** True for a JSON object, as opposed to an array, null or a scalar. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first key that an object of `text`, which is known to be valid JSON, has a second time. */
function findDuplicateKey(text: string): { key: string; index: number } | null {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN) open.push(new Set());
    else if (code === CLOSE) open.pop();
    else if (code === QUOTE) {
      const start = i++;
      while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
      if (!isFollowedByColon(text, i + 1)) continue;
      const literal = text.slice(start, i + 1);
      const key = JSON.parse(literal);
      const keys = open[open.length - 1];
      if (keys.has(key)) return { key: literal, index: start };
      keys.add(key);
    }
  }
  return null;
}

function isFollowedByColon(text: string, index: number): boolean {
  while (text.charCodeAt(index) <= 0x20) index++;
  return text.charCodeAt(index) === COLON;
}
