/**
 * The clause structure in which Spider's evaluator compares queries.
 * @module
 */

/** The aggregations that the evaluator knows. It also takes the word `none` for one. */
export const AGGREGATES = ["none", "max", "min", "count", "sum", "avg"] as const;
export type Aggregate = typeof AGGREGATES[number];

/** The arithmetic between two columns. */
export const ARITHMETIC = ["none", "-", "+", "*", "/"] as const;
export type Arithmetic = typeof ARITHMETIC[number];

/** What a condition compares with. */
export const COMPARISONS = [
  "not",
  "between",
  "=",
  ">",
  "<",
  ">=",
  "<=",
  "!=",
  "in",
  "like",
  "is",
  "exists",
] as const;
export type Comparison = typeof COMPARISONS[number];

/** What joins two queries. */
export const SET_OPERATIONS = ["intersect", "union", "except"] as const;
export type SetOperation = typeof SET_OPERATIONS[number];

/** A column, perhaps aggregated. */
export interface ColumnUnit {
  readonly aggregate: Aggregate;
  /** `table.column` in lower case, or `*`. */
  readonly column: string;
  /** Null once the word is left out of the comparison. */
  readonly distinct: boolean | null;
}

/** A column, or two with arithmetic between them. */
export interface ValueUnit {
  readonly operator: Arithmetic;
  readonly left: ColumnUnit;
  readonly right: ColumnUnit | null;
}

/** An entry of the SELECT clause; `max(a - b)` has the aggregate here, `max(a)` too. */
export interface SelectUnit {
  readonly aggregate: Aggregate;
  readonly value: ValueUnit;
}

/** What a column is compared with. */
export type Operand =
  | { readonly kind: "text" | "number"; readonly text: string }
  | { readonly kind: "column"; readonly column: ColumnUnit }
  | { readonly kind: "query"; readonly query: Query };

/** One comparison. */
export interface Condition {
  readonly negated: boolean;
  readonly comparison: Comparison;
  readonly value: ValueUnit;
  /** Null once values are left out of the comparison; nested queries stay. */
  readonly operand: Operand | null;
  /** The second operand of BETWEEN. */
  readonly upper: Operand | null;
}

export type Connector = "and" | "or";

/**
 * Conditions with connectors between them. The evaluator takes what is at an even place for a
 * condition and what is at an odd place for a connector. Where a query has two conditions and nothing
 * between them, the second is therefore taken for a connector, which is why this is one list.
 */
export type Conditions = readonly (Condition | Connector)[];

/** Something in a FROM clause. */
export type TableUnit =
  | { readonly kind: "table"; readonly table: string }
  | { readonly kind: "query"; readonly query: Query };

/** An ORDER BY clause. The evaluator keeps one direction for all its entries: the last that is given. */
export interface OrderBy {
  readonly direction: "asc" | "desc";
  readonly values: readonly ValueUnit[];
}

/** A query. The order of the fields is the same in all, so that equal queries have equal JSON. */
export interface Query {
  readonly select: { readonly distinct: boolean | null; readonly units: readonly SelectUnit[] };
  readonly from: { readonly tables: readonly TableUnit[]; readonly conditions: Conditions };
  readonly where: Conditions;
  readonly groupBy: readonly ColumnUnit[];
  readonly having: Conditions;
  readonly orderBy: OrderBy | null;
  /** Whether there is a LIMIT. The evaluator does not compare its number. */
  readonly limit: boolean;
  readonly intersect: Query | null;
  readonly union: Query | null;
  readonly except: Query | null;
}

/** What stands for a prediction that the evaluator cannot read. */
export const EMPTY_QUERY: Query = {
  select: { distinct: false, units: [] },
  from: { tables: [], conditions: [] },
  where: [],
  groupBy: [],
  having: [],
  orderBy: null,
  limit: false,
  intersect: null,
  union: null,
  except: null,
};

/** What is at the even places of a list of conditions. */
export function conditionsOf(conditions: Conditions): readonly Condition[] {
  return conditions.filter((item, index): item is Condition =>
    index % 2 === 0 && typeof item !== "string"
  );
}

/** What is at the odd places of a list of conditions. */
export function connectorsOf(conditions: Conditions): readonly (Condition | Connector)[] {
  return conditions.filter((_, index) => index % 2 === 1);
}

/** The queries nested in the conditions of `query` and joined to it; those in FROM do not count. */
export function nestedQueries(query: Query): readonly Query[] {
  const operands = [query.from.conditions, query.where, query.having].flatMap(conditionsOf)
    .flatMap(({ operand, upper }) => [operand, upper]);
  const nested = operands.flatMap((operand) => operand?.kind === "query" ? [operand.query] : []);
  const joined = [query.intersect, query.except, query.union];
  return [...nested, ...joined.filter((other) => other !== null)];
}
