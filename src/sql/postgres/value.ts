/**
 * A PostgreSQL expression with what is known of the SQLite expression that it stands for.
 * @module
 */
import type { Affinity, Kind } from "./schema.ts";
import type { BoundColumn } from "./scope.ts";

/**
 * Why a query is not converted:
 * - `syntax`: it is no SELECT that is understood;
 * - `unknown_name`: the schema has no such table or column, or more than one;
 * - `bare_column`: with GROUP BY or an aggregate, SQLite takes a column from a row of its choice;
 * - `unordered`: it is ordered by what DISTINCT has removed;
 * - `types`: numbers and texts meet, and what comes of it depends on the values or is nonsense;
 * - `dates`: a date function on what is not known to be dates;
 * - `function`: there is no function that gives the same;
 * - `unsupported`: a construct that is not converted.
 */
export type RefusalKind =
  | "syntax"
  | "unknown_name"
  | "bare_column"
  | "unordered"
  | "types"
  | "dates"
  | "function"
  | "unsupported";

/** Ends a conversion. */
export class Refusal extends Error {
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** How tight the outermost operator of an expression binds in PostgreSQL. */
export const LEVEL = {
  or: 1,
  and: 2,
  not: 3,
  is: 4,
  comparison: 5,
  like: 6,
  other: 7,
  sum: 8,
  product: 9,
  sign: 10,
  atom: 11,
} as const;

/** An expression. */
export interface Value {
  readonly sql: string;
  /** One of {@linkcode LEVEL}. */
  readonly level: number;
  /** `boolean`: a condition, which in SQLite is 0 or 1. */
  readonly kind: Kind | "boolean" | "null";
  readonly affinity: Affinity;
  readonly nullable: boolean;
  /** The PostgreSQL type of a number. */
  readonly storage?: "integer" | "numeric" | "double";
  /** A constant as SQLite has it, without quotes. */
  readonly literal?: string;
  readonly column?: BoundColumn;
  /** As in {@linkcode PostgresColumn}. */
  readonly digits?: "integer" | "number";
  readonly dates?: "date" | "timestamp";
}

/** A value that is nothing but its text. */
export function value(
  sql: string,
  known: Partial<Omit<Value, "sql">> & Pick<Value, "kind">,
): Value {
  const storage = known.storage ??
    (known.kind === "integer"
      ? "integer" as const
      : known.kind === "real" || known.kind === "numeric"
      ? "numeric" as const
      : undefined);
  return { level: LEVEL.atom, affinity: "none", nullable: true, ...known, storage, sql };
}

/** The text of a value as an operand of an operator that binds at `level`. */
export function operand({ sql, level }: Pick<Value, "sql" | "level">, at: number): string {
  return level > at ? sql : `(${sql})`;
}

export function isNumber({ kind }: Pick<Value, "kind">): boolean {
  return kind === "integer" || kind === "real" || kind === "numeric";
}

/** Throws where changing the case of `x` gives another text in PostgreSQL than in SQLite. */
export function foldable(x: Value, purpose: string): Value {
  // deno-lint-ignore no-control-regex -- the range of ASCII
  const plainAscii = x.literal === undefined || /^[\x00-\x7f]*$/.test(x.literal);
  if (plainAscii && !x.column?.nonAscii) return x;
  throw new Refusal(
    "function",
    `${purpose} of letters beyond ASCII, whose case SQLite leaves alone`,
  );
}

export function isText({ kind }: Pick<Value, "kind">): boolean {
  return kind === "text" || kind === "date" || kind === "timestamp";
}

/** A string as SQL writes it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `CAST(x AS type)` with what is known of `x` where nothing else is given. */
export function cast(x: Value, type: string, known: Partial<Value>): Value {
  const { literal: _literal, column: _column, dates: _dates, ...rest } = x;
  return { ...rest, ...known, sql: `CAST(${x.sql} AS ${type})`, level: LEVEL.atom };
}

/** A condition as the 0 or 1 that it is in SQLite; other values as they are. */
export function plain(x: Value): Value {
  return x.kind === "boolean" ? cast(x, "integer", { kind: "integer", storage: "integer" }) : x;
}

/** A value as the text that SQLite makes of it. Throws a {@linkcode Refusal} for reals. */
export function asText(x: Value, purpose: string): Value {
  if (x.kind === "text" || x.kind === "null") return x;
  if (x.kind === "date" || x.kind === "timestamp") return cast(x, "text", { kind: "text" });
  if (x.literal !== undefined && /^(0|-?[1-9]\d*)$/.test(x.literal)) {
    return value(quote(x.literal), { kind: "text", literal: x.literal, nullable: false });
  }
  if (x.kind === "integer" || x.kind === "boolean") {
    return cast(plain(x), "text", { kind: "text", storage: undefined, digits: "integer" });
  }
  throw new Refusal("types", `${purpose} of ${x.sql}, whose text differs in PostgreSQL`);
}

/** Throws a {@linkcode Refusal} if nothing can be said of a value but that it is there. */
export function known(x: Value, purpose: string): Value {
  if (x.kind !== "mixed" && x.kind !== "blob" && x.kind !== "caseless") return x;
  throw new Refusal("types", `${purpose} of ${x.sql}, which holds ${x.kind} values`);
}

/** What is known of one of several values: all numbers or all texts. */
export function unified(values: readonly Value[], purpose: string): {
  readonly values: readonly Value[];
  readonly like: Pick<Value, "kind" | "storage" | "nullable">;
} {
  const all = values.map((one) => known(plain(one), purpose));
  const nullable = all.some((one) => one.nullable);
  const present = all.filter(({ kind }) => kind !== "null");
  const kinds = [...new Set(present.map(({ kind }) => kind))];
  if (present.every(isText)) {
    if (
      kinds.length <= 1 &&
      present.every(({ kind, literal }) => kind === "text" || literal === undefined)
    ) {
      return { values: all, like: { kind: kinds[0] ?? "null", nullable } };
    }
    return { values: all.map((one) => asText(one, purpose)), like: { kind: "text", nullable } };
  }
  if (!present.every(isNumber)) throw new Refusal("types", `${purpose} mixes numbers and texts`);
  const storage =
    (["double", "numeric"] as const).find((type) => present.some((one) => one.storage === type)) ??
      "integer";
  return {
    values: all,
    like: { kind: kinds.length === 1 ? kinds[0] : "numeric", storage, nullable },
  };
}
