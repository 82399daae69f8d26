/**
 * The smallest parts of a query in Spider's grammar: tables, columns, columns with arithmetic.
 * @module
 */
import { FormatError } from "../../errors.ts";
import {
  AGGREGATES,
  ARITHMETIC,
  type Arithmetic,
  type ColumnUnit,
  type ValueUnit,
} from "./query.ts";
import type { SpiderSchema } from "./schema.ts";

/** What all parts of the grammar look at. */
export interface Context {
  readonly tokens: readonly string[];
  readonly schema: SpiderSchema;
  /** Tables and aliases to what they stand for. An alias holds in the whole text. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** Something read, and the index of the token after it. */
export type Read<T> = readonly [value: T, next: number];

export function fault(what: string, cause?: Error): never {
  throw new FormatError(
    `Cannot read the query: ${what}; write it in the part of SQL that Spider uses`,
    {},
    { cause },
  );
}

export function tokenAt(tokens: readonly string[], index: number, end = tokens.length): string {
  return index < end ? tokens[index] : fault("it ends too early");
}

export function expect(
  tokens: readonly string[],
  index: number,
  token: string,
  end?: number,
): number {
  const found = tokenAt(tokens, index, end);
  return found === token ? index + 1 : fault(`${token} is missing before ${found}`);
}

export function isOneOf<T extends string>(
  choices: readonly T[],
  token: string | undefined,
): token is T {
  return (choices as readonly (string | undefined)[]).includes(token);
}

export function tableUnit({ tokens, schema, aliases }: Context, index: number): Read<string> {
  const word = tokenAt(tokens, index);
  const table = aliases.get(word);
  if (table === undefined || !schema.names.has(table)) return fault(`there is no table ${word}`);
  return [table, tokens[index + 1] === "as" ? index + 3 : index + 1];
}

export function valueUnit(
  context: Context,
  start: number,
  scope: readonly string[],
): Read<ValueUnit> {
  const { tokens } = context;
  const block = tokenAt(tokens, start) === "(";
  const [left, afterLeft] = columnUnit(context, block ? start + 1 : start, { scope });
  const word = tokens[afterLeft];
  let next = afterLeft;
  let operator: Arithmetic = "none";
  let right: ColumnUnit | null = null;
  if (isOneOf(ARITHMETIC, word)) {
    operator = word;
    [right, next] = columnUnit(context, afterLeft + 1, { scope });
  }
  if (block) next = expect(tokens, next, ")");
  return [{ operator, left, right }, next];
}

export function columnUnit(
  context: Context,
  start: number,
  { scope, end }: { scope: readonly string[]; end?: number },
): Read<ColumnUnit> {
  const { tokens } = context;
  const block = tokenAt(tokens, start, end) === "(";
  let next = block ? start + 1 : start;
  const word = tokenAt(tokens, next, end);
  const aggregate = isOneOf(AGGREGATES, word) ? word : null;
  if (aggregate !== null) next = expect(tokens, next + 1, "(", end);
  const distinct = tokenAt(tokens, next, end) === "distinct";
  if (distinct) next++;
  const column = columnName(context, tokenAt(tokens, next, end), scope);
  next++;
  // The bracket before an aggregation, `(max(a))`, is read over, and the one after it is not.
  if (aggregate !== null || block) next = expect(tokens, next, ")", end);
  return [{ aggregate: aggregate ?? "none", column, distinct }, next];
}

function columnName(
  { schema, aliases }: Context,
  word: string,
  scope: readonly string[],
): string {
  if (word === "*") return word;
  if (word.includes(".")) {
    const parts = word.split(".");
    const table = aliases.get(parts[0]);
    const name = `${table}.${parts[1]}`;
    if (parts.length === 2 && table !== undefined && schema.names.has(name)) return name;
    return fault(`there is no column ${word}`);
  }
  for (const alias of scope) {
    const table = aliases.get(alias) ?? "";
    const columns = schema.tables.get(table) ?? fault(`${alias} is no table`);
    if (columns.has(word)) return `${table}.${word}`;
  }
  return fault(`there is no column ${word} in ${scope.join(", ") || "no table"}`);
}
/** Whether Python's `float` reads `word`, which has no spaces. */
export function isNumber(word: string): boolean {
  const digits = "\\d+(?:_\\d+)*";
  return new RegExp(
    `^[+-]?(?:(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[+-]?${digits})?|inf(?:inity)?|nan)$`,
    "i",
  ).test(word);
}
