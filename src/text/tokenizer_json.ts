/**
 * Checks a parsed `tokenizer.json` (Hugging Face tokenizers, model type BPE) and brings it into the
 * form in which user text is encoded: without special tokens.
 * @module
 */
import { FormatError } from "../errors.ts";

/** A token that is found in text as a whole, before the BPE model runs. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Control tokens are special: they must never come out of text that a user wrote. */
  readonly special: boolean;
  /** White space on the left, or right, belongs to the token. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Matches only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean;
}

/** What a `tokenizer.json` holds. */
export interface TokenizerSpec {
  /** The same tokenizer without added tokens, post-processor and special pieces. */
  readonly plainJson: Readonly<Record<string, unknown>>;
  /** The text of each id; undefined where the vocabulary has a gap. */
  readonly pieces: readonly (string | undefined)[];
  readonly ids: ReadonlyMap<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly unkToken: string | null;
  /** See {@linkcode bridges}; null where the model needs whole words. */
  readonly bridges: ReadonlySet<number> | null;
}

// A few ids far above the rest would otherwise allocate a huge table.
const MAX_VOCABULARY = 1 << 22;

/**
 * Checks `json`, the content of the file `name`. `specials` are further special tokens, named by
 * tokenizer_config.json. Merges may be "a b" strings or [a, b] pairs.
 *
 * Throws FormatError for anything but a BPE tokenizer with a sound vocabulary.
 */
export function parseTokenizerJson(
  json: unknown,
  specials: readonly string[],
  name: string,
): TokenizerSpec {
  const fail = (what: string, remedy = "download the file again") =>
    new FormatError(`Cannot read the tokenizer ${name}: ${what}; ${remedy}`, { file: name });

  if (!isObject(json) || !isObject(json.model)) throw fail("it has no model");
  const model = json.model;
  if (model.type !== undefined && model.type !== "BPE") {
    throw fail(`its model type is ${JSON.stringify(model.type)}`, "use a BPE tokenizer");
  }
  if (!isObject(model.vocab)) throw fail("model.vocab is not an object");
  if (!Array.isArray(model.merges)) throw fail("model.merges is not a list");

  const pieces: (string | undefined)[] = [];
  const ids = new Map<string, number>();
  const place = (piece: string, id: unknown) => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAX_VOCABULARY) {
      throw fail(`the id of ${JSON.stringify(piece)} is ${JSON.stringify(id)}`);
    }
    const index = id as number;
    if (pieces[index] !== undefined && pieces[index] !== piece) {
      throw fail(
        `id ${index} is both ${JSON.stringify(pieces[index])} and ${JSON.stringify(piece)}`,
      );
    }
    pieces[index] = piece;
    ids.set(piece, index);
  };
  for (const [piece, id] of Object.entries(model.vocab)) place(piece, id);

  const added = json.added_tokens ?? [];
  if (!Array.isArray(added)) throw fail("added_tokens is not a list");
  const addedTokens = added.map((token): AddedToken => {
    if (!isObject(token) || typeof token.content !== "string" || token.content === "") {
      throw fail("an entry of added_tokens has no content");
    }
    place(token.content, token.id);
    return {
      id: token.id as number,
      content: token.content,
      special: token.special === true || specials.includes(token.content),
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
      singleWord: token.single_word === true,
    };
  });
  for (const content of specials) {
    const id = ids.get(content);
    if (id !== undefined && !addedTokens.some((token) => token.content === content)) {
      const plain = { special: true, lstrip: false, rstrip: false, singleWord: false };
      addedTokens.push({ id, content, ...plain });
    }
  }

  const unkToken = typeof model.unk_token === "string" ? model.unk_token : null;
  if (unkToken !== null && !ids.has(unkToken)) {
    throw fail(`the unknown token ${JSON.stringify(unkToken)} is not in the vocabulary`);
  }

  // Some files list special tokens as pieces too, even with merges that build them from letters.
  const hidden = new Set(addedTokens.filter((token) => token.special).map((t) => t.content));
  const merges = model.merges.map((merge, index) => parseMerge(merge, () => fail(badMerge(index))))
    .filter(([left, right]) => !hidden.has(left + right));
  const vocab = Object.fromEntries(
    Object.entries(model.vocab).filter(([piece]) => piece === unkToken || !hidden.has(piece)),
  );
  const wholeWords = model.ignore_merges === true || Boolean(model.end_of_word_suffix) ||
    Boolean(model.continuing_subword_prefix);
  return {
    plainJson: {
      normalizer: null,
      pre_tokenizer: null,
      decoder: null,
      ...json,
      added_tokens: [],
      post_processor: null,
      model: { ...model, type: "BPE", vocab, merges },
    },
    pieces,
    ids,
    addedTokens,
    unkToken,
    bridges: wholeWords ? null : bridges(merges),
  };
}

function parseMerge(merge: unknown, fail: () => FormatError): readonly [string, string] {
  const pair = typeof merge === "string" ? merge.split(" ") : merge;
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => part && isString(part))) {
    throw fail();
  }
  return [pair[0], pair[1]];
}

function badMerge(index: number): string {
  return `merge ${index} is not a pair of pieces`;
}

/**
 * The pairs of neighbouring characters that some merge joins. BPE can never build a token across any
 * other pair, so a text may be cut there without changing its tokens.
 */
function bridges(merges: readonly (readonly [string, string])[]): Set<number> {
  const pairs = new Set<number>();
  for (const [left, right] of merges) {
    const last = left.codePointAt(left.length - 2) ?? 0;
    const code = last > 0xffff ? last : left.charCodeAt(left.length - 1);
    pairs.add(pairKey(code, right.codePointAt(0) ?? 0));
  }
  return pairs;
}

/** Cuts `text` wherever no merge can join the characters; see {@linkcode TokenizerSpec.bridges}. */
export function cutWords(text: string, bridges: ReadonlySet<number>): string[] {
  const words: string[] = [];
  let start = 0;
  let previous = -1;
  for (let i = 0; i < text.length;) {
    const code = text.codePointAt(i) ?? 0;
    if (previous >= 0 && !bridges.has(pairKey(previous, code))) {
      words.push(text.slice(start, i));
      start = i;
    }
    previous = code;
    i += code > 0xffff ? 2 : 1;
  }
  if (start < text.length) words.push(text.slice(start));
  return words;
}

function pairKey(left: number, right: number): number {
  return left * 0x200000 + right;
}

/** True for an object that is not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}
