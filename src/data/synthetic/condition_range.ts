/**
 * Conditions on numbers and dates.
 * @module
 */
import type { Random } from "../random.ts";
import { amount, type Condition, simple } from "./condition.ts";
import { chance, indefinite, isPlural, monthInWords, pick, say } from "./english.ts";
import type { Column, Row } from "./types.ts";

interface Comparison {
  readonly sign: string;
  readonly test: (found: number, bound: number) => boolean;
  /** Behind "is". */
  readonly is: string;
  /** Before a number and a noun in the plural. */
  readonly count: string;
  /** Before the amount, where the column has a phrase of its own. */
  readonly own: "more" | "less" | null;
}

const COMPARISONS: readonly Comparison[] = [
  {
    sign: ">",
    test: (a, b) => a > b,
    is: "(above|over|greater than|more than|higher than)",
    count: "more than",
    own: "more",
  },
  {
    sign: "<",
    test: (a, b) => a < b,
    is: "(below|under|less than|lower than)",
    count: "(fewer than|less than)",
    own: "less",
  },
  {
    sign: ">=",
    test: (a, b) => a >= b,
    is: "(at least|no less than)",
    count: "at least",
    own: null,
  },
  {
    sign: "<=",
    test: (a, b) => a <= b,
    is: "(at most|no more than)",
    count: "(at most|no more than)",
    own: null,
  },
  {
    sign: "=",
    test: (a, b) => a === b,
    is: "(exactly |equal to |)",
    count: "(exactly |)",
    own: null,
  },
];

/** A condition on a number that `value` meets. */
export function onNumber(rng: Random, column: Column, value: number): Condition {
  const [low, high] = [boundOf(rng, column, value, false), boundOf(rng, column, value, true)];
  if (low < high && chance(rng, 20)) return between(column, low, high);
  const few = column.sorted.length <= 12;
  const way = pick(rng, few ? [0, 1, 2, 3, 4, 4] : [0, 0, 1, 1, 2, 3]);
  const bound = way === 4 ? value : way === 1 || way === 3 ? high : low;
  const { sign, test, is, count, own } = COMPARISONS[(bound === value && way < 2) ? way + 2 : way];
  const isUnitNamed = column.unit !== undefined && column.words.includes(column.unit);
  const unit = column.unit === undefined || isUnitNamed ? "" : ` ${column.unit}`;
  const k = `${bound}${unit}`;
  const w = amount(column);
  const phrase = own === null ? undefined : column[own];
  const whose = (rng: Random) => say(rng, `<w> is ${is} <k>`, { w, k });
  return simple(column, {
    fixes: sign === "=",
    sql: (name) => `${name} ${sign} ${bound}`,
    test: (found) => test(Number(found), bound),
    whose,
    suffix: (rng) => {
      if (phrase !== undefined && chance(rng, 65)) return say(rng, `(${phrase}) <k>`, { k });
      if (isPlural(column.words)) {
        return say(rng, `(with|having) ${count} <k> <w>`, { k: `${bound}`, w: column.words });
      }
      if (chance(rng, 50)) return `whose ${whose(rng)}`;
      return say(rng, `(with|having) <w> ${sign === "=" ? "of" : is} <k>`, { w: indefinite(w), k });
    },
  });
}

function between(column: Column, low: number, high: number): Condition {
  const w = amount(column);
  const slots = { w, a: `${low}`, b: `${high}` };
  return simple(column, {
    sql: (name) => `${name} BETWEEN ${low} AND ${high}`,
    test: (found) => Number(found) >= low && Number(found) <= high,
    whose: (rng) =>
      say(rng, "<w> is (between <a> and <b>|from <a> to <b>|in the range from <a> to <b>)", slots),
  });
}

/** A round number that is not above (or not below) `value`, as people choose limits. */
function boundOf(rng: Random, { words }: Column, value: number, above: boolean): number {
  if (/\byear\b/.test(words)) return value + (above ? 1 : -1) * rng.below(6);
  const size = Math.abs(value);
  const [, grain] = GRAINS.find(([least]) => size >= least)!;
  const bound = Math.floor(value / grain) * grain;
  return above && bound < value ? bound + grain : bound;
}

/** How finely limits are chosen, by the size of the value. */
const GRAINS = [[10_000, 1000], [1000, 100], [200, 50], [40, 10], [10, 5], [0, 1]] as const;

/** A condition on a date that `day` meets. */
export function onDate(rng: Random, column: Column, day: string): Condition {
  const [year, month] = [day.slice(0, 4), day.slice(0, 7)];
  const way = pick(rng, ["year", "year", "month", "after", "before", "between"] as const);
  const said = (when: string, is = "(is|lies|falls)") => ({
    whose: (rng: Random) =>
      say(rng, `<w> ${is} ${when}`, { w: column.words, month: monthInWords(month) }),
    suffix: (rng: Random) =>
      column.happened === undefined
        ? say(rng, `(with|having) <w> ${when}`, {
          w: indefinite(column.words),
          month: monthInWords(month),
        })
        : say(rng, `(${column.happened}) ${when}`, { month: monthInWords(month) }),
  });
  const text = (value: Row[number]) => String(value);
  if (way === "year") {
    return simple(column, {
      sql: (name) => `strftime('%Y', ${name}) = '${year}'`,
      test: (found) => text(found).startsWith(year),
      ...said(`(in|in|in the year|during) ${year}`),
    });
  }
  if (way === "month") {
    return simple(column, {
      sql: (name) => `strftime('%Y-%m', ${name}) = '${month}'`,
      test: (found) => text(found).startsWith(month),
      ...said(`in (<month>|<month>|${month})`),
    });
  }
  const other = String(pick(rng, column.sorted));
  if (way === "between") {
    const [from, to] = other < day ? [other, day] : [day, other];
    return simple(column, {
      sql: (name) => `${name} BETWEEN '${from}' AND '${to}'`,
      test: (found) => text(found) >= from && text(found) <= to,
      ...said(`(between ${from} and ${to}|from ${from} to ${to})`),
    });
  }
  const after = other === day ? way === "after" : other < day;
  const sign = `${after ? ">" : "<"}${other === day ? "=" : ""}`;
  const when = other === day
    ? `on or ${after ? "after" : "before"}`
    : after
    ? "(after|later than)"
    : "before";
  return simple(column, {
    sql: (name) => `${name} ${sign} '${other}'`,
    test: (found) =>
      after ? text(found) > other || found === day : text(found) < other || found === day,
    ...said(`${when} ${other}`),
  });
}
