import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SMOKE_DEFAULTS } from "../../src/train/smoke.ts";
import { tempFolder } from "../train/support.ts";
import { parseEvents, runCli } from "./support.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("train --smoke needs no files: it trains, saves everything, and its adapter answers", async () => {
  using folder = tempFolder();
  const output_dir = folder("smoke");
  const options = {
    output_dir,
    max_steps: 4,
    warmup_steps: 1,
    per_device_train_batch_size: 4,
    max_val_samples: 2,
  };
  const { code, stdout, stderr } = await runCli("train", options, "--smoke", "--json");
  assertEquals([code, stderr], [0, ""]);
  const events = parseEvents(stdout);
  assertEquals(events.filter(({ type }) => type === "sample").length, 2);
  const accuracies = events.filter(({ type }) => type === "accuracy");
  assertEquals(accuracies.map(({ model, total }) => [model, total]), [["base", 2], ["tuned", 2]]);
  for (const { model } of accuracies) {
    const report = await readJson(join(output_dir, "eval", String(model), "report.json"));
    assertEquals([report.benchmark, report.count], ["demo", 2]);
  }

  assertEquals(namesIn(output_dir), [
    "adapters",
    "checkpoints",
    "data",
    "eval",
    "metrics.json",
    "run_meta.json",
  ]);
  assertEquals(namesIn(join(output_dir, "adapters")), [
    "adapter_config.json",
    "adapter_model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  assertEquals(namesIn(join(output_dir, "checkpoints")), ["step-4"]);
  assertEquals(namesIn(join(output_dir, "checkpoints", "step-4")), [
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.safetensors",
    "trainer_state.json",
  ]);

  const meta = await readJson(join(output_dir, "run_meta.json"));
  assertEquals([meta.mode, meta.config.method, meta.total_steps], ["smoke", "qlora", 4]);
  assertEquals([meta.data.train_records, meta.data.val_records], [16, 2]);
  const metrics = await readJson(join(output_dir, "metrics.json"));
  const losses: number[] = metrics.log_history.map(({ loss }: { loss: number }) => loss);
  assertEquals(losses.length, 4);
  assert([...losses, metrics.train_loss, metrics.eval_loss].every(Number.isFinite));
  assert(losses[3] < losses[0] - 0.05, `the loss does not fall: ${losses.join(", ")}`);

  const answer = await runCli("infer", {
    adapter_path: join(output_dir, "adapters"),
    prompt: "SELECT",
    max_new_tokens: 3,
  }, "--json");
  assertEquals([answer.code, answer.stderr], [0, ""]);
  assertEquals(JSON.parse(answer.stdout).ids.length, 3);
});

Deno.test("train --smoke --dry_run plans the run that --smoke would do", async () => {
  using folder = tempFolder();
  const output_dir = folder("smoke");
  const { code, stdout, stderr } = await runCli("train", { output_dir }, "--smoke", "--dry_run");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /3200 training and 32 validation examples/);
  assertEquals(namesIn(output_dir), ["data", "metrics.json", "run_meta.json"]);
  const meta = await readJson(join(output_dir, "run_meta.json"));
  assertEquals([meta.mode, meta.total_steps], ["dry_run", SMOKE_DEFAULTS.max_steps]);
  assertEquals((await readJson(join(output_dir, "metrics.json"))).train_loss, null);
});
