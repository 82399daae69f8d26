/**
 * What Spider's evaluator knows of a database: its names, and which columns are joined by keys.
 * @module
 */
import { FormatError } from "../../errors.ts";
import type { DatabaseSchema, TablesJsonEntry } from "../../sql/schema.ts";

/** The names of a database in lower case. */
export interface SpiderSchema {
  /** The columns of each table. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  /** Everything that a query can name: `table`, `table.column` and `*`. */
  readonly names: ReadonlySet<string>;
}

/** The names of `schema`. The evaluator takes them from the database, not from `tables.json`. */
export function spiderSchema(schema: Pick<DatabaseSchema, "tables">): SpiderSchema {
  const tables = new Map(schema.tables.map(({ name, columns }) => [
    name.toLowerCase(),
    new Set(columns.map((column) => column.name.toLowerCase())),
  ]));
  const names = new Set(["*"]);
  for (const [table, columns] of tables) {
    names.add(table);
    for (const column of columns) names.add(`${table}.${column}`);
  }
  return { tables, names };
}

/**
 * Maps each column (`table.column`) that a foreign key joins to others to the first of them, in the
 * order of `tables.json`, so that the same key under different names compares equal. Throws {@linkcode FormatError} where an index points nowhere.
 */
export function foreignKeyMap(entry: TablesJsonEntry): ReadonlyMap<string, string> {
  const nameOf = (index: number) => {
    const [table, column] = entry.column_names_original[index] ?? [];
    const name = entry.table_names_original[table as number];
    if (name === undefined || column === undefined) {
      throw new FormatError(
        `Cannot read the keys of ${entry.db_id}: foreign_keys has the index ${index}, which is no ` +
          "column; take the entry from the data set's tables.json",
      );
    }
    return `${name}.${column}`.toLowerCase();
  };
  const map = new Map<string, string>();
  for (const group of joinedGroups(entry.foreign_keys)) {
    const first = nameOf(Math.min(...group));
    for (const index of [...group].sort((a, b) => a - b)) map.set(nameOf(index), first);
  }
  return map;
}

/**
 * The columns that pairs of them join. A pair is added to the first group that has either column; groups
 * that a later pair would join stay apart, as in the evaluator.
 */
export function joinedGroups<T>(pairs: Iterable<readonly [from: T, to: T]>): readonly Set<T>[] {
  const groups: Set<T>[] = [];
  for (const [from, to] of pairs) {
    const group = groups.find((columns) => columns.has(from) || columns.has(to));
    if (group) group.add(from).add(to);
    else groups.push(new Set([from, to]));
  }
  return groups;
}
