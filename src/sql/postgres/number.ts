/**
 * Numbers out of texts and other numbers, as SQLite has them.
 * @module
 */
import { declaredAffinity } from "./schema.ts";
import {
  asText,
  cast,
  isNumber,
  known,
  LEVEL,
  operand,
  plain,
  Refusal,
  type Value,
  value,
} from "./value.ts";

/** What SQLite takes for the number that a text begins with; longer ones do not fit. */
const INTEGER_PREFIX = String.raw`^\s*[+-]?\d{1,18}`;
const NUMBER_PREFIX = String.raw`^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?`;
const NUMBER = String.raw`${NUMBER_PREFIX}\s*$`;

/** A text that SQLite takes for a number where it is compared with one. */
export function looksNumeric(text: string): boolean {
  return /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(text);
}

/** The number that arithmetic makes of a value: of a text that which it begins with, or 0. */
export function asNumber(x: Value, purpose: string): Value {
  const one = plain(known(x, purpose));
  if (isNumber(one) || one.kind === "null") return one;
  return castDigits(one, "number") ?? numberPrefix(asText(one, purpose));
}

/**
 * A text as the number that SQLite compares with a number, if all its values are known to be numbers.
 */
export function castDigits(x: Value, to: "integer" | "number"): Value | undefined {
  if (x.digits === undefined) return undefined;
  const known = { affinity: "numeric", digits: undefined } as const;
  if (x.digits === "integer") {
    return cast(x, "bigint", { ...known, kind: "integer", storage: "integer" });
  }
  const number = cast(x, "numeric", { ...known, kind: "numeric", storage: "numeric" });
  return to === "number" ? number : truncated(number);
}

/**
 * A text as what SQLite compares with a number: the number that it is, or a text, which is greater
 * than any number, as in PostgreSQL NaN is.
 */
export function numberOrGreater(x: Value): Value {
  const text = operand(x, LEVEL.other);
  const number = `WHEN ${text} ~ '${NUMBER}' THEN CAST(${x.sql} AS numeric)`;
  const rest = x.nullable ? `WHEN ${operand(x, LEVEL.is)} IS NOT NULL THEN 'NaN'` : "ELSE 'NaN'";
  return value(`CASE ${number} ${rest} END`, {
    kind: "numeric",
    affinity: "numeric",
    nullable: x.nullable,
  });
}

/** `CAST(x AS type)`. Throws a {@linkcode Refusal} where PostgreSQL has nothing that gives the same. */
export function castTo(x: Value, type: string): Value {
  const one = plain(known(x, "a cast"));
  const affinity = declaredAffinity(type);
  if (affinity === "text") return { ...asText(one, "a cast to text"), affinity: "text" };
  if (affinity === "blob") throw new Refusal("types", "a cast to a blob");
  if (one.kind === "null") return one;
  return { ...numberOf(one, affinity), affinity: "numeric" };
}

function numberOf(one: Value, affinity: "integer" | "real" | "numeric"): Value {
  if (affinity === "real") {
    const number = isNumber(one) ? one : castDigits(one, "number") ??
      numberPrefix(asText(one, "a cast to a number"));
    return cast(number, "double precision", { kind: "real", storage: "double" });
  }
  if (isNumber(one)) {
    if (affinity === "numeric") return one;
    return one.kind === "integer" ? integerStored(one) : truncated(one);
  }
  if (affinity === "numeric") return asNumber(one, "a cast to a number");
  return castDigits(one, "integer") ?? integerPrefix(asText(one, "a cast to an integer"));
}

/** An integer that PostgreSQL divides as one: its sums of bigint are numeric. */
export function integerStored(x: Value): Value {
  return x.storage === "integer" ? x : cast(x, "bigint", { storage: "integer" });
}

function truncated(x: Value): Value {
  return cast({ ...x, sql: `TRUNC(${x.sql})` }, "bigint", { kind: "integer", storage: "integer" });
}

function integerPrefix(x: Value): Value {
  const prefix = `SUBSTRING(${x.sql} FROM '${INTEGER_PREFIX}')`;
  return orZero(x, prefix, { type: "bigint", kind: "integer" });
}

function numberPrefix(x: Value): Value {
  const prefix = `SUBSTRING(${x.sql} FROM '${NUMBER_PREFIX}')`;
  return orZero(x, prefix, { type: "numeric", kind: "numeric" });
}

function orZero(
  x: Value,
  prefix: string,
  { type, kind }: { type: string; kind: "integer" | "numeric" },
): Value {
  const number = `CAST(COALESCE(${prefix}, '0') AS ${type})`;
  const present = operand(x, LEVEL.is);
  const sql = x.nullable ? `CASE WHEN ${present} IS NOT NULL THEN ${number} END` : number;
  return value(sql, { kind, nullable: x.nullable });
}
