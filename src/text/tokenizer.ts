/**
 * Text to token ids and back, from a Hugging Face tokenizer folder. The BPE model itself is that of
 * `@huggingface/tokenizers`; around it stands the rule that text can never become a special token.
 * @module
 */
import { AddedToken as LibraryToken, Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { FormatError, ShapeError } from "../errors.ts";
import { sentencePieceDecoder, sentencePieceOptions, wholeTextDecoder } from "./decode.ts";
import {
  parseTokenizerConfig,
  readTokenizerFiles,
  type TokenizerFile,
  type TokenizerSource,
  writeTokenizerFiles,
} from "./tokenizer_files.ts";
import {
  type AddedToken,
  cutWords,
  parseTokenizerJson,
  type TokenizerSpec,
} from "./tokenizer_json.ts";

export type { TokenizerFile, TokenizerSource };

/** Decodes token by token: all that `push` and then `flush` return is what `decode` returns. */
export interface DecodeStream {
  /** Takes one id and returns the text that is now certain. Throws ShapeError like `decode`. */
  push(id: number): string;
  /** Returns what was held back and starts afresh. */
  flush(): string;
}

/** A part of a text to encode: text, or the id of a token that stands there. */
export type Segment = string | number;

export interface Tokenizer {
  /** Where it came from, for messages. */
  readonly name: string;
  /** Largest id + 1. */
  readonly vocabSize: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly unkId: number | null;
  readonly padId: number | null;
  readonly bosToken: string;
  readonly eosToken: string;
  /** The id of each special token. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The Jinja chat template that comes with the tokenizer. */
  readonly chatTemplate: string | null;
  /** The original files, to be saved beside an adapter. */
  readonly files: readonly TokenizerFile[];
  /**
   * Encodes `text`, after BOS unless `bos` is false. Literals like `</s>` in it stay text, unless
   * `special` is true. EOS is never added.
   */
  encode(text: string, options?: { readonly bos?: boolean; readonly special?: boolean }): number[];
  /**
   * Encodes texts, in which nothing is special, between ids that are already known. The first
   * segment gets the prefix of a text's start; a later one gets it where the tokenizer does so
   * after special tokens ("legacy").
   */
  encodeSegments(segments: readonly Segment[]): number[];
  /** Splits `text` at the literals of special tokens, which become their ids. */
  splitSpecialTokens(text: string): Segment[];
  /**
   * The text of `ids`. Ids that the tokenizer does not know, as in a padded vocabulary, have none.
   * Throws ShapeError for what is no whole number from 0 on.
   */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecialTokens?: boolean }): string;
  decodeStream(options?: { readonly skipSpecialTokens?: boolean }): DecodeStream;
}

/**
 * Makes a tokenizer from parsed files: `json` is tokenizer.json (BPE), `config` is
 * tokenizer_config.json. Without `config`, BOS and EOS are `<s>` and `</s>`.
 *
 * Throws FormatError where they are malformed, or BOS or EOS is not in the vocabulary.
 */
export function createTokenizer(source: TokenizerSource): Tokenizer {
  const name = source.name ?? "tokenizer.json";
  const config = parseTokenizerConfig(source.config, name);
  const { bosToken, eosToken } = config;
  const spec = parseTokenizerJson(source.json, config.specialTokens, name);

  const idOf = (token: string, role: string) => {
    const id = spec.ids.get(token);
    if (id !== undefined) return id;
    throw new FormatError(
      `Cannot use the tokenizer ${name}: its vocabulary lacks the ${role} token ${token}; ` +
        `name one that it has in tokenizer_config.json`,
      { file: name },
    );
  };
  const bosId = idOf(bosToken, "BOS");
  const eosId = idOf(eosToken, "EOS");
  const padId = config.padToken === null ? null : idOf(config.padToken, "padding");
  const unkToken = spec.unkToken ?? config.unkToken;
  const unkId = unkToken === null ? null : idOf(unkToken, "unknown");
  const specialTokens = new Map(
    spec.addedTokens.filter((token) => token.special).map(({ content, id }) => [content, id]),
  );
  const specialIds = new Set(specialTokens.values());
  const library = createLibrary(spec, name);
  const alwaysSplit = splitter(spec.addedTokens.filter((token) => !token.special));
  const splitSpecial = splitter(spec.addedTokens.filter((token) => token.special));

  function encodeText(text: string, atStart: boolean): number[] {
    const { normalizer, preTokenizer, model } = library;
    const normalized = normalizer ? normalizer(text) : text;
    // The library's Metaspace adds the first prefix to section 0 only.
    const words = preTokenizer
      ? preTokenizer(normalized, { section_index: atStart ? 0 : 1 })
      : [normalized];
    const { bridges } = spec;
    const tokens = model(bridges ? words.flatMap((word) => cutWords(word, bridges)) : words);
    return tokens.map((token) => spec.ids.get(token) as number);
  }

  function encodeSegments(segments: readonly Segment[]): number[] {
    return segments.flatMap((segment, index) => {
      if (typeof segment === "number") return [segment];
      return alwaysSplit(segment).flatMap((part, partIndex) => {
        if (typeof part === "number") return [part];
        return part === "" ? [] : encodeText(part, index === 0 && partIndex === 0);
      });
    });
  }

  const decodePieces = (pieces: string[]) => library.decoder?.(pieces) ?? pieces.join(" ");
  const sentencePiece = sentencePieceOptions(spec.plainJson.decoder);
  const pieceDecoder = () =>
    sentencePiece ? sentencePieceDecoder(sentencePiece) : wholeTextDecoder(decodePieces);

  /**
   * The piece of `id`, or null for what is to be left out: special tokens, and ids of a vocabulary
   * that is padded beyond the tokenizer's, as transformers leaves them out.
   */
  function pieceOf(id: number, skipSpecialTokens = true): string | null {
    if (!Number.isInteger(id) || id < 0) {
      throw new ShapeError(`Cannot decode id ${id}: ids are whole numbers from 0 on`);
    }
    const piece = spec.pieces[id] ?? null;
    return skipSpecialTokens && specialIds.has(id) ? null : piece;
  }

  return {
    name,
    vocabSize: spec.pieces.length,
    bosId,
    eosId,
    unkId,
    padId,
    bosToken,
    eosToken,
    specialTokens,
    chatTemplate: source.chatTemplate ?? config.chatTemplate,
    files: source.files ?? writeTokenizerFiles(source),
    encode(text, options = {}) {
      const ids = encodeSegments(options.special ? splitSpecial(text) : [text]);
      return options.bos ?? true ? [bosId, ...ids] : ids;
    },
    encodeSegments,
    splitSpecialTokens: splitSpecial,
    decode(ids, options) {
      const pieces = Array.from(ids, (id) => pieceOf(id, options?.skipSpecialTokens))
        .filter((piece) => piece !== null);
      if (pieces.length === 0) return "";
      if (!sentencePiece) return decodePieces(pieces);
      const decoder = pieceDecoder();
      return pieces.map(decoder.push).join("") + decoder.flush();
    },
    decodeStream(options) {
      const decoder = pieceDecoder();
      return {
        push(id) {
          const piece = pieceOf(id, options?.skipSpecialTokens);
          return piece === null ? "" : decoder.push(piece);
        },
        flush: decoder.flush,
      };
    },
  };
}

/**
 * Loads the tokenizer of a model or adapter folder: tokenizer.json and, where they exist,
 * tokenizer_config.json, special_tokens_map.json and chat_template.jinja.
 *
 * Throws FormatError where tokenizer.json is missing or a file is malformed.
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  return createTokenizer(await readTokenizerFiles(directory));
}

/** The steps of the library's tokenizer that text goes through. */
function createLibrary(spec: TokenizerSpec, name: string) {
  try {
    const library = new LibraryTokenizer(spec.plainJson, { clean_up_tokenization_spaces: false });
    const { normalizer, pre_tokenizer: preTokenizer, model, decoder } = library;
    if (!model) throw new Error("it has no model");
    if (decoder) decoder.added_tokens = spec.addedTokens.map((token) => new LibraryToken(token));
    return { normalizer, preTokenizer, model, decoder };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(
      `Cannot use the tokenizer ${name}: ${reason}; use a tokenizer.json of a Mistral or Llama model`,
      { file: name },
      { cause },
    );
  }
}

/** A function that splits a text at the literals of `tokens`, the longest where several match. */
function splitter(tokens: readonly AddedToken[]): (text: string) => Segment[] {
  if (tokens.length === 0) return (text) => [text];
  const byContent = new Map(tokens.map((token) => [token.content, token]));
  const alternatives = [...tokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, singleWord }) => {
      const literal = content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
      return singleWord ? `(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])` : literal;
    });
  const pattern = new RegExp(`(${alternatives.join("|")})`, "u");
  return (text) => {
    const parts: string[] = text.split(pattern);
    return parts.map((part, index) => {
      const token = index % 2 === 1 ? byContent.get(part) : undefined;
      if (token) return token.id;
      const before = byContent.get(parts[index - 1]);
      const after = byContent.get(parts[index + 1]);
      const trimmed = before?.rstrip ? part.trimStart() : part;
      return after?.lstrip ? trimmed.trimEnd() : trimmed;
    });
  };
}
