/**
 * SQLite's functions that have a counterpart in PostgreSQL.
 * https://www.sqlite.org/lang_corefunc.html, https://www.sqlite.org/lang_datefunc.html
 * @module
 */
import type { Expression } from "../select_tree.ts";
import { asNumber } from "./number.ts";
import {
  asText,
  cast,
  foldable,
  isNumber,
  isText,
  known,
  LEVEL,
  operand,
  plain,
  Refusal,
  unified,
  type Value,
  value,
} from "./value.ts";

/** How the function of a name is converted, given its operands. */
type Conversion = (operands: readonly Value[], trees: readonly Expression[]) => Value;

/** Functions of all rows of a group. `distinct` is `"DISTINCT "` or nothing. */
export const AGGREGATES = new Map<string, (x: Value | undefined, distinct: string) => Value>([
  [
    "count",
    (x, distinct) =>
      value(`COUNT(${x ? distinct + countable(x, distinct) : "*"})`, {
        kind: "integer",
        nullable: false,
      }),
  ],
  ["sum", (x, distinct) => {
    const number = asNumber(present(x), "a sum");
    const storage = number.storage === "double" ? "double" : "numeric";
    return value(`SUM(${distinct}${number.sql})`, { kind: number.kind, storage });
  }],
  ["total", (x, distinct) => {
    const number = asNumber(present(x), "a sum");
    return value(`CAST(COALESCE(SUM(${distinct}${number.sql}), 0) AS double precision)`, {
      kind: "real",
      storage: "double",
      nullable: false,
    });
  }],
  ["avg", (x, distinct) => {
    const number = asNumber(present(x), "an average");
    const storage = number.storage === "double" ? "double" : "numeric";
    return value(`AVG(${distinct}${number.sql})`, { kind: "real", storage });
  }],
  ["min", (x) => extreme("MIN", x)],
  ["max", (x) => extreme("MAX", x)],
]);

function countable(x: Value, distinct: string): string {
  return (distinct ? known(plain(x), "DISTINCT") : plain(x)).sql;
}

function extreme(name: string, x: Value | undefined): Value {
  const one = known(plain(present(x)), `${name.toLowerCase()}()`);
  const { kind, storage, digits, dates } = one;
  return value(`${name}(${one.sql})`, { kind, storage, digits, dates });
}

function present(x: Value | undefined): Value {
  if (x && x.kind !== "null") return x;
  throw new Refusal("function", "an aggregate has no operand");
}

/** Functions that need OVER. */
export const WINDOW_FUNCTIONS = new Map<string, Value>(
  ["row_number", "rank", "dense_rank"].map((
    name,
  ) => [name, value(`${name.toUpperCase()}()`, { kind: "integer", nullable: false })]),
);

/** Functions of one row. */
export const FUNCTIONS = new Map<string, Conversion>([
  ["abs", ([x]) => {
    if (!isNumber(x)) throw new Refusal("types", "abs() of what is no number");
    return { ...x, sql: `ABS(${x.sql})`, level: LEVEL.atom, affinity: "none", literal: undefined };
  }],
  [
    "length",
    ([x]) =>
      value(`LENGTH(${asText(x, "length()").sql})`, { kind: "integer", nullable: x.nullable }),
  ],
  ["lower", ([x]) => text("LOWER", [foldable(x, "LOWER")])],
  ["upper", ([x]) => text("UPPER", [foldable(x, "UPPER")])],
  ["trim", (operands) => text(operands.length > 1 ? "BTRIM" : "TRIM", operands)],
  ["ltrim", (operands) => text("LTRIM", operands)],
  ["rtrim", (operands) => text("RTRIM", operands)],
  ["replace", (operands) => text("REPLACE", operands)],
  ["instr", (operands) => {
    const [whole, part] = operands.map((one) => asText(one, "instr()").sql);
    return value(`STRPOS(${whole}, ${part})`, {
      kind: "integer",
      nullable: operands.some(({ nullable }) => nullable),
    });
  }],
  ["substr", substring],
  ["substring", substring],
  ["round", round],
  ["ifnull", (operands) => chosen("COALESCE", operands)],
  ["coalesce", (operands) => chosen("COALESCE", operands)],
  ["nullif", (operands) => {
    const { values, like } = unified(operands, "nullif()");
    return value(`NULLIF(${sqls(values)})`, { ...like, nullable: true });
  }],
  ["min", (operands) => chosen("LEAST", operands)],
  ["max", (operands) => chosen("GREATEST", operands)],
  ["date", ([x]) => dateCast(x, "date")],
  ["datetime", ([x]) => dateCast(x, "timestamp")],
  ["strftime", strftime],
  ["julianday", ([x]) => {
    // It is of double precision, as differences of two show, and its days begin at noon.
    const { sql } = asDate(x);
    return value(`CAST(EXTRACT(JULIAN FROM ${sql}) - 0.5 AS double precision)`, {
      kind: "real",
      storage: "double",
      nullable: x.nullable,
    });
  }],
]);

/** How many operands they take. */
export const ARITY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  abs: [1, 1],
  length: [1, 1],
  lower: [1, 1],
  upper: [1, 1],
  trim: [1, 2],
  ltrim: [1, 2],
  rtrim: [1, 2],
  replace: [3, 3],
  instr: [2, 2],
  substr: [2, 3],
  substring: [2, 3],
  round: [1, 2],
  ifnull: [2, 2],
  nullif: [2, 2],
  date: [1, 1],
  datetime: [1, 1],
  strftime: [2, 2],
  julianday: [1, 1],
};

function sqls(values: readonly Value[]): string {
  return values.map(({ sql }) => sql).join(", ");
}

function text(name: string, operands: readonly Value[]): Value {
  const texts = operands.map((one) => asText(known(one, name), `${name.toLowerCase()}()`));
  return value(`${name}(${sqls(texts)})`, {
    kind: "text",
    nullable: operands.some(({ nullable }) => nullable),
  });
}

function chosen(name: string, operands: readonly Value[]): Value {
  const { values, like } = unified(operands, `${name.toLowerCase()}()`);
  // SQLite's min(a, b) and max(a, b) are NULL if one is, PostgreSQL's ignore it.
  if (name !== "COALESCE" && like.nullable) {
    throw new Refusal("function", "min() or max() of several values, one of which may be NULL");
  }
  const nullable = values.every((one) => one.nullable);
  return value(`${name}(${sqls(values)})`, { ...like, nullable });
}

function substring([x, start, length]: readonly Value[], trees: readonly Expression[]): Value {
  const whole = asText(known(x, "substr()"), "substr()");
  const from = Number(start.literal);
  const result = { kind: "text", nullable: x.nullable } as const;
  if (Number.isInteger(from) && from < 0 && !length) {
    return value(`RIGHT(${whole.sql}, ${-from})`, result);
  }
  // Elsewhere positions before the first, and lengths below 0, mean other things.
  const counts = !length ||
    (Number.isInteger(Number(length.literal)) && Number(length.literal) >= 0);
  if (!counts || !(from > 0 || isAfterMatch(trees[1]))) {
    throw new Refusal("function", "substr() with a start or length that may be below 1");
  }
  return value(`SUBSTR(${sqls(length ? [whole, start, length] : [whole, start])})`, {
    ...result,
    nullable: x.nullable || start.nullable,
  });
}

// `instr(…) + 1`
function isAfterMatch(tree: Expression): boolean {
  return tree.kind === "binary" && tree.operator === "+" && tree.left.kind === "call" &&
    tree.left.name === "instr" && tree.right.kind === "number" &&
    /^[1-9]\d{0,5}$/.test(tree.right.text);
}

function round([x, digits]: readonly Value[]): Value {
  const number = asNumber(x, "round()");
  if (digits && !/^\d{1,2}$/.test(digits.literal ?? "")) {
    throw new Refusal("function", "round() to a number of digits that is no constant");
  }
  // PostgreSQL rounds double precision half to even, and never to digits.
  const exact = number.storage === "numeric" ? number : cast(number, "numeric", {});
  return value(`ROUND(${sqls(digits ? [exact, digits] : [exact])})`, {
    kind: "real",
    nullable: x.nullable,
  });
}

/** Codes of `strftime()` whose texts `to_char()` gives as well. */
const DATE_CODES: Readonly<Record<string, string>> = {
  "%Y": "YYYY",
  "%m": "MM",
  "%d": "DD",
  "%H": "HH24",
  "%M": "MI",
  "%S": "SS",
  "%j": "DDD",
};

function strftime([format, x]: readonly Value[]): Value {
  const date = asDate(x);
  const pieces = format.literal?.match(/%[A-Za-z]|[^%A-Za-z"\\]+/g);
  if (!pieces || pieces.join("") !== format.literal) {
    throw new Refusal("dates", `strftime() with the format ${format.sql}`);
  }
  const codes = pieces.map((piece) => piece.startsWith("%") ? DATE_CODES[piece] : piece);
  if (codes.includes(undefined as unknown as string)) {
    throw new Refusal("dates", `strftime() with the format ${format.sql}`);
  }
  return value(`TO_CHAR(${date.sql}, '${codes.join("").replaceAll("'", "''")}')`, {
    kind: "text",
    nullable: x.nullable,
    ...(pieces.length === 1 && pieces[0] in DATE_CODES ? { digits: "integer" as const } : {}),
  });
}

function dateCast(x: Value, kind: "date" | "timestamp"): Value {
  const date = asDate(x);
  if (date.kind === kind) return { ...date, affinity: "none", column: undefined };
  return cast(date, kind, { kind, affinity: "none" });
}

function asDate(x: Value): Value {
  if (x.kind === "date" || x.kind === "timestamp") return x;
  if (x.dates) return cast(x, x.dates, { kind: x.dates });
  throw new Refusal("dates", `a date function of ${x.sql}, which is not known to hold dates`);
}

/** `a || b` */
export function concatenation(a: Value, b: Value): Value {
  const [x, y] = [a, b].map((one) => asText(known(one, "||"), "||"));
  return value(`${operand(x, LEVEL.other - 1)} || ${operand(y, LEVEL.other)}`, {
    kind: "text",
    level: LEVEL.other,
    nullable: a.nullable || b.nullable,
  });
}

/** Whether a value can be ordered alike on both sides. */
export function isOrdered(x: Value): boolean {
  return isNumber(x) || isText(x) || x.kind === "boolean" || x.kind === "null";
}
