/**
 * The words to define themes with.
 * @module
 */
import { plural } from "./english.ts";
import type { Attribute, Entity, Wording } from "./types.ts";

type Details = Partial<Pick<Attribute, "after" | "given" | "missing">> & Wording;

function attribute(
  kind: Attribute["kind"],
  words: string,
  details: Partial<Attribute>,
): Attribute {
  return {
    kind,
    words: words.split("|"),
    values: [],
    range: [],
    target: "",
    missing: 0,
    ...details,
  };
}

/** What rows are called: every row gets another combination, one of each list. */
export function label(words: string, ...values: readonly (readonly string[])[]): Attribute {
  return attribute("label", words, { values });
}

/** A text with few values. */
export function category(
  words: string,
  values: readonly string[],
  details: Details = {},
): Attribute {
  return attribute("category", words, { values: [values], ...details });
}

type Cases = NonNullable<Attribute["given"]>["cases"];

/** The attribute, drawn from what `cases` has for the value of the attribute `words`. */
export function given(words: string, cases: Cases, attribute: Attribute): Attribute {
  return { ...attribute, given: { words, cases } };
}

/** A number from `range`: least, greatest, step (default 1). */
export function number(words: string, range: readonly number[], details: Details = {}): Attribute {
  return attribute("number", words, { range, ...details });
}

/** A day in the years from `first` to `last`. */
export function date(
  words: string,
  [first, last]: readonly [number, number],
  details: Details = {},
): Attribute {
  return attribute("date", words, { range: [first, last], ...details });
}

/** Yes or no, with the adjectives for both. */
export function flag(words: string, yes: string, no: string): Attribute {
  return attribute("flag", words, { yes, no });
}

/** The row of another entity. */
export function to(target: string, details: Details = {}): Attribute {
  return attribute("reference", target, { target, ...details });
}

/** A kind of thing; `noun` may be followed by `|` and a plural that is not regular. */
export function entity(noun: string, ...attributes: readonly Attribute[]): Entity {
  const [singular, many = plural(singular)] = noun.split("|");
  return { noun: singular, plural: many, person: false, attributes };
}

/** A kind of person. */
export function person(noun: string, ...attributes: readonly Attribute[]): Entity {
  return { ...entity(noun, ...attributes), person: true };
}
