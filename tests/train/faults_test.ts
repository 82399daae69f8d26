import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError, TrainingError } from "../../src/errors.ts";
import { checkpointPath, listCheckpoints } from "../../src/train/checkpoint.ts";
import type { TrainEvent } from "../../src/train/events.ts";
import { testDevice } from "../ops/harness.ts";
import {
  adapterOf,
  eventsOf,
  gpuTest,
  poisonAt,
  runTraining,
  tempFolder,
  tinyConfig,
} from "./support.ts";
import { padVocabulary, writeTinyModel } from "./tiny.ts";

gpuTest(
  "a weight that turns NaN stops the run at that step; the last good checkpoint stays",
  async (folder) => {
    const config = await tinyConfig(folder, { max_steps: 9, save_steps: 2, val_path: null });
    const device = await testDevice();
    const seen: TrainEvent[] = [];
    const error = await assertRejects(() =>
      runTraining(device, config, {
        onEvent: (event, run) => {
          seen.push(event);
          poisonAt(3)(event, run);
        },
      }), TrainingError);
    assertEquals(error.step, 4);
    const good = checkpointPath(config.output_dir, 2);
    assert(error.message.startsWith("Cannot continue: at step 4 the loss is NaN"), error.message);
    assert(error.message.includes(`the last good checkpoint is ${good}`), error.message);
    assertEquals(eventsOf(seen, "step").length, 3);
    assertEquals(await listCheckpoints(config.output_dir), [2]);
    // It is good: the run continues from it.
    const rest = await runTraining(device, { ...config, resume_from_checkpoint: "latest" });
    assertEquals(eventsOf(rest, "step").map(({ step }) => step), [3, 4, 5, 6, 7, 8, 9]);
  },
);

gpuTest("a learning rate that is far too high stops with the step's number", async (folder) => {
  const config = await tinyConfig(folder, {
    max_steps: 9,
    learning_rate: 1e30,
    target_modules: "all-linear",
    val_path: null,
  });
  const device = await testDevice();
  const error = await assertRejects(() => runTraining(device, config), TrainingError);
  assertEquals(error.step, 2);
  assert(error.message.includes("no checkpoint was written yet"), error.message);
  assert(error.message.includes("lower --learning_rate"), error.message);
});

gpuTest("weights that are no numbers are never saved, and replace nothing", async (folder) => {
  const device = await testDevice();
  const good = await tinyConfig(folder, { max_steps: 1, val_path: null });
  const [{ path }] = eventsOf(await runTraining(device, good), "end");
  const adapter = await adapterOf(path);
  // The only step is finite; what it makes of the weights is not.
  const diverged = { ...good, learning_rate: 1e39 };
  const error = await assertRejects(() => runTraining(device, diverged), TrainingError);
  assert(error.message.includes("the training has diverged"), error.message);
  assertEquals(await adapterOf(path), adapter);
  assertEquals(await listCheckpoints(good.output_dir), []);
});

gpuTest("an eval loss that is NaN stops the run and keeps its weights", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 4, eval_steps: 2 });
  const device = await testDevice();
  const seen: TrainEvent[] = [];
  const error = await assertRejects(() =>
    runTraining(device, config, {
      onEvent: (event, run) => {
        seen.push(event);
        if (event.type !== "step" || event.step !== 2) return;
        const norm = run.model.weights.get("model.norm.weight")!;
        if (norm.kind === "vector") device.write(norm.tensor, Float32Array.of(NaN));
      },
    }), TrainingError);
  const kept = checkpointPath(config.output_dir, 2);
  assert(error.message.includes("the eval loss after step 2 is NaN"), error.message);
  assert(error.message.includes(kept), error.message);
  assertEquals(await listCheckpoints(config.output_dir), [2]);
  assertEquals(eventsOf(seen, "eval"), []);
  // The checkpoint is good: with the base weights as they are on the disk, the run goes on.
  const rest = await runTraining(device, { ...config, resume_from_checkpoint: "latest" });
  assertEquals(eventsOf(rest, "end")[0].step, 4);
});

gpuTest("a vocabulary that is padded beyond the tokenizer's trains and answers", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 1 });
  const padded = join(folder.path, "padded");
  await padVocabulary(config.base_model!, padded, 1100);
  const device = await testDevice();
  const events = await runTraining(device, { ...config, base_model: padded });
  assertEquals(eventsOf(events, "sample").length, 3);
});

for (const method of ["lora", "full"] as const) {
  gpuTest(`${method}: NaN in a base weight stops at the first step`, async (folder) => {
    const base_model = await writeTinyModel(folder("poisoned"), {
      poison: "model.layers.0.mlp.up_proj.weight",
    });
    const config = await tinyConfig(folder, { base_model, method, max_steps: 2, val_path: null });
    const device = await testDevice();
    const error = await assertRejects(() => runTraining(device, config), TrainingError);
    assertEquals(error.step, 1);
  });
}

gpuTest("qlora: NaN in a base weight is refused while it is quantised", async (folder) => {
  const poison = "model.layers.0.mlp.up_proj.weight";
  const base_model = await writeTinyModel(folder("poisoned"), { poison });
  const config = await tinyConfig(folder, { base_model, max_steps: 2, val_path: null });
  const device = await testDevice();
  const error = await assertRejects(() => runTraining(device, config), FormatError);
  assert(error.message.includes(poison), error.message);
});

gpuTest("NaN in an initial adapter is refused before the first step", async (folder) => {
  const device = await testDevice();
  const config = await tinyConfig(folder, { max_steps: 1, val_path: null });
  await runTraining(device, config);
  const init_adapter = join(config.output_dir, "adapters");
  const file = join(init_adapter, "adapter_model.safetensors");
  const bytes = await Deno.readFile(file);
  bytes.set([0, 0, 0xc0, 0x7f], bytes.length - 4);
  await Deno.writeFile(file, bytes);
  const poisoned = { ...config, init_adapter, output_dir: folder("second") };
  const error = await assertRejects(() => runTraining(device, poisoned), FormatError);
  assertEquals(error.file, file);
  assert(error.message.includes("is NaN"), error.message);
});

/** Runs a command and tells whether it succeeded. */
function succeeds(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const mountTmpfs = (path: string) =>
  succeeds("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path);

const canMount = (() => {
  const path = Deno.makeTempDirSync();
  const mounted = mountTmpfs(path);
  if (mounted) succeeds("umount", path);
  Deno.removeSync(path);
  return mounted;
})();

Deno.test({
  name: "a disk that fills up while a checkpoint is written spoils no earlier one" +
    (canMount ? "" : " (needs root to mount a small disk)"),
  ignore: !canMount,
  fn: async () => {
    using folder = tempFolder();
    const output_dir = folder("disk");
    await Deno.mkdir(output_dir);
    assert(mountTmpfs(output_dir));
    try {
      const config = await tinyConfig(folder, {
        output_dir,
        val_path: null,
        max_steps: 40,
        save_steps: 1,
        save_total_limit: 0,
      });
      const device = await testDevice();
      const before = device.liveBytes;
      const seen: TrainEvent[] = [];
      const error = await assertRejects(
        () => runTraining(device, config, { onEvent: (event) => void seen.push(event) }),
        FormatError,
      );
      assert(error.message.includes("the disk is full"), error.message);
      assertEquals(device.liveBytes, before);
      const saved = eventsOf(seen, "checkpoint").map(({ step }) => step);
      assert(saved.length >= 2, "the disk is too small for this test");
      assertEquals(await listCheckpoints(output_dir), saved);
      const names = Array.from(Deno.readDirSync(join(output_dir, "checkpoints")), (e) => e.name);
      assertEquals(names.length, saved.length, "leftovers take space on the full disk");
      const elsewhere = {
        ...config,
        output_dir: folder("elsewhere"),
        resume_from_checkpoint: checkpointPath(output_dir, saved.at(-1)!),
        max_steps: saved.at(-1)! + 1,
      };
      const rest = await runTraining(device, elsewhere);
      assertEquals(eventsOf(rest, "step").map(({ step }) => step), [saved.at(-1)! + 1]);
    } finally {
      succeeds("umount", output_dir);
    }
  },
});
