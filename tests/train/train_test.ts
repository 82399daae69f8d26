import { join } from "node:path";
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { loadAdapter } from "../../src/model/adapter.ts";
import { loadModel } from "../../src/model/load.ts";
import {
  checkpointPath,
  listCheckpoints,
  readCheckpointState,
} from "../../src/train/checkpoint.ts";
import { evaluateLoss } from "../../src/train/evaluate_loss.ts";
import type { TrainEvent } from "../../src/train/events.ts";
import { writeRunMeta } from "../../src/train/run_meta.ts";
import { train } from "../../src/train/train.ts";
import { loadOptions } from "../../src/train/trainable.ts";
import { testDevice } from "../ops/harness.ts";
import {
  adapterOf,
  eventsOf,
  gpuTest,
  prepare,
  runTraining,
  tinyConfig,
  trainAndStop,
} from "./support.ts";
import { shortRecords, writeJsonl } from "./tiny.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

gpuTest("events come in order, and every number of them agrees with the files", async (folder) => {
  const config = await tinyConfig(folder, {
    max_steps: 7,
    eval_steps: 2,
    save_steps: 3,
    save_total_limit: 0,
    logging_steps: 3,
    warmup_steps: 2,
  });
  const device = await testDevice();
  const events = await runTraining(device, config, {
    onEvent: async (event, run) => {
      if (event.type !== "start") return;
      await writeRunMeta(run, { mode: "train", device, gitCommit: "abc" });
    },
  });
  const evals = eventsOf(events, "eval");
  const saves = (step: number) =>
    step % 3 === 0 || step === 7 || evals.some((event) => event.best && event.step === step);
  const expected = ["start 0"];
  for (let step = 1; step <= 7; step++) {
    expected.push(`step ${step}`);
    if (step % 3 === 0 || step === 7) expected.push(`log ${step}`);
    if (step % 2 === 0 || step === 7) expected.push(`eval ${step}`);
    if (saves(step)) expected.push(`checkpoint ${step}`);
  }
  expected.push("sample", "sample", "sample", "end 7");
  const name = (event: TrainEvent) => "step" in event ? `${event.type} ${event.step}` : event.type;
  assertEquals(events.map(name), expected);

  const steps = eventsOf(events, "step");
  const [end] = eventsOf(events, "end");
  const metrics = await readJson(join(config.output_dir, "metrics.json"));
  assertEquals(metrics, end.metrics);
  assertEquals(Object.keys(metrics), [
    "train_loss",
    "eval_loss",
    "train_runtime",
    "tokens_per_second",
    "peak_gpu_bytes",
    "planned_gpu_bytes",
    "log_history",
  ]);
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  assertAlmostEquals(metrics.train_loss, mean(steps.map(({ loss }) => loss)), 1e-12);
  assertEquals(metrics.eval_loss, evals.at(-1)!.eval_loss);
  assert(metrics.train_runtime > 0 && metrics.tokens_per_second > 0);
  assert(metrics.peak_gpu_bytes >= Math.max(...steps.map(({ gpuBytes }) => gpuBytes)));
  assertAlmostEquals(metrics.planned_gpu_bytes / metrics.peak_gpu_bytes, 1, 0.05);

  // A log entry is about the steps since the last one.
  const windows = [steps.slice(0, 3), steps.slice(3, 6), steps.slice(6)];
  assertEquals(metrics.log_history.length, 3);
  for (const [i, window] of windows.entries()) {
    const { loss, tokens_per_second, ...rest } = metrics.log_history[i];
    const last = window.at(-1)!;
    assertEquals(rest, {
      step: last.step,
      learning_rate: last.learning_rate,
      grad_norm: last.grad_norm,
      num_target_tokens: window.reduce((sum, step) => sum + step.num_target_tokens, 0),
    });
    assertAlmostEquals(loss, mean(window.map((step) => step.loss)), 1e-12);
    const rates = window.map((step) => step.tokens_per_second);
    assert(tokens_per_second >= Math.min(...rates) && tokens_per_second <= Math.max(...rates));
  }
  assertEquals(Object.keys(metrics.log_history[0]), [
    "step",
    "loss",
    "learning_rate",
    "grad_norm",
    "num_target_tokens",
    "tokens_per_second",
  ]);
  const { log: _, ...logged } = { log: 0, ...eventsOf(events, "log")[2] };
  assertEquals(logged, { type: "log", ...metrics.log_history[2] });
  const rates = steps.map((step) => step.learning_rate);
  const lr = config.learning_rate;
  assertEquals(rates.slice(0, 3), [0, lr / 2, lr]);
  assertAlmostEquals(rates[6], lr / 5, 1e-12);
  assertEquals(steps.map(({ epoch }) => epoch), [1, 2, 3, 4, 5, 6, 7].map((step) => step / 6));

  const meta = await readJson(join(config.output_dir, "run_meta.json"));
  assertEquals(meta.mode, "train");
  assertEquals(meta.base_model, config.base_model);
  assertEquals(meta.data, {
    train_path: config.train_path,
    train_records: 12,
    train_examples: 12,
    val_path: config.val_path,
    val_records: 4,
    val_examples: 4,
    truncated: 0,
    dropped: [],
  });
  assertEquals(meta.config, config);
  assertEquals(meta.total_steps, 7);
  assertEquals(meta.memory_plan.totalBytes, metrics.planned_gpu_bytes);
  assertEquals(meta.adapter.name, device.info.name);
  assertEquals(meta.limits.maxBindingBytes, device.maxBindingBytes);
  assertEquals(meta.versions.deno, Deno.version.deno);
  assertEquals(meta.git_commit, "abc");
  const samples = eventsOf(events, "sample");
  assertEquals(samples.map(({ id }) => id), ["short-100", "short-101", "short-102"]);
  assertEquals(samples[0].expected, shortRecords(1, 100)[0].output);
});

for (const method of ["qlora", "lora", "full"] as const) {
  gpuTest(
    `${method}: the loss falls, and what is saved has the eval loss that was told`,
    async (folder) => {
      const config = await tinyConfig(folder, {
        method,
        max_steps: 12,
        learning_rate: 0.02,
        target_modules: "all-linear",
      });
      const device = await testDevice();
      let evalBatches: Parameters<typeof evaluateLoss>[1] = [];
      const events = await runTraining(device, config, {
        onEvent: (event, run) => {
          if (event.type === "end") evalBatches = run.evalBatches;
        },
      });
      const losses = eventsOf(events, "step").map(({ loss }) => loss);
      const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
      assert(mean(losses.slice(6)) < mean(losses.slice(0, 6)) - 0.1, losses.join());
      const [{ metrics, path }] = eventsOf(events, "end");
      assertEquals(path, join(config.output_dir, method === "full" ? "model" : "adapters"));
      using model = method === "full"
        ? await loadModel(device, path, { quantization: "none" })
        : await loadModel(device, config.base_model!, loadOptions(config));
      using adapter = method === "full" ? null : await loadAdapter(model, path);
      adapter?.attach(model);
      assertEquals(await evaluateLoss(model, evalBatches), metrics.eval_loss);
      const tokenizer = await Deno.readFile(join(path, "tokenizer.json"));
      assertEquals(tokenizer, await Deno.readFile(join(config.base_model!, "tokenizer.json")));
    },
  );
}

gpuTest("early stopping ends the run and saves the best weights, not the last", async (folder) => {
  // What is learned from one record is wrong for the other, and ever more so.
  const question = { instruction: "Count the birds", input: "" };
  const train_path = await writeJsonl(folder("a.jsonl"), [{ ...question, output: "SELECT 1" }]);
  const val_path = await writeJsonl(folder("b.jsonl"), [{ ...question, output: "DROP birds" }]);
  const config = await tinyConfig(folder, {
    train_path,
    val_path,
    max_steps: 40,
    learning_rate: 0.1,
    lr_scheduler_type: "constant",
    eval_steps: 1,
    early_stopping_patience: 2,
    save_total_limit: 1,
  });
  const events = await runTraining(await testDevice(), config);
  const evals = eventsOf(events, "eval");
  const best = evals.findLast((event) => event.best)!;
  const [end] = eventsOf(events, "end");
  assert(end.stoppedEarly);
  assertEquals(end.step, best.step + 2);
  assertEquals(best.eval_loss, Math.min(...evals.map(({ eval_loss }) => eval_loss)));
  assertEquals(end.metrics.eval_loss, best.eval_loss);
  assertEquals(await listCheckpoints(config.output_dir), [best.step, end.step]);
  const saved = await adapterOf(end.path);
  assertEquals(saved, await adapterOf(checkpointPath(config.output_dir, best.step)));
  const last = await adapterOf(checkpointPath(config.output_dir, end.step));
  assert(last.join() !== saved.join());
});

gpuTest(
  "the best checkpoint outlives the limit; without early stopping the last weights are saved",
  async (folder) => {
    // With a learning rate of 0 the first evaluation stays the best.
    const config = await tinyConfig(folder, {
      max_steps: 6,
      learning_rate: 0,
      eval_steps: 2,
      save_steps: 1,
      save_total_limit: 2,
    });
    const kept: string[] = [];
    const events = await runTraining(await testDevice(), config, {
      onEvent: async (event) => {
        if (event.type !== "checkpoint") return;
        kept.push((await listCheckpoints(config.output_dir)).join());
      },
    });
    assertEquals(eventsOf(events, "eval").map(({ best }) => best), [true, false, false]);
    assertEquals(kept, ["1", "1,2", "1,2,3", "2,3,4", "2,4,5", "2,5,6"]);
    assertEquals(eventsOf(events, "end")[0].stoppedEarly, false);
  },
);

gpuTest("an abort ends the run after the present step, with a checkpoint", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 50 });
  const controller = new AbortController();
  const seen: string[] = [];
  const error = await assertRejects(async () => {
    await runTraining(await testDevice(), config, {
      signal: controller.signal,
      onEvent: (event) => {
        seen.push("step" in event ? `${event.type} ${event.step}` : event.type);
        if (event.type === "step" && event.step === 3) controller.abort();
      },
    });
  }, DOMException);
  assertEquals(error.name, "AbortError");
  assertEquals(seen.slice(-3), ["step 3", "log 3", "checkpoint 3"]);
  assertEquals(await listCheckpoints(config.output_dir), [3]);
  assertEquals((await readCheckpointState(checkpointPath(config.output_dir, 3))).state.step, 3);
});

gpuTest(
  "an abort before an evaluation writes the checkpoint too, and the evaluation is made up for",
  async (folder) => {
    const device = await testDevice();
    const options = { max_steps: 4, eval_steps: 2 };
    const whole = await runTraining(device, await tinyConfig(folder, options));
    const output_dir = folder("cut");
    const config = await tinyConfig(folder, { ...options, output_dir });
    await trainAndStop(config, 2);
    assertEquals(await listCheckpoints(output_dir), [2]);
    const rest = await runTraining(device, { ...config, resume_from_checkpoint: "latest" });
    assertEquals(eventsOf(rest, "eval"), eventsOf(whole, "eval"));
  },
);

gpuTest("whoever leaves the loop leaves nothing on the GPU", async (folder) => {
  const config = await tinyConfig(folder, { max_steps: 5, eval_steps: 1, save_steps: 1 });
  const device = await testDevice();
  const before = device.liveBytes;
  for (const last of ["start", "step", "log", "eval", "checkpoint", "sample"] as const) {
    using run = await prepare(device, { ...config, max_steps: 1 });
    for await (const { type } of train(run)) if (type === last) break;
    run[Symbol.dispose]();
    assertEquals(device.liveBytes, before, `after ${last}`);
  }
});

gpuTest("GPU bytes stay constant over 60 steps of varying length", async (folder) => {
  const config = await tinyConfig(folder, {
    val_path: null,
    train_path: await writeJsonl(folder("many.jsonl"), shortRecords(30)),
    max_steps: 60,
    per_device_train_batch_size: 1,
    gradient_accumulation_steps: 2,
    lora_dropout: 0.1,
  });
  const device = await testDevice();
  const before = device.liveBytes;
  const rows = new Set<number>();
  const held: number[] = [];
  const events = await runTraining(device, config, {
    onEvent: (event, run) => {
      if (event.type !== "step") return;
      held.push(device.heldBytes);
      run.batches.batchesOf(event.step - 1).forEach((pass) => rows.add(pass.tokens.length));
    },
  });
  assert(rows.size > 10, "the lengths do not vary");
  const [{ metrics }] = eventsOf(events, "end");
  const live = eventsOf(events, "step").map(({ gpuBytes }) => gpuBytes);
  // The table of positions grows with the longest sequence, until the longest was seen.
  assertEquals(new Set(live.slice(15)).size, 1, live.join());
  assert(Math.max(...held) <= metrics.peak_gpu_bytes, "more is held than was ever used at once");
  assert(metrics.peak_gpu_bytes - before <= 1.05 * metrics.planned_gpu_bytes);
});
