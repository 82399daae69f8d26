/**
 * Notebooks in a folder of their own: they write beside themselves, and what runs them for another
 * purpose than the user's must not touch the user's outputs.
 * @module
 */
import { join, resolve } from "node:path";

/** What notebooks read of the project. */
const FOLDERS = ["src", "kernels", "data"] as const;
const FILES = ["deno.json", "deno.lock"] as const;

/** Makes `to` look like the project `from` with copies of its notebooks and without outputs. */
export async function stageNotebooks(from: string, to: string): Promise<void> {
  for (const name of FOLDERS) {
    // On Windows links to folders need no rights only as junctions; elsewhere the type is ignored.
    await Deno.symlink(resolve(from, name), join(to, name), { type: "junction" });
  }
  for (const name of FILES) await Deno.copyFile(join(from, name), join(to, name));
  await Deno.mkdir(join(to, "notebooks"));
  for await (const { name, isFile } of Deno.readDir(join(from, "notebooks"))) {
    if (isFile) await Deno.copyFile(join(from, "notebooks", name), join(to, "notebooks", name));
  }
}
