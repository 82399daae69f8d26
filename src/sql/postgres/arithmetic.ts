/**
 * Constants and arithmetic.
 * @module
 */
import type { BinaryOperator } from "../select_tree.ts";
import { integerStored } from "./number.ts";
import { LEVEL, operand, quote, Refusal, type Value, value } from "./value.ts";

/** A number as it is written. Throws a {@linkcode Refusal} if it has no 64 bits. */
export function number(text: string): Value {
  if (/^0x/i.test(text)) throw new Refusal("unsupported", `the hexadecimal number ${text}`);
  const integer = /^\d+$/.test(text);
  if (integer && BigInt(text) >= 1n << 63n) throw new Refusal("types", `the number ${text}`);
  return value(text, { kind: integer ? "integer" : "real", nullable: false, literal: text });
}

/** A string, given without its quotes. */
export function string(text: string): Value {
  if (text.includes("\0")) throw new Refusal("unsupported", "a string with a NUL character");
  return value(quote(text), { kind: "text", nullable: false, literal: text });
}

/**
 * Operators of two numbers. Throws a {@linkcode Refusal} where SQLite would divide integers in some
 * rows and not in others.
 */
export function arithmetic(operator: BinaryOperator, a: Value, b: Value): Value {
  const nullable = a.nullable || b.nullable;
  if (a.kind === "null" || b.kind === "null") return value("NULL", { kind: "null" });
  const real = a.kind === "real" || b.kind === "real";
  const integer = a.kind === "integer" && b.kind === "integer";
  const kind = real ? "real" : integer ? "integer" : "numeric";
  const storage = [a, b].some((one) => one.storage === "double")
    ? "double"
    : [a, b].some((one) => one.storage === "numeric")
    ? "numeric"
    : "integer";
  const level = operator === "+" || operator === "-"
    ? LEVEL.sum
    : operator === "*" || operator === "/" || operator === "%"
    ? LEVEL.product
    : LEVEL.other;
  if (operator === "+" || operator === "-" || operator === "*") {
    return value(`${operand(a, level - 1)} ${operator} ${operand(b, level)}`, {
      kind,
      storage,
      nullable,
      level,
    });
  }
  // What is left divides, or works on bits.
  if (operator !== "/" && !integer) {
    throw new Refusal("types", `${operator} of numbers that are not integers`);
  }
  if (kind === "numeric") {
    throw new Refusal("types", `${a.sql} / ${b.sql}, a division of integers or not by the row`);
  }
  const [x, y] = integer ? [integerStored(a), integerStored(b)] : [a, b];
  const divides = operator === "/" || operator === "%";
  const safe = !divides || (y.literal !== undefined && Number(y.literal) !== 0);
  // SQLite's division by 0 is NULL, PostgreSQL's an error.
  const divisor = safe ? operand(y, level) : `NULLIF(${y.sql}, 0)`;
  return value(`${operand(x, level - 1)} ${operator} ${divisor}`, {
    kind,
    storage: integer ? "integer" : storage,
    nullable: nullable || !safe,
    level,
  });
}
