/**
 * Comparisons: SQLite turns the operands by their affinities first, PostgreSQL wants one type.
 * https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison
 * @module
 */
import { castDigits, looksNumeric, numberOrGreater } from "./number.ts";
import {
  asText,
  foldable,
  isNumber,
  isText,
  known,
  LEVEL,
  operand,
  plain,
  quote,
  Refusal,
  type Value,
  value,
} from "./value.ts";

/** Operators of comparison as both dialects write them. */
export type Comparison = "=" | "<>" | "<" | "<=" | ">" | ">=" | "is" | "is not";

const SPELLING: Readonly<Record<Comparison, string>> = {
  "=": "=",
  "<>": "<>",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "is": "IS NOT DISTINCT FROM",
  "is not": "IS DISTINCT FROM",
};

/** A comparison as a condition. Throws a {@linkcode Refusal} as {@linkcode comparable} does. */
export function compare(left: Value, operator: Comparison, right: Value): Value {
  const [a, b] = comparable(left, operator, right);
  const level = operator.startsWith("is") ? LEVEL.is : LEVEL.comparison;
  return value(`${operand(a, level)} ${SPELLING[operator]} ${operand(b, level)}`, {
    kind: "boolean",
    level,
    nullable: !operator.startsWith("is") && (left.nullable || right.nullable),
  });
}

/**
 * Two operands of types that PostgreSQL compares as SQLite does. Throws a {@linkcode Refusal} where a
 * text meets a number and what comes of it depends on the values, or never does.
 */
export function comparable(left: Value, operator: Comparison, right: Value): [Value, Value] {
  const a = plain(known(left, "a comparison"));
  const b = plain(known(right, "a comparison"));
  if (a.kind === "null" || b.kind === "null" || (isNumber(a) && isNumber(b))) return [a, b];
  if (isText(a) && isText(b)) return comparableTexts(a, operator, b);
  if (isNumber(a)) return comparableMixed(a, b);
  const [number, text] = comparableMixed(b, a);
  return [text, number];
}

function comparableTexts(a: Value, operator: Comparison, b: Value): [Value, Value] {
  // Where one side has numeric affinity, the other becomes a number if it looks like one. Texts of the
  // first never do, or they would have been stored as numbers.
  for (const [one, other] of [[a, b], [b, a]]) {
    if (one.affinity !== "numeric" || other.affinity === "numeric") continue;
    const safe = other.literal === undefined
      ? operator === "=" || operator === "<>" || other.kind !== "text"
      : !looksNumeric(other.literal);
    if (!safe) throw mismatch(one, other);
  }
  if (a.kind === b.kind) return [a, b];
  if (isLiteralOf(a, b)) return [a, b];
  if (isLiteralOf(b, a)) return [a, b];
  return [asText(a, "a comparison"), asText(b, "a comparison")];
}

/** Whether a constant is written as PostgreSQL writes the values of a date or time. */
function isLiteralOf({ literal }: Value, { kind }: Value): boolean {
  if (literal === undefined) return false;
  const form = kind === "date"
    ? /^(?!0000)\d{4}-\d\d-\d\d$/
    : kind === "timestamp"
    ? /^(?!0000)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/
    : /^(?!)/;
  if (!form.test(literal)) return false;
  const time = new Date(`${literal.replace(" ", "T")}${kind === "date" ? "T00:00:00" : ""}Z`);
  return !Number.isNaN(time.getTime()) &&
    time.toISOString().replace("T", " ").startsWith(literal);
}

function comparableMixed(number: Value, text: Value): [Value, Value] {
  if (text.literal !== undefined) {
    // A number of a column or cast turns a text into a number, if it looks like one.
    if (number.affinity !== "numeric" || !looksNumeric(text.literal)) throw mismatch(number, text);
    const literal = text.literal.trim().replace(/^\+/, "");
    return [number, {
      ...value(literal, { kind: /[.eE]/.test(literal) ? "real" : "integer", nullable: false }),
      level: literal.startsWith("-") ? LEVEL.sign : LEVEL.atom,
      literal,
    }];
  }
  if (text.affinity === "numeric") throw mismatch(number, text);
  if (number.affinity === "numeric") {
    if (text.kind !== "text") throw mismatch(number, text);
    return [number, castDigits(text, "number") ?? numberOrGreater(text)];
  }
  if (text.affinity !== "text") throw mismatch(number, text);
  if (number.literal === undefined) return [asText(number, "a comparison with a text"), text];
  return [numberText(number, text), text];
}

// A constant without affinity that meets a column of texts becomes a text.
function numberText(number: Value, text: Value): Value {
  if (!/^-?(0|[1-9]\d{0,14})(\.\d*[1-9]|\.0)?$/.test(number.literal!)) throw mismatch(number, text);
  return value(quote(number.literal!), { kind: "text", literal: number.literal, nullable: false });
}

function mismatch(one: Value, other: Value): Refusal {
  return new Refusal(
    "types",
    `${one.sql} (${one.kind}) is compared with ${other.sql} (${other.kind})`,
  );
}

/** `x LIKE pattern`, which in SQLite is blind to the case of ASCII letters. */
export function like(
  x: Value,
  { not, pattern, escape }: { not: boolean; pattern: Value; escape?: Value },
): Value {
  const text = asText(known(x, "LIKE"), "LIKE");
  const by = asText(known(pattern, "LIKE"), "LIKE");
  const caseless = by.literal !== undefined && !/[A-Za-z]/.test(by.literal);
  if (!caseless) foldable(by, "LIKE");
  const word = `${not ? "NOT " : ""}${caseless ? "LIKE" : "ILIKE"}`;
  let ending = "";
  if (escape) {
    if (escape.literal?.length !== 1) {
      throw new Refusal("unsupported", "ESCAPE takes one character");
    }
    ending = ` ESCAPE ${quote(escape.literal)}`;
  } else if (by.literal === undefined || by.literal.includes("\\")) {
    ending = " ESCAPE ''"; // PostgreSQL's default is the backslash, SQLite has none
  }
  return value(`${operand(text, LEVEL.like)} ${word} ${operand(by, LEVEL.like)}${ending}`, {
    kind: "boolean",
    level: LEVEL.like,
    nullable: x.nullable || pattern.nullable,
  });
}
