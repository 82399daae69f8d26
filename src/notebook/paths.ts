/**
 * Paths in notebooks. A notebook runs in its own folder, while commands and their examples start from
 * the project's root: what is not found in the first is looked for in the second.
 * @module
 */
import { isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The absolute path of what exists at `path`, seen from the present folder or else from the project's
 * root; `path` itself where there is nothing in either.
 */
export async function existingPath(path: string): Promise<string> {
  for (const candidate of [resolve(path), resolve(ROOT, path)]) {
    if (await Deno.stat(candidate).catch(() => null)) return candidate;
  }
  return path;
}

/** A path as people want to see it: from the project's root, if it is inside. */
export function shownPath(path: string): string {
  const fromRoot = relative(ROOT, resolve(path));
  return fromRoot.startsWith("..") || isAbsolute(fromRoot) ? path : fromRoot;
}
