/**
 * The part of `@std/text` that this project uses.
 * @module
 */

/** Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein, row by row). */
export function levenshteinDistance(a: string, b: string): number {
  const row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const letter = a.charCodeAt(i - 1);
    let diagonal = row[0];
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const substituted = diagonal + (letter === b.charCodeAt(j - 1) ? 0 : 1);
      diagonal = row[j];
      row[j] = Math.min(diagonal + 1, row[j - 1] + 1, substituted);
    }
  }
  return row[b.length];
}
