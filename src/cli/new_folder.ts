/**
 * Folders that a task is to write and must not replace.
 * @module
 */
import { ConfigError } from "../errors.ts";

/** Throws {@linkcode ConfigError} where `path`, the value of `option`, exists already. */
export async function refuseExisting(option: string, path: string): Promise<void> {
  const found = await Deno.lstat(path).catch(() => null);
  if (!found) return;
  throw new ConfigError([`Cannot write to --${option} ${path}: it exists; give a new folder`]);
}
