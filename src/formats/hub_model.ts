/**
 * Which files of a model's repository are the model: its weights are often there several times, in
 * formats that are not used here.
 * @module
 */
import { join } from "node:path";
import { DownloadError } from "../errors.ts";
import { INDEX_FILE, shardsOf, WEIGHTS_FILE } from "./checkpoint.ts";
import { isPresent } from "./hub_cache.ts";
import { type HubRepo, nameOf } from "./hub_repo.ts";

const CONFIG = "config.json";
const TOKENIZER = "tokenizer.json";

/** Small files that transformers and this library read where they are there. */
const OPTIONAL = [
  "generation_config.json",
  "tokenizer_config.json",
  "tokenizer.model",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
];

/**
 * The files to fetch first: all but the shards, which only the index names.
 * Throws {@linkcode DownloadError} where something that is needed is not among `files`.
 */
export function modelFiles(repo: HubRepo, files: readonly string[]): string[] {
  const has = (name: string) => files.includes(name);
  const weights = [WEIGHTS_FILE, INDEX_FILE].find(has);
  if (weights !== undefined && has(CONFIG) && has(TOKENIZER)) {
    return [CONFIG, TOKENIZER, ...OPTIONAL.filter(has), weights];
  }
  throw new DownloadError(`Cannot use ${nameOf({ repo })}: ${explain(files)}`);
}

function explain(files: readonly string[]): string {
  const find = (pattern: RegExp) => files.find((file) => pattern.test(file));
  if (files.includes("adapter_config.json")) {
    return "it is an adapter; give the name of its base model, and the adapter's folder beside it";
  }
  const missing = [CONFIG, TOKENIZER].find((name) => !files.includes(name));
  const pickled = find(/^pytorch_model.*\.bin$/), gguf = find(/\.gguf$/);
  if (gguf) return `it holds ${gguf}; use the original model in safetensors`;
  if (missing) {
    return `it has no ${missing}; use a repository in the format of transformers that has one`;
  }
  return pickled
    ? `it has only ${pickled}, which may run code when it is opened; use a revision or a repository ` +
      "with safetensors"
    : "it has no weights in safetensors; use a repository that has some";
}

/** The shards that the index in `directory` names; none where the weights are in one file. */
export async function modelShards(
  repo: HubRepo,
  directory: string,
  files: readonly string[],
): Promise<string[]> {
  if (files.includes(WEIGHTS_FILE)) return [];
  const shards = await shardsOf(join(directory, INDEX_FILE));
  const missing = shards.find((name) => !files.includes(name));
  if (missing === undefined) return shards;
  throw new DownloadError(
    `Cannot use ${
      nameOf({ repo })
    }: ${INDEX_FILE} names ${missing}, which is not in the repository; ` +
      "use another revision",
  );
}

/** Whether a folder has all that {@linkcode modelFiles} demands, and every shard. */
export async function isCompleteModel(directory: string): Promise<boolean> {
  const has = (name: string) => isPresent(join(directory, name));
  if (!await has(CONFIG) || !await has(TOKENIZER)) return false;
  if (await has(WEIGHTS_FILE)) return true;
  if (!await has(INDEX_FILE)) return false;
  for (const shard of await shardsOf(join(directory, INDEX_FILE))) {
    if (!await has(shard)) return false;
  }
  return true;
}
