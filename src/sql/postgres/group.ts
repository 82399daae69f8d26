/**
 * Which columns have one value in each group, so that GROUP BY may have them as well.
 * @module
 */
import type { Expression, Select } from "../select_tree.ts";
import { type BoundColumn, type BoundSource, resolve, type Scope } from "./scope.ts";
import { isNumber, isText, Refusal } from "./value.ts";

/** `to` has one value where `from` has one. Without `from`: everywhere. */
interface Edge {
  readonly from?: BoundColumn;
  readonly to: BoundColumn;
}

/**
 * What GROUP BY has to name in PostgreSQL besides its own keys, given the columns that stand outside
 * of aggregates. Throws a {@linkcode Refusal} where one of them may differ within a group: SQLite
 * takes it from any row.
 */
export function furtherKeys(
  select: Select,
  scope: Scope,
  keys: readonly BoundColumn[],
): BoundColumn[] {
  const bare = [...new Set(scope.bare)].filter((column) => !keys.includes(column));
  const fixed = closure(keys, edges(select, scope), scope.sources);
  return bare.filter((column) => {
    if (select.groupBy.length === 0 || !fixed.has(column)) {
      throw new Refusal("bare_column", `${column.label}.${column.name} is of any row of its group`);
    }
    // PostgreSQL knows by itself that the key of a table fixes its row.
    const source = scope.sources.find(({ columns }) => columns.includes(column))!;
    return !(source.isTable && isFixed(source, new Set(keys)));
  });
}

/** Columns that have the same value in all rows, if there are any rows. */
export function constants(select: Select, scope: Scope): ReadonlySet<BoundColumn> {
  return closure([], edges(select, scope), scope.sources);
}

function isFixed({ primaryKey }: BoundSource, fixed: ReadonlySet<BoundColumn>): boolean {
  return primaryKey.length > 0 && primaryKey.every((column) => fixed.has(column));
}

function closure(
  keys: readonly BoundColumn[],
  edges: readonly Edge[],
  sources: readonly BoundSource[],
): Set<BoundColumn> {
  const fixed = new Set(keys);
  for (let size = -1; size !== fixed.size;) {
    size = fixed.size;
    for (const { from, to } of edges) if (!from || fixed.has(from)) fixed.add(to);
    for (const source of sources) {
      if (isFixed(source, fixed)) { for (const column of source.columns) fixed.add(column); }
    }
  }
  return fixed;
}

function edges({ where, sources }: Select, scope: Scope): Edge[] {
  // Rows that a RIGHT or FULL JOIN adds keep to no condition of an earlier ON.
  const addsRows = sources.some(({ join }) => join === "right" || join === "full");
  const found = where ? terms(where).flatMap((term) => equality(term, scope)) : [];
  if (addsRows) return found;
  for (const [index, { join, on }] of sources.entries()) {
    const conditions = on ? terms(on) : [];
    if (join !== "left") found.push(...conditions.flatMap((term) => equality(term, scope)));
    // A row of the left side has those of the right that its own column points at, or none.
    else if (conditions.length === 1) {
      const right = scope.sources[index].columns;
      found.push(
        ...equality(conditions[0], scope).filter(({ from, to }) =>
          from && !right.includes(from) && right.includes(to)
        ),
      );
    }
  }
  return found;
}

/** What AND connects. */
function terms(tree: Expression): Expression[] {
  if (tree.kind !== "binary" || tree.operator !== "and") return [tree];
  return [...terms(tree.left), ...terms(tree.right)];
}

function equality(tree: Expression, scope: Scope): Edge[] {
  if (tree.kind !== "binary" || tree.operator !== "=") return [];
  const [a, b] = [meant(tree.left, scope), meant(tree.right, scope)];
  const edge = (from: BoundColumn | "constant" | undefined, to: typeof from): Edge[] => {
    if (typeof to !== "object" || from === undefined) return [];
    if (from === "constant") return [{ to }];
    // Many texts may be equal to one number, such as '1' and '01'.
    const oneText = from.kind === "integer" && to.digits === "integer";
    const sound = isNumber(from)
      ? isNumber(to) || oneText
      : isText(from) && (isText(to) || isNumber(to));
    return sound ? [{ from, to }] : [];
  };
  return [...edge(a, b), ...edge(b, a)];
}

function meant(tree: Expression, scope: Scope): BoundColumn | "constant" | undefined {
  if (tree.kind === "number" || tree.kind === "string") return "constant";
  if (tree.kind !== "column") return undefined;
  const meaning = resolve(tree, scope);
  if (meaning.kind === "string") return "constant";
  return meaning.kind === "column" && meaning.scope.sources === scope.sources
    ? meaning.column
    : undefined;
}
