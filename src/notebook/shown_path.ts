/**
 * Paths as cells show them.
 * @module
 */
import { isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * `path` as a cell of this notebook would write it, where both are in the project's folder: what is
 * shown is then the same on every machine. All other paths stay as they are.
 */
export function shownPath(path: string, { project = PROJECT, from = Deno.cwd() } = {}): string {
  const isInside = (inner: string) => {
    const way = relative(project, inner);
    return !isAbsolute(way) && way.split(/[\\/]/)[0] !== "..";
  };
  if (!isAbsolute(path) || !isInside(path) || !isInside(from)) return path;
  return relative(from, resolve(path)).replaceAll("\\", "/") || ".";
}
