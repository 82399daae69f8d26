/**
 * The settings cell: what stands in for what is not given, where files are looked for, and what is shown.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { ConfigError } from "../../src/errors.ts";
import { configTable } from "../../src/notebook/config_view.ts";
import { notebookSettings } from "../../src/notebook/settings.ts";
import { resolveTrainConfig } from "../../src/train/config.ts";
import { ROOT } from "../cli/support.ts";
import { tempFolder } from "../train/support.ts";
import { textOf, tinySettings } from "./support.ts";

Deno.test("settings: with neither model nor records it is the small model, with its own settings", async () => {
  using folder = tempFolder();
  const { config, modelDirectory } = await notebookSettings({ output_dir: folder("run") });
  assertEquals([config.smoke, config.learning_rate], [true, 3e-3]);
  assertEquals([config.base_model, modelDirectory], Array(2).fill(join(ROOT, "data/base")));
});

Deno.test("settings: a model without records, and the other way, are no small run", async () => {
  await assertRejects(
    () => notebookSettings({ base_model: "data/base" }),
    ConfigError,
    "train_path is missing",
  );
  await assertRejects(
    () => notebookSettings({ train_path: "train.jsonl" }),
    ConfigError,
    "base_model is missing",
  );
});

Deno.test("settings: a base_model with smoke: true is refused, and every other fault told", async () => {
  const error = await assertRejects(
    () => notebookSettings({ smoke: true, base_model: "data/base", lora_r: 0 }),
    ConfigError,
  );
  assertEquals(error.issues.length, 2);
  assertMatch(error.message, /smoke: true with a base_model: .*take out smoke/);
});

Deno.test("settings: a YAML file of options counts, and the cell wins over it", async () => {
  using folder = tempFolder();
  const path = folder("run.yaml");
  await Deno.writeTextFile(path, "lora_r: 8\nmax_steps: 30\n");
  const output_dir = folder("run");
  const { config } = await notebookSettings({ config: path, output_dir, max_steps: 5 });
  assertEquals([config.lora_r, config.max_steps, config.smoke], [8, 5, true]);
  await Deno.writeTextFile(path, "base_model: data/base\ntrain_path: data/base/README.md\n");
  const own = await notebookSettings({ config: path, output_dir });
  assertEquals([own.config.smoke, own.config.learning_rate], [false, 2e-4]);
  await Deno.writeTextFile(path, "base-model: data/base\ntrain-path: x.jsonl\nsmoke: no\n");
  const dashed = await notebookSettings({ config: path, output_dir, base_model: undefined });
  assertEquals([dashed.config.smoke, dashed.config.train_path], [false, "x.jsonl"]);
  await Deno.writeTextFile(path, "smoke: yes\n");
  assertEquals((await notebookSettings({ config: path, output_dir })).config.smoke, true);
  await assertRejects(
    () => notebookSettings({ config: folder("missing.yaml") }),
    ConfigError,
    "missing.yaml",
  );
});

Deno.test("settings: files are found from the notebook's folder, then from the project's", async () => {
  using folder = tempFolder();
  await Deno.mkdir(folder("data"));
  await Deno.writeTextFile(folder("data/own.jsonl"), "{}\n");
  // In a process of its own: the present folder is of all tests together.
  const code = `
    import { notebookSettings } from ${JSON.stringify(join(ROOT, "src/mod.ts"))};
    const { config, modelDirectory } = await notebookSettings({
      base_model: "data/base", train_path: "data/own.jsonl", val_path: "data/nowhere.jsonl",
      output_dir: "out", resume_from_checkpoint: "latest",
    });
    const { base_model, train_path, val_path, resume_from_checkpoint: resume } = config;
    console.log(JSON.stringify({ base_model, modelDirectory, train_path, val_path, resume }));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", `--config=${join(ROOT, "deno.json")}`, code],
    cwd: folder.path,
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    base_model: join(ROOT, "data/base"),
    modelDirectory: join(ROOT, "data/base"),
    train_path: await Deno.realPath(folder("data/own.jsonl")),
    val_path: "data/nowhere.jsonl",
    resume: "latest",
  });
});

Deno.test("the table of the configuration has what is in effect, without a path of the machine", async () => {
  using folder = tempFolder();
  const settings = await tinySettings(folder, { base_model: join(ROOT, "data/base"), lora_r: 8 });
  const text = textOf(configTable(settings));
  assertMatch(text, /^base_model +data\/base +Model folder .* on the Hub\.$/m);
  assertMatch(text, /^lora_r +8 +Rank/m);
  assertMatch(text, /^learning_rate +0\.01 +Peak/m);
  assertMatch(text, /^target_modules +q_proj,down_proj/m);
  assertMatch(text, /2 × 1 = 2 records\.$/);
  const full = { ...settings, config: { ...settings.config, method: "full" as const } };
  assert(!textOf(configTable(full)).includes("lora_"));
});

Deno.test("notebook 01: the options that its settings list have these values by default", async () => {
  const path = join(ROOT, "notebooks/01_finetune_text2sql.ipynb");
  const { cells } = JSON.parse(await Deno.readTextFile(path));
  const source: string = cells.map((cell: { source: string[] }) => cell.source.join(""))
    .find((text: string) => text.includes("await notebookSettings("));
  const own = { base_model: "mistralai/Mistral-7B-v0.1", train_path: "x" };
  const defaults: Record<string, unknown> = {
    ...resolveTrainConfig([{ source: "options", values: own }]),
  };
  const usual = source.slice(source.indexOf("by default"), source.indexOf("WebGPU"));
  const listed = [...usual.matchAll(/^ +\/\/ (\w+): (.+),$/gm)];
  assert(listed.length > 10);
  for (const [, name, value] of listed) assertEquals(JSON.parse(value), defaults[name], name);
});
