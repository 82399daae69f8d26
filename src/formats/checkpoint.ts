/**
 * A model's weights in a folder of the Hugging Face layout: `model.safetensors`, or several files
 * ("shards") and `model.safetensors.index.json`, which says the file of each tensor.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { openFile } from "./byte_source.ts";
import { isJsonObject, parseJson } from "./json.ts";
import { openSafetensors, type Safetensors, type SafetensorsDtype } from "./safetensors.ts";

/** The weights, where they are in one file. */
export const WEIGHTS_FILE = "model.safetensors";
/** Says the file of each tensor, where the weights are in several. */
export const INDEX_FILE = "model.safetensors.index.json";

/** One tensor of a checkpoint. */
export interface CheckpointTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Path of the file that holds it. */
  readonly file: string;
}

/** An open checkpoint; `using` closes its files. */
export interface Checkpoint extends Disposable, Pick<Safetensors, "read" | "readF32" | "chunks"> {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Bytes of all tensors together. */
  readonly byteLength: number;
}

/**
 * Opens the weights in `directory`.
 * Throws {@linkcode FormatError} with what to do where there are none, a shard is missing or
 * malformed, or the index does not agree with the shards.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  const names = await listFiles(directory);
  using stack = new DisposableStack();
  const openShard = async (path: string) => await openSafetensors(stack.use(await openFile(path)));
  const shards = new Map<string, Safetensors>();
  const shardOf = new Map<string, string>();
  if (names.has(WEIGHTS_FILE)) {
    const path = join(directory, WEIGHTS_FILE);
    const shard = await openShard(path);
    shards.set(path, shard);
    for (const name of shard.tensors.keys()) shardOf.set(name, path);
  } else if (names.has(INDEX_FILE)) {
    const indexPath = join(directory, INDEX_FILE);
    for (const [name, shardName] of await readIndex(indexPath)) {
      const path = join(directory, shardName);
      if (!shards.has(path)) {
        if (!names.has(shardName)) throw missingShard(directory, shardName);
        shards.set(path, await openShard(path));
      }
      if (!shards.get(path)!.tensors.has(name)) throw notInShard(indexPath, name, shardName);
      shardOf.set(name, path);
    }
  } else {
    throw noWeights(directory, names);
  }
  return createCheckpoint(shards, shardOf, stack.move(), directory);
}

function createCheckpoint(
  shards: ReadonlyMap<string, Safetensors>,
  shardOf: ReadonlyMap<string, string>,
  files: DisposableStack,
  directory: string,
): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>();
  let byteLength = 0;
  for (const [name, file] of shardOf) {
    const { dtype, shape, begin, end } = shards.get(file)!.tensors.get(name)!;
    tensors.set(name, { name, dtype, shape, file });
    byteLength += end - begin;
  }
  const find = (name: string): Safetensors => {
    const shard = shards.get(shardOf.get(name) ?? "");
    if (shard) return shard;
    throw new FormatError(
      `Cannot read tensor ${JSON.stringify(name)}: the weights in ${directory} have none of that ` +
        "name; check that they belong to this model",
      { file: directory },
    );
  };
  return {
    tensors,
    byteLength,
    read: async (name) => await find(name).read(name),
    readF32: async (name) => await find(name).readF32(name),
    chunks: (name, maxBytes) => find(name).chunks(name, maxBytes),
    [Symbol.dispose]: () => files.dispose(),
  };
}

async function listFiles(directory: string): Promise<Set<string>> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    return new Set(entries.map((entry) => entry.name));
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!missing) throw error;
    throw new FormatError(
      `Cannot open the weights in ${directory}: there is no such folder; check the path`,
      { file: directory },
      { cause: error },
    );
  }
}

/** The files that an index names. Throws {@linkcode FormatError} where it is malformed. */
export async function shardsOf(indexPath: string): Promise<string[]> {
  return [...new Set((await readIndex(indexPath)).map(([, shard]) => shard))];
}

/** The pairs of tensor name and file name in an index. */
async function readIndex(path: string): Promise<[string, string][]> {
  using source = await openFile(path);
  const index = parseJson(new Uint8Array(await source.slice(0)), { file: path });
  const weightMap = isJsonObject(index) ? index.weight_map : undefined;
  if (!isJsonObject(weightMap) || !Object.values(weightMap).every(isPlainFileName)) {
    throw new FormatError(
      `Cannot read ${path}: its weight_map does not map tensor names to files of the same folder; ` +
        "fetch it again",
      { file: path },
    );
  }
  return Object.entries(weightMap) as [string, string][];
}

/** Refuses paths, so that an index cannot name files outside its folder. */
function isPlainFileName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value !== ".." && !/[/\\]/.test(value);
}

function missingShard(directory: string, shardName: string): FormatError {
  const file = join(directory, shardName);
  return new FormatError(
    `Cannot open ${file}: ${INDEX_FILE} names this file but it is missing; fetch it into the folder`,
    { file },
  );
}

function notInShard(indexPath: string, name: string, shardName: string): FormatError {
  return new FormatError(
    `Cannot read ${indexPath}: it says that ${
      JSON.stringify(name)
    } is in ${shardName}, which has ` +
      "no such tensor; fetch the index and the file of one and the same revision",
    { file: indexPath },
  );
}

function noWeights(directory: string, names: ReadonlySet<string>): FormatError {
  const pickled = [...names].filter((name) => /^pytorch_model.*\.bin$/.test(name)).sort();
  const what = pickled.length > 0
    ? `there is only ${pickled[0]}, which may run code when it is opened; ` +
      "convert it with Python's safetensors (`model.save_pretrained(folder)` writes model.safetensors)"
    : `there is neither ${WEIGHTS_FILE} nor ${INDEX_FILE}; ` +
      "give the folder that `save_pretrained` wrote or that was fetched from the Hub";
  return new FormatError(`Cannot open the weights in ${directory}: ${what}`, { file: directory });
}
