/**
 * What tells files apart without reading them.
 * @module
 */
import { join } from "node:path";

/** What changes when a file, or a file of a folder, is replaced by another. */
export async function identity(path: string): Promise<unknown> {
  const facts = async (path: string) => {
    const { size, mtime } = await Deno.stat(path);
    return [path, size, mtime?.getTime() ?? null];
  };
  try {
    if (!(await Deno.stat(path)).isDirectory) return await facts(path);
    const names: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (!isDirectory) names.push(name);
    }
    return await Promise.all(names.sort().map((name) => facts(join(path, name))));
  } catch (error) {
    // Whoever reads the file next says what is wrong with it.
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}
