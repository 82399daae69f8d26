/**
 * Which columns a name can mean at a place of a query.
 * @module
 */
import type { ColumnName, Expression, Query } from "../select_tree.ts";
import { lower, type PostgresColumn, type PostgresSchema } from "./schema.ts";
import { Refusal, type Value } from "./value.ts";

/** A table or query in FROM. */
export interface BoundSource {
  /** The name by which its columns are qualified, as it is written. */
  readonly label: string;
  readonly columns: readonly BoundColumn[];
  /** Columns that no two rows share. */
  readonly primaryKey: readonly BoundColumn[];
  /** No query. */
  readonly isTable: boolean;
}

/** A column of a source. Two of them are the same column only if they are the same object. */
export interface BoundColumn extends Omit<PostgresColumn, "type"> {
  readonly label: string;
  /** The PostgreSQL type of a number. */
  readonly storage?: Value["storage"];
}

/** A query as a source of values. */
export interface Converted {
  readonly sql: string;
  /** What its columns are, in order, with the names that they have, or undefined. */
  readonly columns: readonly { readonly name?: string; readonly value: Value }[];
}

/** What the conversion of subqueries is asked for. */
export interface SubqueryOptions {
  /** Changes the values of the result. */
  readonly change?: (value: Value, index: number) => Value;
}

/** What is the same in the whole statement. */
export interface Statement {
  readonly schema: PostgresSchema;
  /** How many expressions were converted, and how many are being. */
  readonly work: { steps: number; depth: number };
  readonly convert: (
    query: Query,
    parent: Scope | undefined,
    options?: SubqueryOptions,
  ) => Converted;
}

/** The names of one SELECT. */
export interface Scope {
  readonly statement: Statement;
  readonly parent?: Scope;
  readonly sources: BoundSource[];
  readonly commonTables: ReadonlyMap<string, Converted>;
  /** Columns that USING or NATURAL made one of two. */
  readonly merged: Set<string>;
  /** Sources whose columns may be NULL because of an outer join. */
  readonly outer: Set<BoundSource>;
  /** The aliases of the result, by lower-case name. */
  readonly aliases: ReadonlyMap<string, Expression>;
  /** Columns that were used outside of aggregates. */
  readonly bare: BoundColumn[];
  /** Texts of the expressions of GROUP BY. */
  readonly keys: Set<string>;
  /** Columns of a result of one row that have one value in all rows: an aggregate has to say so. */
  readonly constant: Set<BoundColumn>;
  /** How many aggregates were met, and whether there may be none at the place. */
  readonly aggregates: { count: number; forbidden: boolean };
}

/** What a name means. */
export type Meaning =
  | { readonly kind: "column"; readonly column: BoundColumn; readonly scope: Scope }
  | { readonly kind: "alias"; readonly expression: Expression; readonly scope: Scope }
  | { readonly kind: "string" }
  | { readonly kind: "boolean"; readonly is: boolean };

/**
 * SQLite's order: columns of FROM, aliases, the query around, and at last a string if it is in double
 * quotes. Throws a {@linkcode Refusal} if it is none.
 */
export function resolve(name: ColumnName, scope: Scope): Meaning {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const columns = columnsNamed(name, at);
    if (columns.length === 1) return { kind: "column", column: columns[0], scope: at };
    if (columns.length > 1) throw new Refusal("unknown_name", `${name.name} is in two tables`);
    const alias = name.table === undefined ? at.aliases.get(lower(name.name)) : undefined;
    if (alias) return { kind: "alias", expression: alias, scope: at };
  }
  if (name.doubtful) return { kind: "string" };
  const constant = name.table === undefined && /^(true|false)$/i.exec(name.name);
  if (constant) return { kind: "boolean", is: lower(constant[0]) === "true" };
  if (name.table === undefined && /^current_(date|time|timestamp)$/i.test(name.name)) {
    throw new Refusal("dates", `${name.name} is another one each time`);
  }
  const full = name.table === undefined ? name.name : `${name.table}.${name.name}`;
  throw new Refusal("unknown_name", `there is no column ${full}`);
}

function columnsNamed({ table, name }: ColumnName, scope: Scope): BoundColumn[] {
  const sources = scope.sources.filter(({ label }) =>
    table === undefined || lower(label) === lower(table)
  );
  const found = sources.flatMap(({ columns }) =>
    columns.filter((column) => lower(column.name) === lower(name))
  );
  // PostgreSQL and SQLite take the first of two that USING made one.
  return table === undefined && scope.merged.has(lower(name)) ? found.slice(0, 1) : found;
}

/** The source whose name qualifies a `*`. */
export function sourceNamed(table: string, scope: Scope): BoundSource {
  const found = scope.sources.filter(({ label }) => lower(label) === lower(table));
  if (found.length === 1) return found[0];
  throw new Refusal("unknown_name", `there is no one table ${table} in FROM`);
}

/** The table or WITH query of a name. */
export function tableNamed(name: string, scope: Scope) {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const common = at.commonTables.get(lower(name));
    if (common) return { common };
  }
  const table = scope.statement.schema.tables.find((table) => lower(table.name) === lower(name));
  if (!table) throw new Refusal("unknown_name", `there is no table ${name}`);
  return { table };
}
