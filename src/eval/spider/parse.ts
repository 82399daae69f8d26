/**
 * Reads queries as Spider's evaluator does. Its grammar is small (joins without LEFT, no column
 * aliases, no functions beside the five aggregations) and lenient in odd ways, which are kept, because
 * they decide what counts as a match. Source of the rules: `process_sql.py` of
 * https://github.com/taoyds/test-suite-sql-eval.
 * @module
 */
import {
  AGGREGATES,
  type ColumnUnit,
  type Comparison,
  COMPARISONS,
  type Condition,
  type Conditions,
  type Connector,
  type Operand,
  type OrderBy,
  type Query,
  type SelectUnit,
  SET_OPERATIONS,
  type SetOperation,
  type TableUnit,
  type ValueUnit,
} from "./query.ts";
import type { SpiderSchema } from "./schema.ts";
import { tokenize } from "./tokens.ts";
import {
  columnUnit,
  type Context,
  expect,
  fault,
  isNumber,
  isOneOf,
  type Read,
  tableUnit,
  tokenAt,
  valueUnit,
} from "./units.ts";

const CLAUSES = words("select from where group order limit intersect union except");
const JOINS = words("join on as");
const ENDS = words(") ;");
const CONNECTORS = words("and or");
const STOPS = new Set([...CLAUSES, ...ENDS]);
const VALUE_ENDS = new Set([...CLAUSES, ...JOINS, ",", ")", "and"]);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}

/**
 * The structure of `sql` over the names of `schema`; what follows a whole query is ignored.
 * Throws {@linkcode FormatError} where the evaluator cannot read the query.
 */
export function parseQuery(sql: string, schema: SpiderSchema): Query {
  const tokens = tokenize(sql);
  const aliases = new Map<string, string>();
  for (const [index, token] of tokens.entries()) {
    if (token === "as") aliases.set(tokenAt(tokens, index + 1), tokens[index - 1] ?? "");
  }
  for (const table of schema.tables.keys()) {
    if (aliases.has(table)) fault(`the alias ${table} is the name of a table`);
    aliases.set(table, table);
  }
  try {
    return query({ tokens, schema, aliases }, 0)[0];
  } catch (error) {
    if (error instanceof RangeError) fault("it is nested too deeply", error);
    throw error;
  }
}

function query(context: Context, start: number): Read<Query> {
  const { tokens } = context;
  const block = tokenAt(tokens, start) === "(";
  // FROM comes first, because it says in which tables a bare column is looked for.
  const [from, afterFrom] = fromClause(context, start);
  const { tables, conditions, scope } = from;
  const select = selectClause(context, block ? start + 1 : start, scope);
  let next = afterFrom;
  const take = <T>([value, after]: Read<T>): T => {
    next = after;
    return value;
  };
  const where = take(conditionClause(context, next, { word: "where", scope }));
  const groupBy = take(groupClause(context, next, scope));
  const having = take(conditionClause(context, next, { word: "having", scope }));
  const orderBy = take(orderClause(context, next, scope));
  const limit = tokens[next] === "limit";
  if (limit) {
    // The number is read over, whatever it is.
    tokenAt(tokens, next + 1);
    next += 2;
  }
  next = skipSemicolons(tokens, next);
  if (block) next = expect(tokens, next, ")");
  next = skipSemicolons(tokens, next);
  const joined: Record<SetOperation, Query | null> = { intersect: null, union: null, except: null };
  const operation = tokens[next];
  if (isOneOf(SET_OPERATIONS, operation)) joined[operation] = take(query(context, next + 1));
  const { intersect, union, except } = joined;
  return [{
    select,
    from: { tables, conditions },
    where,
    groupBy,
    having,
    orderBy,
    limit,
    intersect,
    union,
    except,
  }, next];
}

function skipSemicolons(tokens: readonly string[], index: number): number {
  while (tokens[index] === ";") index++;
  return index;
}

interface From {
  readonly tables: TableUnit[];
  readonly conditions: (Condition | Connector)[];
  /** The tables in which a bare column is looked for, in this order. */
  readonly scope: string[];
}

function fromClause(context: Context, start: number): Read<From> {
  const { tokens } = context;
  const from: From = { tables: [], conditions: [], scope: [] };
  let next = tokens.indexOf("from", start) + 1;
  if (next === 0) fault("it has no FROM");
  while (next < tokens.length) {
    const block = tokens[next] === "(";
    if (block) next++;
    if (tokenAt(tokens, next) === "select") {
      const [nested, after] = query(context, next);
      from.tables.push({ kind: "query", query: nested });
      next = after;
    } else {
      const [table, after] = tableUnit(context, tokens[next] === "join" ? next + 1 : next);
      from.tables.push({ kind: "table", table });
      from.scope.push(table);
      next = after;
    }
    if (tokens[next] === "on") {
      const [conditions, after] = conditionList(context, next + 1, from.scope);
      if (from.conditions.length > 0) from.conditions.push("and");
      from.conditions.push(...conditions);
      next = after;
    }
    if (block) next = expect(tokens, next, ")");
    if (STOPS.has(tokens[next])) break;
  }
  return [from, next];
}

function selectClause(
  context: Context,
  start: number,
  scope: readonly string[],
): Query["select"] {
  const { tokens } = context;
  let next = expect(tokens, start, "select");
  const distinct = tokens[next] === "distinct";
  if (distinct) next++;
  const units: SelectUnit[] = [];
  while (next < tokens.length && !CLAUSES.has(tokens[next])) {
    const word = tokens[next];
    const aggregate = isOneOf(AGGREGATES, word) ? word : "none";
    const [value, after] = valueUnit(context, word === aggregate ? next + 1 : next, scope);
    units.push({ aggregate, value });
    next = tokens[after] === "," ? after + 1 : after;
  }
  return { distinct, units };
}

function conditionClause(
  context: Context,
  start: number,
  { word, scope }: { word: string; scope: readonly string[] },
): Read<Conditions> {
  return context.tokens[start] === word ? conditionList(context, start + 1, scope) : [[], start];
}

function conditionList(context: Context, start: number, scope: readonly string[]) {
  const { tokens } = context;
  const conditions: (Condition | Connector)[] = [];
  let next = start;
  while (next < tokens.length) {
    const [condition, after] = conditionUnit(context, next, scope);
    conditions.push(condition);
    next = after;
    if (STOPS.has(tokens[next]) || JOINS.has(tokens[next])) break;
    if (CONNECTORS.has(tokens[next])) conditions.push(tokens[next++] as Connector);
  }
  return [conditions, next] as const;
}

function conditionUnit(
  context: Context,
  start: number,
  scope: readonly string[],
): Read<Condition> {
  const { tokens } = context;
  const [value, afterValue] = valueUnit(context, start, scope);
  const negated = tokenAt(tokens, afterValue) === "not";
  const at = negated ? afterValue + 1 : afterValue;
  const comparison = tokenAt(tokens, at);
  if (!isOneOf<Comparison>(COMPARISONS, comparison)) return fault(`${comparison} compares nothing`);
  const [operand, afterOperand] = operandUnit(context, at + 1, scope);
  if (comparison !== "between") {
    return [{ negated, comparison, value, operand, upper: null }, afterOperand];
  }
  const [upper, next] = operandUnit(context, expect(tokens, afterOperand, "and"), scope);
  return [{ negated, comparison, value, operand, upper }, next];
}

function operandUnit(context: Context, start: number, scope: readonly string[]): Read<Operand> {
  const { tokens } = context;
  const block = tokenAt(tokens, start) === "(";
  const at = block ? start + 1 : start;
  const word = tokenAt(tokens, at);
  const close = (operand: Operand, next: number): Read<Operand> => [
    operand,
    block ? expect(tokens, next, ")") : next,
  ];
  if (word === "select") {
    const [nested, next] = query(context, at);
    return close({ kind: "query", query: nested }, next);
  }
  if (word.includes('"')) return close({ kind: "text", text: word }, at + 1);
  if (isNumber(word)) {
    return close({ kind: "number", text: String(Number(word.replaceAll("_", ""))) }, at + 1);
  }
  // A column ends at the next comma, bracket, AND or clause, and what else is before that, such as an
  // OR with its condition, is read over. A bracket before it is never closed inside these bounds.
  let end = at;
  while (end < tokens.length && !VALUE_ENDS.has(tokens[end])) end++;
  const [column] = columnUnit(context, start, { scope, end });
  return close({ kind: "column", column }, end);
}

function groupClause(
  context: Context,
  start: number,
  scope: readonly string[],
): Read<readonly ColumnUnit[]> {
  const { tokens } = context;
  const units: ColumnUnit[] = [];
  if (tokens[start] !== "group") return [units, start];
  let next = expect(tokens, start + 1, "by");
  while (next < tokens.length && !STOPS.has(tokens[next])) {
    const [unit, after] = columnUnit(context, next, { scope });
    units.push(unit);
    if (tokens[after] !== ",") return [units, after];
    next = after + 1;
  }
  return [units, next];
}

function orderClause(
  context: Context,
  start: number,
  scope: readonly string[],
): Read<OrderBy | null> {
  const { tokens } = context;
  if (tokens[start] !== "order") return [null, start];
  const values: ValueUnit[] = [];
  let direction: OrderBy["direction"] = "asc";
  let next = expect(tokens, start + 1, "by");
  while (next < tokens.length && !STOPS.has(tokens[next])) {
    const [value, after] = valueUnit(context, next, scope);
    values.push(value);
    next = after;
    const word = tokens[next];
    if (word === "asc" || word === "desc") {
      direction = word;
      next++;
    }
    if (tokens[next] !== ",") break;
    next++;
  }
  return [{ direction, values }, next];
}
