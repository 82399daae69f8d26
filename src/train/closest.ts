/**
 * The known option nearest to a name that nobody knows.
 * @module
 */
import type { Option } from "./options.ts";

/**
 * The option whose name, or whose name in another tool, is the fewest edits away. `near` says whether
 * it is likely what was meant, rather than only the least distant.
 */
export function closestOption(
  name: string,
  options: readonly Pick<Option, "name" | "also">[],
): { option: string; near: boolean } {
  let best = { option: "", near: false, distance: Infinity };
  for (const option of options) {
    for (const candidate of [option.name, ...option.also]) {
      const distance = editDistance(name.toLowerCase(), candidate);
      if (distance >= best.distance) continue;
      const near = distance < candidate.length && distance <= Math.max(1, name.length / 3);
      best = { option: option.name, near, distance };
    }
  }
  return { option: best.option, near: best.near };
}

/** Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein, row by row). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, substituted));
    }
    row = next;
  }
  return row[b.length];
}
