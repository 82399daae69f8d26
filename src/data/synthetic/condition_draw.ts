/**
 * Draws conditions that a given row fulfils.
 * @module
 */
import { formatValue } from "../../sql/ddl.ts";
import type { Random } from "../random.ts";
import { type Condition, isMissing, isValue, quoted, simple } from "./condition.ts";
import { onDate, onNumber } from "./condition_range.ts";
import { chance, pick, say } from "./english.ts";
import type { Column, Row, Table } from "./types.ts";

/** A condition on one of `columns` that `row` fulfils; null where it has no value to go by. */
export function drawCondition(
  rng: Random,
  { table, row, columns, naming = false }: {
    table: Table;
    row: Row;
    columns: readonly Column[];
    /** The label may be given, which leaves one row. Default false. */
    naming?: boolean;
  },
): Condition | null {
  const column = pick(rng, columns);
  const value = row[column.index];
  if (value === null) return isMissing(column);
  switch (column.kind) {
    case "label":
      return onLabel(rng, { table, column, value: String(value), naming });
    case "category":
      return onCategory(rng, column, String(value));
    case "number":
      return onNumber(rng, column, Number(value));
    case "date":
      return onDate(rng, column, String(value));
    case "flag":
      return onFlag(column, Number(value));
    default:
      return null;
  }
}

function onLabel(
  rng: Random,
  { table, column, value, naming }: {
    table: Table;
    column: Column;
    value: string;
    naming: boolean;
  },
): Condition {
  const w = column.words;
  const way = naming ? rng.below(6) : 3 + rng.below(3);
  if (way < 3) {
    const equal = isValue(column, value);
    const called = table.person ? "(named|called)" : "(called|named|titled)";
    return {
      ...equal,
      suffix: (rng) =>
        chance(rng, 50) ? say(rng, `${called} <v>`, { v: value }) : equal.suffix(rng),
    };
  }
  const words = value.split(" ");
  const part = way === 3 ? value[0] : way === 4 ? words[0] : words[words.length - 1];
  if (way === 3 || words.length === 1) {
    return simple(column, {
      sql: (name) => `${name} LIKE ${formatValue(`${value[0]}%`)}`,
      test: (other) => String(other).toLowerCase().startsWith(value[0].toLowerCase()),
      whose: (rng) =>
        say(rng, "<w> (starts with|begins with) (the letter |)<v>", { w, v: value[0] }),
    });
  }
  return simple(column, {
    sql: (name) => `${name} LIKE ${formatValue(`%${part}%`)}`,
    test: (other) => String(other).toLowerCase().includes(part.toLowerCase()),
    whose: (rng) =>
      say(rng, "<w> (contains|includes) (the word |)<v>", { w, v: quoted(rng, part) }),
  });
}

function onCategory(rng: Random, column: Column, value: string): Condition {
  const others = column.sorted.filter((other) => other !== value).map(String);
  const way = others.length === 0 ? 0 : rng.below(10);
  if (way < 7) return isValue(column, value);
  const w = column.words;
  const other = pick(rng, others);
  if (way === 7) {
    return simple(column, {
      sql: (name) => `${name} <> ${formatValue(other)}`,
      test: (found) => found !== other,
      whose: (rng) => say(rng, "<w> is (not|other than|anything but) <v>", { w, v: other }),
    });
  }
  const pair = rng.shuffle([value, other]);
  const is = column.is;
  const either = { a: pair[0], b: pair[1], w };
  return simple(column, {
    sql: (name) => `${name} IN (${pair.map(formatValue).join(", ")})`,
    test: (found) => pair.includes(String(found)),
    whose: (rng) => say(rng, "<w> is (either |)<a> or <b>", either),
    suffix: (rng) =>
      is !== undefined && chance(rng, 60)
        ? say(rng, `(${is}) (either |)<a> or <b>`, either)
        : say(rng, "(whose <w> is (either |)<a> or <b>|with <w> <a> or <b>)", either),
  });
}

function onFlag(column: Column, value: number): Condition {
  const word = value === 1 ? column.yes! : column.no!;
  return {
    column,
    fixes: true,
    sql: (name) => `${name(column)} = ${value}`,
    test: (row) => row[column.index] === value,
    adjective: word,
    suffix: (rng) => say(rng, "that are (currently |)<a>", { a: word }),
    whose: (rng) =>
      say(rng, "<w> flag is (<v>|<yes>)", {
        w: column.words.replace(/^is /, ""),
        v: `${value}`,
        yes: value === 1 ? "true" : "false",
      }),
  };
}
