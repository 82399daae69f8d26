/**
 * What a run will be: the model, the adapter, the steps and the memory plan, before any weight is read.
 * @module
 */
import { formatBytes, formatCount } from "../cli/format.ts";
import { configWarnings } from "../train/config_checks.ts";
import type { MemoryPlan } from "../train/memory_plan.ts";
import { planTraining } from "../train/plan.ts";
import { interruptible } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import { shownPath } from "./paths.ts";
import type { RunSettings } from "./settings.ts";
import { factsView } from "./table.ts";
import { bundleOf, stack, type View, withView } from "./view.ts";

const NO_LIMIT = "no limit known: compare with your GPU's memory, or name it with gpu_memory_limit";

/** A plan, which shows itself. */
export type ShownPlan = { readonly memory: MemoryPlan; readonly totalSteps: number } & View;

/**
 * A view of what a run will be. Throws FormatError, TrainingError or ConfigError for what would keep it
 * from working.
 */
export async function planView(notebook: Notebook, settings: RunSettings): Promise<ShownPlan> {
  const { config, modelDirectory } = settings;
  using planned = await interruptible((signal) =>
    planTraining(notebook.device, config, { modelDirectory, signal })
  );
  const { plan, limit, files: { config: model, directory }, batches: { steps } } = planned;
  const total = formatBytes(plan.totalBytes);
  const adapter = plan.adapter / Float32Array.BYTES_PER_ELEMENT;
  const scale = config.lora_alpha / (config.use_rslora ? Math.sqrt(config.lora_r) : config.lora_r);
  const perStep = config.per_device_train_batch_size * config.gradient_accumulation_steps;
  const warnings = configWarnings(config, steps.totalSteps);
  const shown = stack([
    factsView("Model", [
      ["Folder", shownPath(directory)],
      ["Architecture", `${model.modelType}, ${model.layers} layers of width ${model.hiddenSize}`],
      ["Attention", `${model.heads} heads, ${model.kvHeads} for keys and values`],
      ["Vocabulary", `${model.vocabularySize} tokens`],
    ]),
    ...(config.method === "full" ? [] : [
      factsView("Adapter (LoRA)", [
        ["r (rank)", config.lora_r],
        ["alpha", `${config.lora_alpha}, so the update is scaled by ${Number(scale.toFixed(3))}`],
        ["dropout", config.lora_dropout],
        ["target modules", String(config.target_modules)],
        ["trained values", formatCount(adapter)],
        ["base weights", config.method === "qlora" ? "NF4, 4 bits, frozen" : "dense, frozen"],
      ]),
    ]),
    factsView("Run", [
      [
        "Records",
        `${planned.trainExamples.length} to train, ${planned.evalExamples.length} to validate`,
      ],
      ["Left out or cut", `${planned.dropped.length} · ${planned.truncated}`],
      ["Steps", `${steps.totalSteps} of ${perStep} records`],
      ["Learning rate", `${config.learning_rate}, ${config.lr_scheduler_type}`],
    ], warnings.join("\n")),
    factsView("GPU memory at the peak", [
      ["Weights", formatBytes(plan.weights)],
      ["Adapter", formatBytes(plan.adapter)],
      ["Gradients and optimizer", formatBytes(plan.optimizer)],
      ["Block inputs", `${formatBytes(plan.checkpoints)} (${plan.rows} tokens a pass)`],
      ["Workspace", formatBytes(plan.workspace)],
      [
        "In all",
        limit ? { text: total, as: plan.totalBytes <= limit.bytes ? "good" : "bad" } : total,
      ],
      ["Limit", limit ? `${formatBytes(limit.bytes)} (${limit.source})` : NO_LIMIT],
    ]),
  ]);
  return withView({ memory: plan, totalSteps: steps.totalSteps }, bundleOf(shown));
}
