/**
 * Divides rows into training, validation and test so that none of the groups (databases or tables)
 * that they are about comes to two sides.
 * @module
 */
import type { Split } from "./example.ts";
import { random } from "./random.ts";

/** Groups of rows, joined where a row belongs to several. */
export interface Groups {
  /** Joins the groups of these names (at least one) and returns a number that stands for them. */
  add(names: readonly string[]): number;
  /** The number of the joined group that `id` is in now; the same for all its members. */
  find(id: number): number;
  /** A name for the joined group that does not depend on the order of the rows. */
  key(id: number): string;
}

/** No groups. */
export function createGroups(): Groups {
  const ids = new Map<string, number>();
  const parents: number[] = [];
  const keys: string[] = []; // of a root, the least name of its members

  function find(id: number): number {
    while (parents[id] !== id) {
      parents[id] = parents[parents[id]];
      id = parents[id];
    }
    return id;
  }

  function idOf(name: string): number {
    const known = ids.get(name);
    if (known !== undefined) return known;
    const id = parents.length;
    ids.set(name, id);
    parents.push(id);
    keys.push(name);
    return id;
  }

  return {
    add([first, ...others]) {
      const id = idOf(first);
      for (const name of others) {
        const [a, b] = [find(id), find(idOf(name))];
        if (a === b) continue;
        parents[b] = a;
        if (keys[b] < keys[a]) keys[a] = keys[b];
      }
      return id;
    },
    find,
    key: (id) => keys[find(id)],
  };
}

/** A row, as far as its split depends on it. */
export interface SplitRow {
  readonly group: number;
  /** The split of the file it is from. */
  readonly split: Split | null;
}

/** How to divide. */
export interface SplitOptions {
  readonly seed: number;
  /** Share of the rows for validation, where no file is for it. */
  readonly valRatio: number;
  /** Share of the rows for testing, where no file is for it. */
  readonly testRatio: number;
}

/**
 * The split of each row; null for a row of a group that another file holds back for evaluation.
 *
 * Files for validation and testing keep their rows, testing first; the others are divided by whole
 * groups, in an order that follows from the seed and the groups' names. A share is met as nearly as
 * whole groups allow, and gets a group where it is above 0 and there are two.
 */
export function assignSplits(
  rows: readonly SplitRow[],
  groups: Groups,
  { seed, valRatio, testRatio }: SplitOptions,
): (Split | null)[] {
  const held = new Map<number, Split>();
  const sizes = new Map<number, number>();
  let free = 0;
  for (const { group, split } of rows) {
    const root = groups.find(group);
    if (split === "test" || (split === "val" && held.get(root) !== "test")) held.set(root, split);
  }
  for (const { group, split } of rows) {
    const root = groups.find(group);
    if (split === "val" || split === "test" || held.has(root)) continue;
    sizes.set(root, (sizes.get(root) ?? 0) + 1);
    free++;
  }
  const has = (wanted: Split) => rows.some(({ split }) => split === wanted);
  const order = [...sizes.keys()].map((root) => {
    const key = groups.key(root);
    return { root, key, rank: random(seed, "split", key).uint32(), size: sizes.get(root)! };
  }).sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
  const chosen = new Map<number, Split>();
  const targets = [
    ["test", has("test") ? 0 : testRatio * free],
    ["val", has("val") ? 0 : valRatio * free],
  ] as const;
  for (const [split, target] of targets) {
    const open = order.filter(({ root }) => !chosen.has(root));
    for (const { root } of pickGroups(open, target)) chosen.set(root, split);
  }
  return rows.map(({ group, split }) => {
    const root = groups.find(group);
    const holder = held.get(root);
    if (holder !== undefined) return split === holder ? split : null;
    return chosen.get(root) ?? "train";
  });
}

/** Groups with about `target` rows together, in their order; one stays where `target` is not all. */
function pickGroups<T extends { readonly size: number }>(
  groups: readonly T[],
  target: number,
): Set<T> {
  const picked = new Set<T>();
  if (target <= 0) return picked;
  let rows = 0;
  for (const group of groups) {
    if (rows + group.size > target) continue;
    picked.add(group);
    rows += group.size;
  }
  const all = groups.reduce((sum, { size }) => sum + size, 0);
  const rest = groups.filter((group) => !picked.has(group)).sort((a, b) => a.size - b.size);
  const [least] = rest;
  // Nothing was small enough, or one more group comes nearer.
  const nearer = least && rows + least.size - target < target - rows;
  if (least && (rest.length > 1 || target >= all) && (rows === 0 || nearer)) picked.add(least);
  return picked;
}
