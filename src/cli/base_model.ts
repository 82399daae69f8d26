/**
 * `--base_model` as a folder: the folder itself, or a model of the Hub in the Hugging Face cache.
 * @module
 */
import { ConfigError } from "../errors.ts";
import { downloadModel } from "../formats/hub.ts";
import { isHubName } from "../formats/hub_repo.ts";
import { readLoraConfig } from "../model/lora_config.ts";
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

/**
 * The base model that options mean: `base_model`, or the one that the adapter names.
 *
 * @throws {ConfigError} if there is neither
 */
export async function baseModel(
  { base_model, adapter_path }: {
    readonly base_model: string | null;
    readonly adapter_path: string | null;
  },
): Promise<string> {
  if (base_model !== null) return base_model;
  const { baseModel } = await readLoraConfig(adapter_path!);
  if (baseModel !== null) return baseModel;
  throw new ConfigError([`${adapter_path} does not name its base model; give --base_model`]);
}
