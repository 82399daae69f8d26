import { join, relative } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { readRecords } from "../../src/data/record.ts";
import { resolveTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { prepareSmoke, SMOKE_DEFAULTS } from "../../src/train/smoke.ts";
import { tempFolder } from "./support.ts";

function configOf(options: Partial<TrainConfig>): TrainConfig {
  return resolveTrainConfig([
    { source: "defaults", values: SMOKE_DEFAULTS },
    { source: "flags", values: { smoke: true, ...options } },
  ]);
}

async function filesUnder(folder: string): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  const visit = async (path: string) => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      const inner = join(path, name);
      if (isDirectory) await visit(inner);
      else found[relative(folder, inner)] = await Deno.readFile(inner);
    }
  };
  await visit(folder);
  return found;
}

Deno.test("the same seed writes the same bytes, in whatever folder; another seed others", async () => {
  using folder = tempFolder();
  await prepareSmoke(configOf({ output_dir: folder("a"), seed: 5 }));
  await prepareSmoke(configOf({ output_dir: folder("b/c"), seed: 5 }));
  await prepareSmoke(configOf({ output_dir: folder("d"), seed: 6 }));
  const first = await filesUnder(folder("a"));
  assertEquals(Object.keys(first).sort(), [
    "base/config.json",
    "base/model.safetensors",
    "base/tokenizer.json",
    "base/tokenizer_config.json",
    "data/train.jsonl",
    "data/val.jsonl",
  ]);
  assertEquals(await filesUnder(folder("b/c")), first);
  const other = await filesUnder(folder("d"));
  for (const name of ["base/model.safetensors", "data/train.jsonl", "data/val.jsonl"]) {
    assert(other[name].join() !== first[name].join(), name);
  }
});

Deno.test("the resolved config names the files, and those that are given stay", async () => {
  using folder = tempFolder();
  const output_dir = folder("run");
  const config = await prepareSmoke(configOf({ output_dir }));
  assertEquals(config.base_model, join(output_dir, "base"));
  const train = await readRecords(config.train_path!);
  const val = await readRecords(config.val_path!);
  assertEquals([train.length, val.length], [256, 32]);
  const questions = new Set(train.map(({ input }) => input));
  assert(
    val.every(({ input }) => !questions.has(input)),
    "a validation row is in the training set",
  );

  const given = { base_model: "my/base", train_path: "my/train.jsonl", val_path: "my/val.jsonl" };
  const other = configOf({ output_dir: folder("other"), ...given });
  assertEquals(await prepareSmoke(other), other);
  assertEquals(Object.keys(await filesUnder(folder("other"))), []);
});
