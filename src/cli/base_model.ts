/**
 * Finds the model that the options of a task mean.
 * @module
 */
import { ConfigError } from "../errors.ts";
import { readLoraConfig } from "../model/lora_config.ts";

/**
 * The folder of the base model: `base_model`, or the one that the adapter names.
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
