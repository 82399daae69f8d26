/**
 * Makes a small tokenizer from texts: SentencePiece-style BPE with byte fallback, laid out as Llama's
 * and Mistral's.
 * @module
 */
import { ConfigError } from "../errors.ts";

const SPACE = "\u2581";
const SPECIALS = ["<unk>", "<s>", "</s>"];
const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);
// With these in the vocabulary, plain English that was not in the texts needs no byte tokens.
const ALPHABET = [
  ...Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i)),
  SPACE,
];
/** Merges stay inside a word, a digit or a run of signs. */
const UNITS = new RegExp(
  `${SPACE}?[A-Za-z]+|${SPACE}?[0-9]|${SPACE}?[^A-Za-z0-9${SPACE}]+|${SPACE}`,
  "g",
);

/** The two files of a tokenizer, as JSON. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly config: unknown;
}

/**
 * Learns a vocabulary of `vocabularySize` pieces from `texts`, the same for the same texts. Ids are
 * those of Llama: `<unk>`, `<s>`, `</s>`, the bytes, the merged pieces in the order in which they were
 * learned, then the printable ASCII characters and `▁`. Throws {@linkcode ConfigError} where the texts
 * do not have that many pairs to merge. Source: Sennrich et al. 2016, arXiv:1508.07909.
 */
export function trainBpe(texts: Iterable<string>, vocabularySize: number): TokenizerFiles {
  const fixed = SPECIALS.length + BYTES.length + ALPHABET.length;
  if (!(vocabularySize > fixed)) {
    throw new ConfigError([
      `Cannot make a vocabulary of ${vocabularySize} pieces: ${fixed} are taken by bytes and ` +
      "characters; ask for more",
    ]);
  }
  const merges = learnMerges(countUnits(texts), vocabularySize - fixed);
  if (merges.length < vocabularySize - fixed) {
    throw new ConfigError([
      `Cannot make a vocabulary of ${vocabularySize} pieces: the texts give only ` +
      `${fixed + merges.length}; give more texts or ask for fewer`,
    ]);
  }
  return layout(merges);
}

/** How often each unit stands in the texts. */
function countUnits(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const line of `${SPACE}${text.replaceAll(" ", SPACE)}`.split("\n")) {
      for (const [unit] of line.matchAll(UNITS)) counts.set(unit, (counts.get(unit) ?? 0) + 1);
    }
  }
  return counts;
}

interface Unit {
  pieces: string[];
  readonly count: number;
}

type Pair = readonly [left: string, right: string];

/** The most frequent pair, of equal ones the first in code unit order, again and again. */
function learnMerges(counts: ReadonlyMap<string, number>, wanted: number): Pair[] {
  const known = new Set(ALPHABET);
  const units: Unit[] = [...counts]
    .map(([text, count]) => ({ pieces: [...text], count }))
    .filter(({ pieces }) => pieces.every((piece) => known.has(piece)));
  const pairs = new PairCounts();
  for (const unit of units) pairs.add(unit, 1);
  const merges: Pair[] = [];
  while (merges.length < wanted) {
    const best = pairs.mostFrequent();
    if (best === null) break;
    const { left, right, units } = best;
    // Two ways to the same piece are one entry of the vocabulary; the second is never needed.
    const merged = left + right;
    for (const unit of units) {
      pairs.add(unit, -1);
      unit.pieces = mergeIn(unit.pieces, left, right);
      pairs.add(unit, 1);
    }
    if (known.has(merged)) continue;
    known.add(merged);
    merges.push([left, right]);
  }
  return merges;
}

function mergeIn(pieces: readonly string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) {
      result.push(left + right);
      i++;
    } else {
      result.push(pieces[i]);
    }
  }
  return result;
}

interface PairEntry {
  readonly left: string;
  readonly right: string;
  count: number;
  readonly units: Set<Unit>;
}

/** Pairs of neighbouring pieces with the units that they are in. */
class PairCounts {
  #entries = new Map<string, PairEntry>();

  /** Counts the pairs of a unit, or with `sign` −1 takes them away. */
  add(unit: Unit, sign: 1 | -1): void {
    const { pieces, count } = unit;
    for (let i = 0; i + 1 < pieces.length; i++) {
      const key = `${pieces[i]} ${pieces[i + 1]}`;
      let entry = this.#entries.get(key);
      if (!entry) {
        entry = { left: pieces[i], right: pieces[i + 1], count: 0, units: new Set() };
        this.#entries.set(key, entry);
      }
      entry.count += sign * count;
      if (sign > 0) entry.units.add(unit);
      else entry.units.delete(unit);
    }
  }

  mostFrequent(): { left: string; right: string; units: Unit[] } | null {
    let best: [string, PairEntry] | null = null;
    for (const [key, entry] of this.#entries) {
      if (entry.count <= 0) {
        this.#entries.delete(key);
      } else if (
        best === null || entry.count > best[1].count ||
        (entry.count === best[1].count && key < best[0])
      ) {
        best = [key, entry];
      }
    }
    return best && { ...best[1], units: [...best[1].units] };
  }
}

function layout(merges: readonly Pair[]): TokenizerFiles {
  const pieces = [...SPECIALS, ...BYTES, ...merges.map((pair) => pair.join("")), ...ALPHABET];
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const bos = { SpecialToken: { id: "<s>", type_id: 0 } };
  const text = { Sequence: { id: "A", type_id: 0 } };
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map(special),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: SPACE },
          { type: "Replace", pattern: { String: " " }, content: SPACE },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: "TemplateProcessing",
        single: [bos, text],
        pair: [bos, text, bos, { Sequence: { id: "B", type_id: 1 } }],
        special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: SPACE }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges: merges.map((pair) => pair.join(" ")),
      },
    },
    config: {
      add_bos_token: true,
      add_eos_token: false,
      bos_token: "<s>",
      clean_up_tokenization_spaces: false,
      eos_token: "</s>",
      legacy: true,
      model_max_length: 2048,
      tokenizer_class: "LlamaTokenizer",
      unk_token: "<unk>",
    },
  };
}
