/**
 * `--base_model` as a folder: the folder itself, or a model of the Hub in the Hugging Face cache.
 * @module
 */
import { downloadModel } from "../formats/hub.ts";
import { isHubName } from "../formats/hub_repo.ts";
import { fromHub, type FromHubOptions } from "./from_hub.ts";

/**
 * The folder of the model that `name` stands for. What is no folder but can be a name on the Hub is
 * downloaded, with progress on standard error. Throws what `downloadModel` throws; a path that is
 * neither is left for who opens it to explain.
 */
export async function modelFolder(name: string, options: FromHubOptions): Promise<string> {
  const info = await Deno.stat(name).catch(() => null);
  if (info !== null || !isHubName(name)) return name;
  const { directory } = await fromHub(name, options, (hub) => downloadModel(name, hub));
  return directory;
}
