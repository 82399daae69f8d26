/**
 * How tables and columns are named, which differs from schema to schema.
 * @module
 */
import type { Random } from "../random.ts";
import { chance, pick } from "./english.ts";
import type { Attribute, Entity } from "./types.ts";

/** The names and types of one schema. */
export interface Naming {
  table(entity: Entity): string;
  key(entity: Entity): string;
  /** The column that holds the key of `target`. */
  reference(target: Entity): string;
  column(entity: Entity, attribute: Attribute, words: string): string;
  type(attribute: Attribute): string;
}

type Case = (words: readonly string[]) => string;

const capital = (word: string) => word[0].toUpperCase() + word.slice(1);
const snake: Case = (words) => words.join("_");
const camel: Case = (words) => words.map((word, i) => i === 0 ? word : capital(word)).join("");
const pascal: Case = (words) => words.map(capital).join("");
const upper: Case = (words) => words.join("_").toUpperCase();

const SHORT: Readonly<Record<string, string>> = {
  amount: "amt",
  average: "avg",
  category: "cat",
  customer: "cust",
  department: "dept",
  employee: "emp",
  number: "num",
  quantity: "qty",
  year: "yr",
};

const TYPES: Readonly<Record<"text" | "whole" | "decimal" | "flag", readonly string[]>> = {
  text: ["TEXT", "TEXT", "VARCHAR(100)", "VARCHAR(255)"],
  whole: ["INTEGER", "INTEGER", "INT"],
  decimal: ["REAL", "REAL", "DECIMAL(10, 2)", "NUMERIC"],
  flag: ["INTEGER", "INTEGER", "BOOLEAN"],
};

/** Plain names, such as `order_items.unit_price` and the key `id`. */
export const PLAIN_NAMING: Naming = {
  table: ({ plural }) => snake(wordsOf(plural)),
  key: () => "id",
  reference: ({ noun }) => snake([...wordsOf(noun), "id"]),
  column: (_, __, words) => snake(wordsOf(words)),
  type: (attribute) => typeOf(attribute, (kind) => TYPES[kind][0]),
};

/** A way to name things that holds for a whole schema. */
export function drawNaming(rng: Random): Naming {
  const style = pick(rng, [snake, snake, snake, snake, camel, pascal, upper]);
  const many = chance(rng, 65);
  const short = chance(rng, 12);
  const ownKey = chance(rng, 55);
  const ownLabel = chance(rng, 20);
  const types = {
    text: pick(rng, TYPES.text),
    whole: pick(rng, TYPES.whole),
    decimal: pick(rng, TYPES.decimal),
    flag: pick(rng, TYPES.flag),
  };
  const write = (text: string) =>
    style(wordsOf(text).map((word) => short && Object.hasOwn(SHORT, word) ? SHORT[word] : word));
  const keyOf = ({ noun }: Entity) => write(`${noun} id`);
  return {
    table: ({ noun, plural }) => write(many ? plural : noun),
    key: (entity) => ownKey ? keyOf(entity) : write("id"),
    reference: keyOf,
    column: ({ noun }, { kind }, words) =>
      write(ownLabel && kind === "label" && !words.includes(noun) ? `${noun} ${words}` : words),
    type: (attribute) => typeOf(attribute, (kind) => types[kind]),
  };
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/[^a-z0-9]+/).filter((word) => word !== "");
}

function typeOf(
  { kind, range, given }: Attribute,
  type: (kind: keyof typeof TYPES) => string,
): string {
  if (kind === "date") return "DATE";
  if (kind === "flag") return type("flag");
  if (kind === "reference") return type("whole");
  if (kind !== "number") return type("text");
  const ranges = [range, ...Object.values(given?.cases ?? {}).map((one) => one.range ?? [])];
  return ranges.flat().every(Number.isInteger) ? type("whole") : type("decimal");
}
