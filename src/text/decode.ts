/**
 * Turns token ids back into text, at once or token by token.
 * @module
 */
import { isObject } from "./tokenizer_json.ts";

/** Takes pieces one by one and gives text as soon as later pieces cannot change it. */
export interface PieceDecoder {
  push(piece: string): string;
  /** Gives what was held back and starts afresh. */
  flush(): string;
}

/**
 * The decoder of Llama and Mistral: `▁` becomes a space, `<0xNN>` pieces become bytes, and one
 * leading space of the whole text goes. Bytes are held back until their run ends: like Hugging Face's
 * tokenizers, a run that is not valid UTF-8 becomes one U+FFFD for each of its bytes.
 */
export function sentencePieceDecoder(options: { readonly stripSpace: boolean }): PieceDecoder {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let bytes: number[] = [];
  let atStart = options.stripSpace;

  const takeBytes = () => {
    if (bytes.length === 0) return "";
    const run = Uint8Array.from(bytes);
    bytes = [];
    try {
      return utf8.decode(run);
    } catch {
      return "\uFFFD".repeat(run.length);
    }
  };
  const strip = (text: string) => {
    if (!atStart || text === "") return text;
    atStart = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  };

  return {
    push(piece) {
      const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
      if (byte) {
        bytes.push(parseInt(byte[1], 16));
        return "";
      }
      return strip(takeBytes() + piece.replaceAll("▁", " "));
    },
    flush() {
      const text = strip(takeBytes());
      atStart = options.stripSpace;
      return text;
    },
  };
}

/**
 * Any other decoder, given as a function of all pieces. The end of the text is held back while it is
 * U+FFFD, which stands for a character whose bytes are not all there.
 */
export function wholeTextDecoder(decode: (pieces: string[]) => string): PieceDecoder {
  let pieces: string[] = [];
  let given = 0;
  return {
    push(piece) {
      pieces.push(piece);
      const text = decode(pieces).replace(/\uFFFD+$/, "");
      const fresh = text.slice(given);
      given = Math.max(given, text.length);
      return fresh;
    },
    flush() {
      const rest = pieces.length === 0 ? "" : decode(pieces).slice(given);
      pieces = [];
      given = 0;
      return rest;
    },
  };
}

/**
 * Whether the `decoder` of a tokenizer.json is [Replace `▁`, ByteFallback, Fuse, Strip], with or
 * without Strip, and so is {@linkcode sentencePieceDecoder}. Null where it is another one.
 */
export function sentencePieceOptions(decoder: unknown): { stripSpace: boolean } | null {
  if (!isObject(decoder) || decoder.type !== "Sequence" || !Array.isArray(decoder.decoders)) {
    return null;
  }
  const [replace, fallback, fuse, strip, ...rest] = decoder.decoders.filter(isObject);
  if (replace?.type !== "Replace" || replace.content !== " " || rest.length > 0) return null;
  if (!isObject(replace.pattern) || replace.pattern.String !== "▁") return null;
  if (fallback?.type !== "ByteFallback" || fuse?.type !== "Fuse") return null;
  if (strip === undefined) return { stripSpace: false };
  const stripsOneSpace = strip.type === "Strip" && strip.content === " " && strip.start === 1 &&
    strip.stop === 0;
  return stripsOneSpace ? { stripSpace: true } : null;
}
