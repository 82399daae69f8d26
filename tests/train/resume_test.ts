import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigError, FormatError, TrainingError } from "../../src/errors.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import {
  checkpointPath,
  listCheckpoints,
  readCheckpointState,
} from "../../src/train/checkpoint.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import type { TrainEvent } from "../../src/train/events.ts";
import { testDevice } from "../ops/harness.ts";
import {
  adapterOf,
  eventsOf,
  gpuTest,
  poisonAt,
  runTraining,
  tinyConfig,
  trainAndStop,
} from "./support.ts";
import { shortRecords, writeJsonl } from "./tiny.ts";

const OPTIMIZER = "optimizer.safetensors";

/** Everything of a run that does not depend on the clock. */
async function outcome(config: TrainConfig, events: readonly TrainEvent[]) {
  const [{ metrics, path }] = eventsOf(events, "end");
  const weights = config.method === "full" ? "model.safetensors" : "adapter_model.safetensors";
  const last = checkpointPath(config.output_dir, config.max_steps);
  const { state } = await readCheckpointState(last);
  return {
    weights: await Deno.readFile(join(path, weights)),
    optimizer: await Deno.readFile(join(last, OPTIMIZER)),
    train_loss: metrics.train_loss,
    eval_loss: metrics.eval_loss,
    log: metrics.log_history.map(({ tokens_per_second: _, ...entry }) => entry),
    evals: state.evalHistory,
    best: state.best,
  };
}

const WHOLE_AND_PARTS: readonly {
  readonly options: Partial<TrainConfig> & { readonly max_steps: number };
  readonly stops: readonly number[];
}[] = [
  { options: { method: "qlora", max_steps: 8 }, stops: [3, 5] },
  { options: { method: "full", max_steps: 4 }, stops: [3] },
  // So large a rank that the matrices are kept in 8 bits.
  { options: { method: "qlora", optim: "adamw_8bit", lora_r: 256, max_steps: 4 }, stops: [2] },
  { options: { method: "full", optim: "adamw_8bit", max_steps: 4 }, stops: [3] },
];

for (const { options: { max_steps, ...others }, stops } of WHOLE_AND_PARTS) {
  gpuTest(
    `${others.method} ${others.optim ?? "adamw_torch"}: ${max_steps} steps at once equal a run ` +
      `that stops after ${stops.join(" and ")}`,
    async (folder) => {
      const options: Partial<TrainConfig> = {
        ...others,
        max_steps,
        gradient_accumulation_steps: 2,
        logging_steps: 2,
        eval_steps: 3,
        lora_dropout: 0.2,
        neftune_noise_alpha: 5,
        weight_decay: 0.01,
        warmup_steps: 2,
        lr_scheduler_type: "cosine",
      };
      const device = await testDevice();
      const whole = await tinyConfig(folder, options);
      const expected = await outcome(whole, await runTraining(device, whole));
      const parts = { ...whole, output_dir: folder("parts"), resume_from_checkpoint: "latest" };
      for (const stop of stops) await trainAndStop(parts, stop);
      const events = await runTraining(device, parts);
      const [start] = eventsOf(events, "start");
      assertEquals(start.resumedFrom, checkpointPath(parts.output_dir, stops.at(-1)!));
      assertEquals(eventsOf(events, "step")[0].step, stops.at(-1)! + 1);
      assertEquals(await outcome(parts, events), expected);
      using file = await openFile(join(checkpointPath(whole.output_dir, max_steps), OPTIMIZER));
      const kept = [...(await openSafetensors(file)).tensors.values()];
      assertEquals(kept.some(({ dtype }) => dtype === "U8"), others.optim !== undefined);

      // Once more, when all is done: nothing is trained, and the result is written again.
      await Deno.remove(eventsOf(events, "end")[0].path, { recursive: true });
      const again = await runTraining(device, parts);
      assertEquals(eventsOf(again, "step"), []);
      assertEquals(await outcome(parts, again), expected);
    },
  );
}

gpuTest("a run continues from a checkpoint of another folder", async (folder) => {
  const device = await testDevice();
  const whole = await tinyConfig(folder, { max_steps: 4 });
  const expected = await outcome(whole, await runTraining(device, whole));
  const first = { ...whole, output_dir: folder("first") };
  await trainAndStop(first, 2);
  const second = {
    ...whole,
    output_dir: folder("second"),
    resume_from_checkpoint: checkpointPath(first.output_dir, 2),
  };
  assertEquals(await outcome(second, await runTraining(device, second)), expected);
  assertEquals(await listCheckpoints(second.output_dir), [4]);
});

gpuTest(
  "the best and the last good checkpoint are found in the folder the run was resumed from",
  async (folder) => {
    // With a learning rate of 0 the first evaluation stays the best.
    const first = await tinyConfig(folder, {
      max_steps: 9,
      learning_rate: 0,
      eval_steps: 1,
      early_stopping_patience: 3,
    });
    const device = await testDevice();
    await trainAndStop(first, 3);
    const resumed = checkpointPath(first.output_dir, 3);
    const second = { ...first, output_dir: folder("b"), resume_from_checkpoint: resumed };
    const events = await runTraining(device, second);
    const [end] = eventsOf(events, "end");
    assert(end.stoppedEarly);
    assertEquals(end.step, 4);
    const best = checkpointPath(first.output_dir, 1);
    assertEquals(await adapterOf(end.path), await adapterOf(best));

    const third = { ...second, output_dir: folder("c") };
    const poison = { onEvent: poisonAt(3) };
    const error = await assertRejects(() => runTraining(device, third, poison), TrainingError);
    assert(error.message.includes(`the last good checkpoint is ${resumed};`), error.message);
  },
);

gpuTest(
  "a run cut off in the evaluation of its best step still ends with the weights of that step",
  async (folder) => {
    // So high that the eval loss soon rises.
    const options = {
      learning_rate: 0.3,
      eval_steps: 1,
      early_stopping_patience: 2,
      max_steps: 20,
    };
    for (const save_total_limit of [0, 1]) {
      const config = await tinyConfig(folder, { ...options, save_total_limit });
      const device = await testDevice();
      const whole = { ...config, output_dir: folder(`whole-${save_total_limit}`) };
      const [expected] = eventsOf(await runTraining(device, whole), "end");
      assert(expected.stoppedEarly);
      const { state } = await readCheckpointState(
        checkpointPath(whole.output_dir, (await listCheckpoints(whole.output_dir)).at(-1)!),
      );
      const parts = {
        ...config,
        output_dir: folder(`parts-${save_total_limit}`),
        resume_from_checkpoint: "latest",
      };
      await trainAndStop(parts, state.best!.step);
      const [end] = eventsOf(await runTraining(device, parts), "end");
      assertEquals(end.step, expected.step);
      assertEquals(end.metrics.eval_loss, expected.metrics.eval_loss);
      assertEquals(await adapterOf(end.path), await adapterOf(expected.path));
    }
  },
);

gpuTest("resumption with other options or records is refused by name", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 2, val_path: null });
  const device = await testDevice();
  await trainAndStop(config, 1);
  const resumed: TrainConfig = {
    ...config,
    resume_from_checkpoint: "latest",
    lora_r: 2,
    shuffle: false,
    train_path: await writeJsonl(folder("other.jsonl"), shortRecords(12, 1)),
  };
  const error = await assertRejects(() => runTraining(device, resumed), ConfigError);
  assertEquals(error.issues.length, 3, error.message);
  assert(error.issues[0].includes("--lora_r 4, not 2"), error.message);
  assert(error.issues[1].includes("--shuffle true, not false"), error.message);
  assert(error.issues[2].includes("other training records"), error.message);

  const missing = { ...config, resume_from_checkpoint: folder("nowhere") };
  const none = await assertRejects(() => runTraining(device, missing), FormatError);
  assert(none.message.includes(folder("nowhere")), none.message);
});

gpuTest("latest without any checkpoint starts from the beginning and says so", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 1, resume_from_checkpoint: "latest" });
  const events = await runTraining(await testDevice(), config);
  assertEquals(events[0], {
    type: "start",
    step: 0,
    totalSteps: 1,
    resumedFrom: null,
    setAside: null,
  });
});
