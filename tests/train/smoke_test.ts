import { join, relative } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { readRecords } from "../../src/data/record.ts";
import { resolveTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { prepareSmoke, SMOKE_DEFAULTS } from "../../src/train/smoke.ts";
import { tempFolder } from "./support.ts";

const ROWS_A_STEP = SMOKE_DEFAULTS.per_device_train_batch_size;

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
    "data/train.jsonl",
    "data/val.jsonl",
  ]);
  assertEquals(await filesUnder(folder("b/c")), first);
  const other = await filesUnder(folder("d"));
  for (const name of ["data/train.jsonl", "data/val.jsonl"]) {
    assert(other[name].join() !== first[name].join(), name);
  }
});

Deno.test("the resolved config names the files, and those that are given stay", async () => {
  using folder = tempFolder();
  const output_dir = folder("run");
  const { config, questions } = await prepareSmoke(configOf({ output_dir, max_steps: 20 }));
  assertEquals(await Deno.realPath(config.base_model!), await Deno.realPath("data/base"));
  const train = await readRecords(config.train_path!);
  const val = await readRecords(config.val_path!);
  assertEquals([train.length, val.length, questions.length], [20 * ROWS_A_STEP, 32, 60]);
  const asked = [train, val, questions].map((records) =>
    new Set(records.map(({ input }) => input.slice(input.lastIndexOf("\n") + 1)))
  );
  for (const [i, j] of [[0, 1], [0, 2], [1, 2]]) {
    assertEquals(asked[i].intersection(asked[j]).size, 0, `${i} and ${j} share a question`);
  }

  const given = { base_model: "my/base", train_path: "my/train.jsonl", val_path: "my/val.jsonl" };
  const other = configOf({ output_dir: folder("other"), ...given });
  assertEquals((await prepareSmoke(other)).config, other);
  assertEquals(await Deno.stat(folder("other")).catch(() => null), null, "files were written");
});

Deno.test("there are as many rows and questions as the run has use for", async () => {
  using folder = tempFolder();
  const counts = async (options: Partial<TrainConfig>) => {
    const { config, questions } = await prepareSmoke(
      configOf({ output_dir: folder("run"), ...options }),
    );
    return [(await readRecords(config.train_path!)).length, questions.length];
  };
  assertEquals(await counts({ max_steps: 3, gradient_accumulation_steps: 2 }), [
    6 * ROWS_A_STEP,
    60,
  ]);
  assertEquals(await counts({ max_train_samples: 10, max_val_samples: 4 }), [10, 4]);
});
