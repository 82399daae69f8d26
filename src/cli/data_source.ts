/**
 * `--source` as a path: the path itself, or a data set of the Hub in the Hugging Face cache.
 * @module
 */
import { ConfigError } from "../errors.ts";
import { downloadDataset } from "../formats/hub.ts";
import { isHubName } from "../formats/hub_repo.ts";
import { fromHub, type FromHubOptions } from "./from_hub.ts";

const HUB = "hub:";

/** What the readers of data sets look for; a repository has pictures and scripts too. */
const DATA_FILE = /\.(json|jsonl|parquet|arrow|sqlite|db)$/i;

/**
 * The local path of `source`; `hub:OWNER/NAME[@REVISION]` is downloaded, with progress on standard
 * error. Throws ConfigError for a name that can be none, and what `downloadDataset` throws.
 */
export async function sourcePath(
  source: string | null,
  options: FromHubOptions,
): Promise<string | null> {
  if (source === null || !source.startsWith(HUB)) return source;
  const name = source.slice(HUB.length);
  if (!isHubName(name)) {
    throw new ConfigError([
      `Cannot use --source ${source}: it names no repository; write hub:OWNER/NAME`,
    ]);
  }
  const select = (file: string) => DATA_FILE.test(file);
  const { directory } = await fromHub(
    name,
    options,
    (hub) => downloadDataset(name, { ...hub, select }),
  );
  return directory;
}
