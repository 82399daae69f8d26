/**
 * Turns the source that a user names into a path on this machine.
 * @module
 */
import { ConfigError } from "../errors.ts";

/** Brings a data set's repository here and returns its folder. */
export type FetchRepository = (repository: string) => Promise<string>;

const HUB = "hub:";

/**
 * The local path of `source`: a path stays as it is, `hub:OWNER/NAME` is brought here by `fetch`.
 * Throws ConfigError where the name is none or nothing can fetch it, and what `fetch` throws.
 */
export async function resolveSource(
  source: string | null,
  fetch: FetchRepository | null,
): Promise<string | null> {
  if (source === null || !source.startsWith(HUB)) return source;
  const repository = source.slice(HUB.length);
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new ConfigError([
      `Cannot use --source ${source}: it names no repository; write hub:OWNER/NAME`,
    ]);
  }
  if (fetch === null) {
    throw new ConfigError([
      `Cannot use --source ${source}: downloads are not possible here; fetch the repository's ` +
      "files and give their folder",
    ]);
  }
  return await fetch(repository);
}
