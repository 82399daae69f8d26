/**
 * Converts FROM, and says what its sources are.
 * @module
 */
import { quoteIdentifier } from "../ddl.ts";
import type { Select, Source } from "../select_tree.ts";
import { compare } from "./compare.ts";
import { columnValue, condition } from "./expression.ts";
import { lower, type PostgresTable } from "./schema.ts";
import {
  type BoundColumn,
  type BoundSource,
  type Converted,
  type Scope,
  tableNamed,
} from "./scope.ts";
import { Refusal } from "./value.ts";

/** FROM without its first word. Adds the sources to the scope. Throws a {@linkcode Refusal}. */
export function convertFrom({ sources }: Select, scope: Scope): string {
  // In PostgreSQL, ON does not see what stands before a comma.
  const commas = sources.every(({ join, on }) => join === "," && !on);
  let sql = "";
  for (const [index, source] of sources.entries()) {
    const [text, bound] = bind(source, scope, index);
    const earlier = [...scope.sources];
    if (earlier.some(({ label }) => lower(label) === lower(bound.label))) {
      throw new Refusal("unknown_name", `two tables of FROM are named ${bound.label}`);
    }
    scope.sources.push(bound);
    if (source.join === "left" || source.join === "full") scope.outer.add(bound);
    if (source.join === "right" || source.join === "full") {
      for (const one of earlier) scope.outer.add(one);
    }
    if (index === 0) sql = text;
    else if (commas) sql += `, ${text}`;
    else sql += ` ${joinSql(source, { text, bound, earlier, scope })}`;
  }
  return sql;
}

function bind(
  { from, alias }: Source,
  scope: Scope,
  index: number,
): [sql: string, bound: BoundSource] {
  const suffix = (label: string) => ` AS ${quoteIdentifier(label)}`;
  if (typeof from !== "string") {
    // A query in FROM does not see the others, but what is around this one.
    const around: Scope = { ...scope, sources: [], aliases: new Map() };
    const label = alias ?? `subquery${index + 1}`;
    const inner = scope.statement.convert(from, around);
    return [`(${inner.sql})${suffix(label)}`, bindConverted(inner, label)];
  }
  const { table, common } = tableNamed(from, scope);
  const label = alias ?? table?.name ?? from;
  const sql = quoteIdentifier(table?.name ?? from) + (alias === undefined ? "" : suffix(alias));
  return [sql, table ? bindTable(table, label) : bindConverted(common!, label)];
}

function bindTable(table: PostgresTable, label: string): BoundSource {
  const keys = table.primaryKey.map(lower);
  const columns = table.columns.map(({ type, ...column }): BoundColumn => ({
    ...column,
    label,
    notNull: column.notNull || keys.includes(lower(column.name)),
    storage: type === "double precision" ? "double" : undefined,
  }));
  const primaryKey = columns.filter(({ name }) => keys.includes(lower(name)));
  return { label, columns, primaryKey, isTable: true };
}

function bindConverted({ columns }: Converted, label: string): BoundSource {
  const named = columns.flatMap(({ name, value }): BoundColumn[] => {
    if (name === undefined) return [];
    const { affinity, digits, dates, nullable, storage } = value;
    const kind = value.kind === "null" || value.kind === "boolean" ? "mixed" : value.kind;
    return [{ name, label, kind, affinity, digits, dates, storage, notNull: !nullable }];
  });
  return { label, columns: named, primaryKey: [], isTable: false };
}

function joinSql(
  { join, natural, on, using }: Source,
  { text, bound, earlier, scope }: {
    text: string;
    bound: BoundSource;
    earlier: readonly BoundSource[];
    scope: Scope;
  },
): string {
  const outer = join === "left" || join === "right" || join === "full";
  const word = outer ? `${join.toUpperCase()} JOIN` : "JOIN";
  if (natural || using) {
    const names = using ?? common(bound, earlier);
    if (join === "right" || join === "full" || names.length === 0) {
      throw new Refusal("unsupported", "a NATURAL or USING join of this kind");
    }
    for (const name of names) checkMerged(name, { bound, earlier, scope });
    return `${word} ${text} USING (${names.map(quoteIdentifier).join(", ")})`;
  }
  if (on) return `${word} ${text} ON ${condition(on, scope).sql}`;
  if (outer) return `${word} ${text} ON TRUE`;
  return `CROSS JOIN ${text}`;
}

function common(bound: BoundSource, earlier: readonly BoundSource[]): string[] {
  const names = new Set(earlier.flatMap(({ columns }) => columns.map(({ name }) => lower(name))));
  return bound.columns.map(({ name }) => name).filter((name) => names.has(lower(name)));
}

function checkMerged(
  name: string,
  { bound, earlier, scope }: {
    bound: BoundSource;
    earlier: readonly BoundSource[];
    scope: Scope;
  },
): void {
  const find = (sources: readonly BoundSource[]) =>
    sources.flatMap(({ columns }) => columns.filter((one) => lower(one.name) === lower(name)));
  const [left, right] = [find(earlier), find([bound])];
  if (right.length !== 1 || (left.length !== 1 && !scope.merged.has(lower(name)))) {
    throw new Refusal("unknown_name", `${name} of USING is not one column on each side`);
  }
  const values = [left[0], right[0]].map((one) =>
    columnValue(one, { qualified: true, outer: true })
  );
  const plain = `${values[0].sql} = ${values[1].sql}`;
  if (compare(values[0], "=", values[1]).sql !== plain) {
    throw new Refusal("types", `USING (${name}) joins columns of two types`);
  }
  scope.merged.add(lower(name));
}
