/**
 * A small BPE tokenizer for the tests: specials 0..2, bytes 3..258, then the printable ASCII
 * characters, `▁`, line feed and a few merges. One merge, line feed + S, crosses the border between a
 * prompt and its SQL, which the real vocabularies never do.
 * @module
 */
import { createTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";

const MERGES = [
  ["S", "E"],
  ["L", "E"],
  ["SE", "LE"],
  ["C", "T"],
  ["SELE", "CT"],
  ["▁", "SELECT"],
  ["▁", "▁"],
  ["h", "e"],
  ["▁t", "he"],
  ["▁", "t"],
  ["/", "s"],
  ["\n", "S"],
  ["]", "("],
] as const;

const SPECIALS = ["<unk>", "<s>", "</s>"];

type Json = Record<string, unknown>;

/** How the tokenizer treats spaces; "bytes" is a byte-level tokenizer without special handling. */
export type TinyLayout = "legacy" | "metaspace" | "bytes";

/** The parsed tokenizer.json. `change` is applied to it, and `model` to its model, at the end. */
export function tinyJson(
  layout: TinyLayout = "legacy",
  options: {
    readonly merges?: "strings" | "pairs";
    readonly change?: Json;
    readonly model?: Json;
  } = {},
): Json {
  const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const characters = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  // A byte-level tokenizer writes byte b as the character of code b or, if unprintable, 256 + n.
  const letters = layout === "bytes"
    ? Array.from({ length: 94 + 12 + 82 + 68 }, (_, i) => byteLevelCharacter(i))
    : ["▁", "\n", ...characters];
  const merges = layout === "bytes" ? MERGES.slice(0, 5) : MERGES;
  const pieces = [
    ...SPECIALS,
    ...(layout === "bytes" ? [] : bytes),
    ...letters,
    ...merges.map((merge) => merge.join("")),
  ];
  const sequence = (decoders: Json[]) => ({ type: "Sequence", decoders });
  return {
    version: "1.0",
    added_tokens: SPECIALS.map((content, id) => ({
      id,
      content,
      special: true,
      normalized: false,
    })),
    normalizer: layout === "legacy"
      ? {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      }
      : null,
    pre_tokenizer: layout === "metaspace"
      ? { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }
      : layout === "bytes"
      ? { type: "ByteLevel", add_prefix_space: false, use_regex: true }
      : null,
    post_processor: null,
    decoder: layout === "bytes" ? { type: "ByteLevel" } : sequence([
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ]),
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: layout !== "bytes",
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: options.merges === "strings" ? merges.map((merge) => merge.join(" ")) : merges,
      ...options.model,
    },
    ...options.change,
  };
}

/** The tokenizer of {@linkcode tinyJson}. */
export function tinyTokenizer(
  layout: TinyLayout = "legacy",
  options: { readonly config?: Json; readonly change?: Json } = {},
): Tokenizer {
  return createTokenizer({
    json: tinyJson(layout, options),
    config: options.config ?? {},
    name: "tiny",
  });
}

function byteLevelCharacter(index: number): string {
  const printable = [[33, 126], [161, 172], [174, 255]] as const;
  let rest = index;
  for (const [first, last] of printable) {
    if (rest <= last - first) return String.fromCharCode(first + rest);
    rest -= last - first + 1;
  }
  return String.fromCharCode(256 + rest);
}
