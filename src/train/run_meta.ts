/**
 * `run_meta.json`: what a run was made from, so that it can be made again.
 * @module
 */
import { join } from "node:path";
import project from "../../deno.json" with { type: "json" };
import type { Device } from "../device/device.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import type { PlannedRun } from "./plan.ts";

/** How a run was started. */
export type RunMode = "train" | "dry_run" | "smoke";

/** Facts that only the caller knows. */
export interface RunContext {
  readonly mode: RunMode;
  readonly device: Device;
  /** The commit of the project's code, if it is a git checkout. */
  readonly gitCommit: string | null;
}

/** Writes run_meta.json into the run's folder. */
export async function writeRunMeta(run: PlannedRun, context: RunContext): Promise<void> {
  const { config, plan, batches, files } = run;
  const { info, gpu } = context.device;
  const meta = {
    mode: context.mode,
    base_model: config.base_model,
    // For a name on the Hub, this path ends with the commit.
    model_directory: files.directory,
    data: {
      train_path: config.train_path,
      train_records: run.trainRecords.length,
      train_examples: run.trainExamples.length,
      val_path: config.val_path,
      val_records: run.evalRecords.length,
      val_examples: run.evalExamples.length,
      truncated: run.truncated,
      dropped: run.dropped,
    },
    config,
    total_steps: batches.steps.totalSteps,
    memory_plan: plan,
    memory_limit: run.limit,
    model_type: files.config.modelType,
    adapter: info,
    tuning: context.device.tuning,
    limits: {
      maxBindingBytes: context.device.maxBindingBytes,
      maxBufferSize: gpu.limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: gpu.limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: gpu.limits.maxComputeInvocationsPerWorkgroup,
    },
    versions: { sqlora: project.version, ...Deno.version },
    git_commit: context.gitCommit,
  };
  await Deno.mkdir(config.output_dir, { recursive: true });
  await writeFileAtomic(
    join(config.output_dir, "run_meta.json"),
    JSON.stringify(meta, null, 2) + "\n",
  );
}
