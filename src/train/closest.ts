/**
 * The known option nearest to a name that nobody knows.
 * @module
 */
import { levenshteinDistance } from "../std/text.ts";
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
      const distance = levenshteinDistance(name.toLowerCase(), candidate);
      if (distance >= best.distance) continue;
      const near = distance < candidate.length && distance <= Math.max(1, name.length / 3);
      best = { option: option.name, near, distance };
    }
  }
  return { option: best.option, near: best.near };
}
