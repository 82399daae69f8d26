/**
 * The little English that questions need: wordings with alternatives, plurals, lists, punctuation.
 * @module
 */
import type { Random } from "../random.ts";

/** A text, or alternatives in parentheses, which may be nested. */
type Piece = string | readonly (readonly Piece[])[];

const parsed = new Map<string, readonly Piece[]>();

/** One element of a list that is not empty. */
export function pick<T>(rng: Random, list: readonly T[]): T {
  return list[rng.below(list.length)];
}

/** True in `percent` of a hundred cases. */
export function chance(rng: Random, percent: number): boolean {
  return rng.below(100) < percent;
}

/** `count` different elements, in random order; all of them where there are fewer. */
export function sample<T>(rng: Random, list: readonly T[], count: number): T[] {
  return rng.shuffle([...list]).slice(0, count);
}

/**
 * A wording of a pattern: of `(a|b|)`, one alternative is taken; `<name>` stands for a slot. Slots are
 * put in last, so that what is in them is never taken for a pattern.
 */
export function say(
  rng: Random,
  pattern: string,
  slots: Readonly<Record<string, string>> = {},
): string {
  let pieces = parsed.get(pattern);
  if (pieces === undefined) parsed.set(pattern, pieces = parsePattern(pattern));
  return write(rng, pieces).replace(/<(\w+)>/g, (whole, name) => slots[name] ?? whole);
}

function write(rng: Random, pieces: readonly Piece[]): string {
  let text = "";
  for (const piece of pieces) {
    text += typeof piece === "string" ? piece : write(rng, pick(rng, piece));
  }
  return text;
}

function parsePattern(pattern: string): readonly Piece[] {
  let at = 0;
  const sequence = (): Piece[] => {
    const pieces: Piece[] = [];
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") {
      if (pattern[at] === "(") {
        const alternatives: Piece[][] = [];
        do {
          at++;
          alternatives.push(sequence());
        } while (pattern[at] === "|");
        at++;
        pieces.push(alternatives);
      } else {
        const start = at;
        while (at < pattern.length && !"(|)".includes(pattern[at])) at++;
        pieces.push(pattern.slice(start, at));
      }
    }
    return pieces;
  };
  return sequence();
}

const ASKING =
  /^(what|which|who|how|when|where|are|is|do|does|for (how|which|what)|in (which|what))\b/i;

/** A sentence that begins with a capital letter and ends as a question or an order does. */
export function sentence(text: string): string {
  const tidy = text.replace(/ {2,}/g, " ").trim();
  const last = tidy.slice(tidy.lastIndexOf("? ") + 1).trim();
  return tidy[0].toUpperCase() + tidy.slice(1) + (ASKING.test(last) ? "?" : ".");
}

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[], last = "and"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`;
}

const IRREGULAR: Readonly<Record<string, string>> = {
  person: "people",
  child: "children",
  staff: "staff",
  series: "series",
  species: "species",
  status: "statuses",
  aircraft: "aircraft",
  salary: "salaries",
  shelf: "shelves",
  half: "halves",
  mileage: "mileages",
  stock: "stock levels",
  diagnosis: "diagnoses",
};

/** The plural of a noun phrase, which is that of its last word, or of the word before "of" or the like. */
export function plural(words: string): string {
  const [, head, rest] = /^(.*?)( (?:of|in|per|for|at) .*)?$/.exec(words)!;
  const [, before, noun] = /^(.* )?(\S+)$/.exec(head)!;
  const ending = Object.hasOwn(IRREGULAR, noun)
    ? IRREGULAR[noun]
    : isPlural(words)
    ? noun
    : /[^aeiou]y$/.test(noun)
    ? `${noun.slice(0, -1)}ies`
    : /(s|x|z|ch|sh)$/.test(noun)
    ? `${noun}es`
    : `${noun}s`;
  return (before ?? "") + ending + (rest ?? "");
}

/** Whether a noun phrase, such as "pages" or "units in stock", is in the plural already. */
export function isPlural(words: string): boolean {
  const head = words.split(/ (?:of|in|per) /)[0].split(" ");
  return [head[0], head[head.length - 1]].some((word) =>
    /[^sui]s$/.test(word) && !Object.hasOwn(IRREGULAR, word)
  );
}

/** The phrase with "a" or "an". */
export function indefinite(words: string): string {
  return `${/^(?:[aeio]|u(?!ni|se|ti|rl|rb))/i.test(words) ? "an" : "a"} ${words}`;
}

const MONTHS =
  "January February March April May June July August September October November December"
    .split(" ");

/** "May 2023" for "2023-05". */
export function monthInWords(month: string): string {
  return `${MONTHS[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`;
}
