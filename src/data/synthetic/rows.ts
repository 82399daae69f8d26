/**
 * Fills a table with rows that look like life: labels that differ, values of which some are common and
 * some rare, things to which nothing refers.
 * @module
 */
import type { Random } from "../random.ts";
import { chance, pick } from "./english.ts";
import type { Attribute, Row, Value } from "./types.ts";

/** Of a hundred rows of a table, so many are referred to by none of another. */
const UNUSED = 15;
const DAY_MS = 86_400_000;

/**
 * `count` rows of these attributes, each with its key, 1, 2, …, in front. `keysOf` tells the keys of
 * the entities that are referred to. Rows that refer to others are in the order of their first date.
 */
export function fillRows(
  rng: Random,
  attributes: readonly Attribute[],
  { count, keysOf }: {
    readonly count: number;
    readonly keysOf: (target: string) => readonly Value[];
  },
): Row[] {
  const draws = attributes.map((attribute) => drawer(rng, attribute, keysOf));
  const rows = Array.from({ length: count }, () => {
    const row: Value[] = [];
    const valueOf = (words: string) => row[attributes.findIndex((one) => one.words[0] === words)];
    for (const draw of draws) row.push(draw(valueOf));
    return row;
  });
  const day = attributes.findIndex(({ kind, missing, happened }) =>
    kind === "date" && missing === 0 && happened !== "born"
  );
  if (day >= 0 && attributes.some(({ kind }) => kind === "reference")) {
    rows.sort((a, b) => String(a[day]) < String(b[day]) ? -1 : 1);
  }
  return rows.map((row, index) => [index + 1, ...row]);
}

type Draw = (valueOf: (words: string) => Value) => Value;

function drawer(
  rng: Random,
  attribute: Attribute,
  keysOf: (target: string) => readonly Value[],
): Draw {
  const { kind, missing, after, given } = attribute;
  if (kind === "reference") {
    const keys = rng.shuffle([...keysOf(attribute.target)]);
    const used = Math.max(1, Math.ceil(keys.length * (100 - UNUSED) / 100));
    return () => keys[uneven(rng, used)];
  }
  const taken = new Set<string>();
  return (valueOf) => {
    if (missing > 0 && chance(rng, missing)) return null;
    const own = given?.cases[String(valueOf(given.words))];
    const { values, range } = { ...attribute, ...own };
    switch (kind) {
      case "label":
        return unused(rng, values, taken);
      case "category":
        return values[0][uneven(rng, values[0].length)];
      case "number":
        return drawNumber(rng, range, attribute.total === true);
      case "flag":
        return chance(rng, 70) ? 1 : 0;
      case "date": {
        if (!after) {
          return isoDay(dayOf(`${range[0]}-01-01`) + rng.below((range[1] - range[0] + 1) * 365));
        }
        const start = valueOf(after.words);
        const [least, most] = after.days;
        return start === null
          ? null
          : isoDay(dayOf(String(start)) + least + rng.below(most - least + 1));
      }
    }
  };
}

/** An index below `count`; the first are more likely than the last. */
function uneven(rng: Random, count: number): number {
  const index = rng.below(count);
  return chance(rng, 50) ? Math.min(index, rng.below(count)) : index;
}

const TRIES = 20;

function unused(rng: Random, values: Attribute["values"], taken: Set<string>): string {
  let text = "";
  for (let i = 0; i < TRIES; i++) {
    text = values.map((list) => pick(rng, list)).join(" ");
    if (!taken.has(text)) break;
  }
  let unique = text;
  for (let n = 2; taken.has(unique); n++) unique = `${text} ${n}`;
  taken.add(unique);
  return unique;
}

// Hundredths are counted in whole numbers, so that no sum is rounded.
function drawNumber(
  rng: Random,
  [least, most, step = 1]: readonly number[],
  total: boolean,
): number {
  const scale = Number.isInteger(least) && Number.isInteger(step) ? 1 : 100;
  const [low, high, by] = [least, most, step].map((value) => Math.round(value * scale));
  const steps = Math.floor((high - low) / by) + 1;
  // Of amounts, most are small.
  const drawn = total && steps > 100
    ? Math.min(rng.below(steps), rng.below(steps))
    : rng.below(steps);
  return (low + drawn * by) / scale;
}

function dayOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY_MS;
}

function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
