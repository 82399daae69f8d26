/**
 * Where a generated SQL statement ends.
 * @module
 */

/**
 * The index just after the first `;` that ends a statement, or -1 where there is none yet. One inside
 * a string, a quoted name or a comment does not count.
 */
export function sqlEnd(text: string): number {
  // Quotes are doubled inside quotes, which reads like two quoted parts side by side.
  const parts =
    /'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*.*?(?:\*\/|$)|;/gs;
  for (const { 0: part, index } of text.matchAll(parts)) if (part === ";") return index + 1;
  return -1;
}
