/**
 * Amounts of memory as people write them.
 * @module
 */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1.5 GiB`; binary units. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1023.95 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/**
 * The bytes of `24GiB`, `800 MiB`, `1.5GB` (decimal) or `2048` (bytes), in any case; null for what is
 * no amount above 0.
 */
export function parseBytes(text: string): number | null {
  const [, digits, prefix, binary] =
    /^(\d+(?:\.\d+)?|\.\d+)\s*(?:([kmgt]?)(i?)b)?$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  const power = "kmgt".indexOf((prefix ?? "").toLowerCase() || " ") + 1;
  const bytes = Math.floor(Number(digits) * (binary ? 1024 : 1000) ** power);
  return bytes > 0 ? bytes : null;
}
