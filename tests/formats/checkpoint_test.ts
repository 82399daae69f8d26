import { assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { sharedTest } from "../shared.ts";
import { f32Bytes, temporaryFolder } from "./support.ts";

const tensor = (name: string, ...values: number[]) => ({
  name,
  dtype: "F32" as const,
  shape: [values.length],
  bytes: f32Bytes(...values),
});

const FIRST = "model-00001-of-00002.safetensors";
const SECOND = "model-00002-of-00002.safetensors";
const weightMap: Record<string, unknown> = { a: FIRST, b: SECOND, c: FIRST };

/** A folder with two shards and the given index. */
async function shardedFolder(index: unknown = { metadata: {}, weight_map: weightMap }) {
  const folder = temporaryFolder();
  await writeSafetensors(folder.join(FIRST), [tensor("a", 1, 2), tensor("c", 3)]);
  await writeSafetensors(folder.join(SECOND), [tensor("b", 4), tensor("unlisted", 5)]);
  Deno.writeTextFileSync(folder.join("model.safetensors.index.json"), JSON.stringify(index));
  return folder;
}

Deno.test("a single file", async () => {
  using folder = temporaryFolder();
  await writeSafetensors(folder.join("model.safetensors"), [tensor("a", 1, 2), tensor("b", 3)]);
  using checkpoint = await openCheckpoint(folder.join());
  const file = folder.join("model.safetensors");
  assertEquals([...checkpoint.tensors.values()], [
    { name: "a", dtype: "F32", shape: [2], file },
    { name: "b", dtype: "F32", shape: [1], file },
  ]);
  assertEquals(checkpoint.byteLength, 12);
  assertEquals(await checkpoint.read("b"), f32Bytes(3));
});

Deno.test("shards: each tensor is read from its file, what the index leaves out is not there", async () => {
  using folder = await shardedFolder();
  using checkpoint = await openCheckpoint(folder.join());
  assertEquals([...checkpoint.tensors.keys()], ["a", "b", "c"]);
  assertEquals(checkpoint.tensors.get("b")?.file, folder.join(SECOND));
  assertEquals(checkpoint.byteLength, 16);
  assertEquals([...await checkpoint.readF32("a")], [1, 2]);
  assertEquals([...await checkpoint.readF32("b")], [4]);
  assertEquals(await Array.fromAsync(checkpoint.chunks("a", 4)), [f32Bytes(1), f32Bytes(2)]);
});

Deno.test("dispose closes every file", async () => {
  using folder = await shardedFolder();
  const checkpoint = await openCheckpoint(folder.join());
  checkpoint[Symbol.dispose]();
  await assertRejects(() => checkpoint.read("a"), Deno.errors.BadResource);
  await assertRejects(() => checkpoint.read("b"), Deno.errors.BadResource);
});

Deno.test("a tensor that is not there is a FormatError", async () => {
  using folder = await shardedFolder();
  using checkpoint = await openCheckpoint(folder.join());
  await assertRejects(() => checkpoint.read("unlisted"), FormatError, "have none of that name");
  await assertRejects(() => checkpoint.readF32("x"), FormatError, 'tensor "x"');
  await assertRejects(
    async () => {
      for await (const _ of checkpoint.chunks("x", 8));
    },
    FormatError,
    'tensor "x"',
  );
});

Deno.test("a missing shard is named", async () => {
  using folder = await shardedFolder();
  Deno.removeSync(folder.join(SECOND));
  const error = await assertRejects(
    () => openCheckpoint(folder.join()),
    FormatError,
    "names this file but it is missing; fetch it",
  );
  assertEquals(error.file, folder.join(SECOND));
});

Deno.test("a truncated shard and a Git-LFS pointer for a shard are told by their file", async () => {
  using folder = await shardedFolder();
  Deno.truncateSync(folder.join(SECOND), 150);
  await assertRejects(() => openCheckpoint(folder.join()), FormatError, `${SECOND}: truncated`);
  Deno.writeTextFileSync(folder.join(SECOND), "version https://git-lfs.github.com/spec/v1\n");
  await assertRejects(() => openCheckpoint(folder.join()), FormatError, "git lfs pull");
});

Deno.test("an index that names a tensor its shard lacks", async () => {
  using folder = await shardedFolder({ weight_map: { ...weightMap, d: SECOND } });
  await assertRejects(() => openCheckpoint(folder.join()), FormatError, `"d" is in ${SECOND}`);
});

Deno.test("malformed indexes", async () => {
  const outside = ["../secret", "/etc/passwd", "a/b", "..\\x", "..", "", 3, null];
  const bad = [{}, [], { weight_map: [] }, ...outside.map((file) => ({ weight_map: { a: file } }))];
  for (const index of bad) {
    using folder = await shardedFolder(index);
    await assertRejects(
      () => openCheckpoint(folder.join()),
      FormatError,
      "weight_map does not map",
    );
  }
  using folder = await shardedFolder();
  Deno.writeTextFileSync(folder.join("model.safetensors.index.json"), '{"weight_map": {');
  await assertRejects(() => openCheckpoint(folder.join()), FormatError, "JSON is not valid");
});

Deno.test("no weights, no folder, and weights in a format that is not read", async () => {
  using folder = temporaryFolder();
  const open = () => openCheckpoint(folder.join());
  await assertRejects(open, FormatError, "there is neither model.safetensors nor");
  Deno.writeTextFileSync(folder.join("pytorch_model-00001-of-00002.bin"), "");
  await assertRejects(open, FormatError, "convert it with Python's safetensors");
  for (const path of [folder.join("nothing"), folder.join("pytorch_model-00001-of-00002.bin")]) {
    await assertRejects(() => openCheckpoint(path), FormatError, "there is no such folder");
  }
});

sharedTest("the trained model's folder", async (path) => {
  using checkpoint = await openCheckpoint(path("golden/stories260k"));
  assertEquals(checkpoint.tensors.get("lm_head.weight")?.shape, [512, 64]);
  assertEquals(checkpoint.tensors.size, 48);
  assertEquals(checkpoint.byteLength, 1_171_200);
});
