/**
 * Themes of words that do not exist. What cannot be known has to be read in the schema.
 * @module
 */
import type { Random } from "../random.ts";
import { chance, pick, plural, sample } from "./english.ts";
import type { Attribute, Entity, Theme } from "./types.ts";
import { category, date, entity, flag, label, number, to } from "./vocabulary.ts";

const ONSETS = "b br c cl d dr f fl g gr h j k l m n p pl qu r s sh st t tr v w z".split(" ");
const VOWELS = "a e i o u ai ea ou".split(" ");
const CODAS = ["", "", "", "l", "m", "n", "r", "t", "x", "nd", "rk", "st"];
const ROLES = "code name level grade rate count size type group class mark index".split(" ");

/** A word of two or three syllables that is easy to say. */
export function inventWord(rng: Random): string {
  let word = "";
  for (let n = pick(rng, [2, 2, 2, 3]); n > 0; n--) {
    word += pick(rng, ONSETS) + pick(rng, VOWELS) + (n === 1 ? pick(rng, CODAS) : "");
  }
  return word;
}

function inventWords(rng: Random, count: number): string[] {
  const words = new Set<string>();
  while (words.size < count) words.add(inventWord(rng));
  return [...words];
}

/** A theme of one to three entities. */
export function inventTheme(rng: Random): Theme {
  const nouns = inventWords(rng, pick(rng, [1, 2, 2, 3]));
  const entities = nouns.map((noun, i): Entity => {
    const links = i === 0 ? [] : sample(rng, nouns.slice(0, i), pick(rng, [1, 1, 2]));
    const attributes = inventWords(rng, pick(rng, [3, 4, 5]))
      .map((word) => chance(rng, 40) ? `${word} ${pick(rng, ROLES)}` : word)
      .map((words) => inventAttribute(rng, words));
    const name = pick(rng, ["name", "title", inventWord(rng)]);
    const names = label(
      name,
      inventWords(rng, 30).map((word) => word[0].toUpperCase() + word.slice(1)),
    );
    return {
      ...entity(
        `${noun}|${plural(noun)}`,
        names,
        ...links.map((target) => to(target)),
        ...attributes,
      ),
      person: chance(rng, 30),
    };
  });
  return { name: nouns.join(" "), entities };
}

function inventAttribute(rng: Random, words: string): Attribute {
  const way = rng.below(10);
  if (way < 4) return category(words, inventWords(rng, pick(rng, [3, 4, 6])));
  if (way < 8) {
    return number(words, [0, pick(rng, [10, 60, 500, 9000])], { total: chance(rng, 50) });
  }
  if (way < 9) return date(words, [2015, 2024]);
  const [yes, no] = inventWords(rng, 2);
  return flag(words, yes, no);
}
