/**
 * Writes a model's weights into one safetensors file, or into several with an index, as Hugging Face
 * names them.
 * @module
 */
import { join } from "node:path";
import { writeFileAtomic } from "./atomic.ts";
import { itemBytes, type SafetensorsEntry, writeSafetensors } from "./safetensors.ts";

/** Bytes of a shard at most, as in transformers. */
export const MAX_SHARD_BYTES = 5e9;

/**
 * Writes `model.safetensors`, or `model-00001-of-0000N.safetensors` with `model.safetensors.index.json`
 * where the tensors take more than `maxShardBytes`; tensors of a group stay in one file. Throws as
 * {@linkcode writeSafetensors} does.
 */
export async function writeShards(
  directory: string,
  groups: Iterable<readonly SafetensorsEntry[]>,
  maxShardBytes = MAX_SHARD_BYTES,
): Promise<void> {
  const shards: SafetensorsEntry[][] = [[]];
  let shardBytes = 0, totalBytes = 0;
  for (const group of groups) {
    const bytes = group.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (shardBytes > 0 && shardBytes + bytes > maxShardBytes) {
      shards.push([]);
      shardBytes = 0;
    }
    shards.at(-1)!.push(...group);
    shardBytes += bytes;
    totalBytes += bytes;
  }
  if (shards.length === 1) {
    await writeSafetensors(join(directory, "model.safetensors"), shards[0]);
    return;
  }
  const number = (n: number) => String(n).padStart(5, "0");
  const fileOf = new Map<string, string>();
  for (const [index, entries] of shards.entries()) {
    const file = `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    await writeSafetensors(join(directory, file), entries);
    for (const { name } of entries) fileOf.set(name, file);
  }
  const index = {
    metadata: { total_size: totalBytes },
    weight_map: Object.fromEntries([...fileOf].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const text = JSON.stringify(index, null, 2) + "\n";
  await writeFileAtomic(join(directory, "model.safetensors.index.json"), text);
}

function entryBytes({ dtype, shape }: SafetensorsEntry): number {
  return shape.reduce((product, size) => product * size, itemBytes(dtype));
}
