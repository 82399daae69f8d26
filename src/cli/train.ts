/**
 * `deno task train`: fine-tunes a model.
 * @module
 */
import type { Device } from "../device/device.ts";
import { loadAdapter } from "../model/adapter.ts";
import { describeOptions, resolveTrainConfig, type TrainConfig } from "../train/config.ts";
import { configWarnings } from "../train/config_checks.ts";
import type { Metrics, TrainEvent } from "../train/events.ts";
import { type PlannedRun, planTraining } from "../train/plan.ts";
import { prepareTraining, type TrainRun } from "../train/prepare.ts";
import { refuseShortage } from "../train/remedies.ts";
import { type RunMode, writeRunMeta } from "../train/run_meta.ts";
import { prepareSmoke, SMOKE_DEFAULTS } from "../train/smoke.ts";
import { type EventWriter, openEventWriter } from "../train/tensorboard.ts";
import { train, writeMetrics } from "../train/train.ts";
import { readLayers } from "./args.ts";
import { modelFolder } from "./base_model.ts";
import { formatBytes, formatCount, formatDuration, formatLoss } from "./format.ts";
import { gitCommit } from "./git.ts";
import { helpText } from "./help.ts";
import { createProgress, type Progress } from "./progress.ts";
import { ensureAdapter } from "./setup.ts";
import { askDemoQuestions, smokeSummary } from "./smoke.ts";
import { runTask } from "./task.ts";
import { openTunedDevice } from "./tuning_file.ts";

const HELP = {
  usage: "deno task train --base_model DIR --train_path FILE [options]",
  summary: "Fine-tunes a Mistral model for text-to-SQL on the GPU: QLoRA, LoRA or all weights.",
  examples: [
    "deno task train --smoke",
    "deno task train --base_model mistral-7b --train_path train.jsonl --val_path val.jsonl",
    "deno task train --config run.yaml --resume_from_checkpoint latest",
  ],
};

await runTask(async (signal) => {
  const options = describeOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const given = resolveTrainConfig(layers);
  const smoke = given.smoke
    ? await prepareSmoke(
      resolveTrainConfig([{ source: "defaults", values: SMOKE_DEFAULTS }, ...layers]),
    )
    : null;
  const config = smoke?.config ?? given;
  await ensureAdapter();
  using device = await openTunedDevice();
  const { quiet, json } = config;
  const modelDirectory = await modelFolder(config.base_model!, {
    signal,
    quiet: quiet || json,
    onEvent: json
      ? ({ type, ...event }) =>
        console.log(JSON.stringify({ type: "download", state: type, ...event }))
      : undefined,
  });
  const planned = await planTraining(device, config, { modelDirectory, signal });
  const progress = createProgress({ total: planned.batches.steps.totalSteps, quiet, json });
  progress.log(summary(device, planned));
  for (const warning of configWarnings(config, planned.batches.steps.totalSteps)) {
    progress.log(`Note: ${warning}`);
  }
  const mode: RunMode = config.dry_run ? "dry_run" : config.smoke ? "smoke" : "train";
  const writeMeta = async () =>
    await writeRunMeta(planned, { mode, device, gitCommit: await gitCommit() });
  if (config.dry_run) {
    using _ = planned;
    await writeMeta();
    await writeMetrics(config.output_dir, dryMetrics(planned));
    if (json) console.log(JSON.stringify({ type: "plan", ...planned.plan, limit: planned.limit }));
    await refuseShortage(device, planned, signal);
    return progress.log(`Dry run: all is well. Files are in ${config.output_dir}`);
  }
  using run = await prepareTraining(device, planned, { signal });
  const { unused } = run.model;
  if (unused.length > 0) {
    progress.log(
      `Note: the model has no use for ${unused.length} tensors of its checkpoint, such as ${
        unused[0]
      }`,
    );
  }
  // A run that cannot even load its model leaves the files of an earlier one as they were.
  await writeMeta();
  if (smoke === null) return void await follow(run, { progress, signal });
  const { questions } = smoke;
  const before = await askDemoQuestions(run, { questions, name: "base", signal });
  device.resetPeak(); // the plan is for training
  progress.log("");
  const path = await follow(run, { progress, signal });
  using saved = run.adapter ? await loadAdapter(run.model, path) : null;
  saved?.attach(run.model);
  const after = await askDemoQuestions(run, { questions, name: "tuned", before, signal });
  progress.log(smokeSummary(before, after, config.output_dir));
});

/** Trains and tells what happens; gives the folder of the result. */
async function follow(
  run: TrainRun,
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<string> {
  const { config } = run;
  const started = performance.now();
  let board: EventWriter | null = null;
  let path = "";
  try {
    for await (const event of train(run, signal)) {
      progress.event(event);
      if (event.type === "start" && config.report_to === "tensorboard") {
        board = openEventWriter(config.output_dir, { resumedAt: event.step + 1 });
      }
      if (board) report(board, event);
      show(progress, event, { config, started });
      if (event.type === "end") path = event.path;
    }
  } finally {
    board?.close();
    progress.done();
  }
  return path;
}

function summary(device: Device, run: PlannedRun): string {
  const { config, plan, limit, batches: { steps }, files } = run;
  const { info } = device;
  const amount = (bytes: number) => formatBytes(bytes).padStart(10);
  return [
    `GPU        ${info.name}${info.software ? " (software: correct, but slow)" : ""}`,
    `Model      ${files.directory} (${files.config.modelType}, ${files.config.layers} layers)`,
    `Method     ${config.method}${adapterSummary(config)}`,
    `Data       ${run.trainExamples.length} training and ${run.evalExamples.length} validation examples`,
    ...(run.truncated > 0
      ? [`           ${run.truncated} shortened to --max_seq_length ${config.max_seq_length}`]
      : []),
    ...(run.dropped.length > 0
      ? [
        `           ${run.dropped.length} dropped, the first: ${run.dropped[0].id}: ${
          run.dropped[0].reason
        }`,
      ]
      : []),
    `Steps      ${steps.totalSteps}, of ${config.per_device_train_batch_size} × ` +
    `${config.gradient_accumulation_steps} sequences`,
    `Memory     ${amount(plan.weights)}  weights`,
    `           ${amount(plan.adapter)}  adapter`,
    `           ${amount(plan.optimizer)}  gradients and optimizer`,
    `           ${amount(plan.checkpoints)}  block inputs (${plan.rows} tokens a pass)`,
    `           ${amount(plan.workspace)}  workspace`,
    `           ${amount(plan.totalBytes)}  in all at the peak` +
    (limit ? `, of ${formatBytes(limit.bytes)} (${limit.source})` : ""),
  ].join("\n");
}

function adapterSummary(config: TrainConfig): string {
  if (config.method === "full") return "";
  if (config.init_adapter) return `, from ${config.init_adapter}`;
  return `, r ${config.lora_r}, alpha ${config.lora_alpha}, on ${config.target_modules}`;
}

function dryMetrics(run: PlannedRun): Metrics {
  return {
    train_loss: null,
    eval_loss: null,
    train_runtime: 0,
    tokens_per_second: 0,
    peak_gpu_bytes: 0,
    planned_gpu_bytes: run.plan.totalBytes,
    log_history: [],
  };
}

function report(board: EventWriter, event: TrainEvent): void {
  if (event.type === "log") {
    board.writeScalars(event.step, {
      "train/loss": event.loss,
      "train/learning_rate": event.learning_rate,
      "train/grad_norm": event.grad_norm,
      "train/tokens_per_second": event.tokens_per_second,
    });
  }
  if (event.type === "eval") board.writeScalars(event.step, { "eval/loss": event.eval_loss });
}

function show(
  progress: Progress,
  event: TrainEvent,
  { config, started }: { config: TrainConfig; started: number },
): void {
  switch (event.type) {
    case "start":
      if (event.resumedFrom) progress.log(`Resuming from ${event.resumedFrom}`);
      else if (config.resume_from_checkpoint) {
        progress.log(`No checkpoint in ${config.output_dir} yet: starting from the first step`);
      }
      if (event.setAside) progress.log(`Checkpoints of another run moved to ${event.setAside}`);
      break;
    case "step":
      progress.update({
        step: event.step,
        loss: event.loss,
        learningRate: event.learning_rate,
        tokensPerSecond: event.tokens_per_second,
        gpuBytes: event.gpuBytes,
      });
      break;
    case "eval":
      progress.log(
        `Eval loss ${formatLoss(event.eval_loss)} after step ${event.step}${
          event.best ? ", the best so far" : ""
        }`,
      );
      break;
    case "checkpoint":
      progress.log(`Checkpoint ${event.path}`);
      break;
    case "sample":
      progress.log(
        [
          "",
          event.prompt.trimEnd(),
          `  expected   ${event.expected}`,
          `  generated  ${event.generated}`,
        ]
          .join("\n"),
      );
      break;
    case "end": {
      const { metrics } = event;
      const [first, last] = [metrics.log_history[0], metrics.log_history.at(-1)];
      if (event.stoppedEarly) progress.log("\nStopped early: the eval loss no longer falls.");
      if (first && last) {
        progress.log(`\nLoss ${formatLoss(first.loss)} → ${formatLoss(last.loss)}`);
      }
      progress.log(
        `Done after ${formatDuration((performance.now() - started) / 1000)}: ` +
          `${formatCount(metrics.tokens_per_second)} tokens/s, peak ${
            formatBytes(metrics.peak_gpu_bytes)
          } ` +
          `(planned ${formatBytes(metrics.planned_gpu_bytes)})\nSaved in ${event.path}`,
      );
    }
  }
}
