/**
 * The parts of a SQLite SELECT as plain data.
 * @module
 */

/** A scalar expression. */
export type Expression =
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "null" }
  | ColumnName
  | {
    readonly kind: "unary";
    readonly operator: "-" | "+" | "~" | "not";
    readonly operand: Expression;
  }
  | {
    readonly kind: "binary";
    readonly operator: BinaryOperator;
    readonly left: Expression;
    readonly right: Expression;
  }
  | {
    readonly kind: "like";
    readonly operator: "like" | "glob" | "regexp" | "match";
    readonly not: boolean;
    readonly operand: Expression;
    readonly pattern: Expression;
    readonly escape?: Expression;
  }
  | {
    readonly kind: "between";
    readonly not: boolean;
    readonly operand: Expression;
    readonly low: Expression;
    readonly high: Expression;
  }
  | {
    readonly kind: "in";
    readonly not: boolean;
    readonly operand: Expression;
    readonly among: readonly Expression[] | Query;
  }
  | { readonly kind: "isNull"; readonly not: boolean; readonly operand: Expression }
  | { readonly kind: "exists"; readonly query: Query }
  | { readonly kind: "scalar"; readonly query: Query }
  | {
    readonly kind: "case";
    readonly operand?: Expression;
    readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
    readonly otherwise?: Expression;
  }
  | { readonly kind: "cast"; readonly operand: Expression; readonly type: string }
  | { readonly kind: "collate"; readonly operand: Expression; readonly collation: string }
  | Call;

/** A name that may be a column, or, if it is `doubtful`, a string. */
export interface ColumnName {
  readonly kind: "column";
  readonly table?: string;
  readonly name: string;
  readonly doubtful: boolean;
}

/** A function with its arguments. */
export interface Call {
  readonly kind: "call";
  /** In lower case. */
  readonly name: string;
  readonly distinct: boolean;
  /** `"*"` only as in `count(*)`. */
  readonly operands: readonly Expression[] | "*";
  readonly over?: Window;
}

/** `OVER (PARTITION BY … ORDER BY …)` */
export interface Window {
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderTerm[];
}

export type BinaryOperator =
  | "or"
  | "and"
  | "="
  | "<>"
  | "is"
  | "is not"
  | "<"
  | "<="
  | ">"
  | ">="
  | "&"
  | "|"
  | "<<"
  | ">>"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "||";

/** A term of ORDER BY. */
export interface OrderTerm {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nulls?: "first" | "last";
}

/** `*`, `table.*`, or an expression with its alias. */
export type Item =
  | { readonly kind: "star"; readonly table?: string }
  | { readonly kind: "expression"; readonly expression: Expression; readonly alias?: string };

/** How a source of FROM is joined to those before it. */
export type JoinKind = "," | "inner" | "cross" | "left" | "right" | "full";

/** A table or query of FROM. */
export interface Source {
  readonly from: string | Query;
  readonly alias?: string;
  /** Of the first source: ",". */
  readonly join: JoinKind;
  readonly natural: boolean;
  readonly on?: Expression;
  readonly using?: readonly string[];
}

/** One SELECT without what belongs to a whole compound. */
export interface Select {
  readonly distinct: boolean;
  readonly items: readonly Item[];
  readonly sources: readonly Source[];
  readonly where?: Expression;
  readonly groupBy: readonly Expression[];
  readonly having?: Expression;
}

export type SetOperator = "union" | "union all" | "intersect" | "except";

/** A whole query: SELECTs joined from left to right. */
export interface Query {
  readonly kind: "query";
  readonly with: readonly CommonTable[];
  readonly first: Select;
  readonly rest: readonly { readonly operator: SetOperator; readonly select: Select }[];
  readonly orderBy: readonly OrderTerm[];
  readonly limit?: Expression;
  readonly offset?: Expression;
}

/** `name (columns) AS (query)` of WITH. */
export interface CommonTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly query: Query;
}
