/**
 * The training config: one flat object whose fields are named as in TRL and PEFT, validated as a
 * whole, so that a run never starts with a wrong option and all faults are told at once.
 * @module
 */
import { z } from "zod";
import { parseBytes } from "../formats/bytes.ts";
import { configChecks } from "./config_checks.ts";
import {
  commonFields,
  describeSchema,
  type Option,
  type OptionLayer,
  type OptionMeta,
  resolveOptions,
} from "./options.ts";

type Extra = Omit<OptionMeta, "group" | "description">;
const inGroup = (group: string) => (description: string, extra: Extra = {}) => ({
  group,
  description,
  ...extra,
});
const data = inGroup("Data");
const model = inGroup("Model");
const lora = inGroup("LoRA");
const length = inGroup("Length of the run");
const optimizer = inGroup("Optimizer");
const saving = inGroup("Evaluation, checkpoints and logging");
const mode = inGroup("Modes");

const path = () => z.string().min(1).nullable().default(null);
const flag = (value: boolean) => z.boolean().default(value);
const count = (min: number, value: number) => z.int().min(min).default(value);
const amount = (min: number, value: number) => z.number().min(min).default(value);

function isRegex(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}

const targetModules = z.union([
  z.array(z.string().min(1)).min(1),
  z.string().min(1).refine(isRegex, "all-linear, a list of names (q_proj,v_proj) or a valid regex"),
]);

/** Every field of the train section, with its default and bounds. */
export const trainSchema = z.object({
  train_path: path().meta(data(
    "JSONL of training records (instruction, input, output, or text). Required unless --smoke.",
    { value: "FILE", also: ["dataset_name", "train_file", "dataset", "data_path"] },
  )),
  val_path: path().meta(data("JSONL of records for the eval loss.", {
    value: "FILE",
    also: ["eval_path", "validation_file", "dataset_test_split"],
  })),
  max_train_samples: z.int().min(1).nullable().default(null)
    .meta(data("Use only the first N training records.")),
  max_val_samples: z.int().min(1).nullable().default(null)
    .meta(data("Use only the first N validation records.", { also: ["max_eval_samples"] })),
  prompt: z.enum(["alpaca", "mistral"]).default("alpaca")
    .meta(data("Prompt template: Alpaca headings, or Mistral's [INST] chat format.")),
  max_seq_length: count(3, 1024).meta(data(
    "Tokens per record at most; a longer one is shortened and counted.",
    { also: ["max_length", "block_size"] },
  )),
  completion_only_loss: flag(true)
    .meta(data("Learn from the SQL only; false: from the whole text.")),
  packing: flag(false).meta(data("Put several short records into one sequence.")),
  prefix_sharing: flag(false).meta(data(
    "Make batches of records whose prompts begin alike, as those about one schema, and read that once.",
  )),
  shuffle: flag(true).meta(data("New record order each epoch; false: file order.")),

  base_model: path().meta(model(
    "Model folder in Hugging Face's layout, or OWNER/NAME[@REVISION] on the Hub. " +
      "Required unless --smoke.",
    { value: "DIR|NAME", also: ["model_name_or_path", "model"] },
  )),
  method: z.enum(["qlora", "lora", "full"]).default("qlora").meta(model(
    "qlora: NF4 base and adapter; lora: dense base and adapter; full: all weights.",
  )),
  double_quant: flag(true).meta(model("Quantise the NF4 scales too (qlora only).", {
    also: ["bnb_4bit_use_double_quant", "use_nested_quant"],
  })),
  precision: z.enum(["auto", "f32", "f16"]).default("auto")
    .meta(model(
      "f16: what is kept for the backward pass takes half the memory; auto: f16 on GPUs that have it.",
    )),
  gpu_memory_limit: z.string().refine(
    (text) => parseBytes(text) !== null,
    "an amount of memory such as 24GiB or 800MiB",
  ).nullable().default(null).meta(model(
    "Refuse runs that plan more; default: none, on software adapters the free host memory.",
    { value: "24GiB", also: ["max_memory"] },
  )),
  gradient_checkpointing: flag(true).meta(model(
    "Keep only the inputs of blocks and compute the rest again; false: faster, far more memory.",
  )),

  lora_r: count(1, 16).meta(lora("Rank of the adapter.", { also: ["r", "rank"] })),
  lora_alpha: z.number().gt(0).default(32)
    .meta(lora("Numerator of the adapter's scale, alpha / r.", { also: ["alpha"] })),
  lora_dropout: z.number().min(0).lt(1).default(0)
    .meta(lora("Dropout on the adapter's input.", { also: ["dropout"] })),
  target_modules: targetModules.default("all-linear").meta(lora(
    "Layers with an adapter: names, a regex over full names, or all-linear.",
    { value: "A,B|REGEX", also: ["lora_target_modules"] },
  )),
  use_rslora: flag(false).meta(lora("Scale by alpha / sqrt(r) instead of alpha / r.")),
  init_adapter: path().meta(lora("Start from the weights of this PEFT adapter.", {
    value: "DIR",
    also: ["adapter_path"],
  })),

  num_train_epochs: amount(0, 1)
    .meta(length("Passes over the training records.", { also: ["epochs", "num_epochs"] })),
  max_steps: count(-1, -1).meta(length("Optimizer steps; above 0 it overrides num_train_epochs.", {
    also: ["steps", "num_steps"],
  })),
  per_device_train_batch_size: count(1, 2).meta(length("Records per forward pass.", {
    also: ["batch_size", "train_batch_size", "micro_batch_size"],
  })),
  gradient_accumulation_steps: count(1, 4)
    .meta(length("Forward passes per optimizer step.", { also: ["gradient_accumulation"] })),
  early_stopping_patience: count(0, 0).meta(length(
    "Stop after this many evaluations without a better eval loss; 0: off. Needs eval_steps.",
  )),

  learning_rate: amount(0, 2e-4)
    .meta(optimizer("Peak learning rate of AdamW.", { also: ["lr"] })),
  optim: z.enum(["adamw_torch", "adamw_8bit", "adamw_bnb_8bit"]).default("adamw_torch")
    .meta(optimizer(
      "AdamW with f32 moments, or bitsandbytes' with 8-bit ones (both names): a quarter of the memory.",
      { also: ["optimizer"] },
    )),
  lr_scheduler_type: z.enum(["linear", "cosine", "constant", "constant_with_warmup"])
    .default("linear").meta(optimizer(
      "After the warm-up: fall to 0 in a line or half a cosine, or stay (both constant names).",
      { also: ["lr_scheduler", "scheduler"] },
    )),
  warmup_steps: count(0, 0)
    .meta(optimizer("Steps over which the learning rate rises from 0 to its peak.")),
  weight_decay: amount(0, 0).meta(optimizer("Decoupled weight decay.")),
  max_grad_norm: amount(0, 1).meta(optimizer("Clip the gradient to this norm; 0: no clipping.")),
  neftune_noise_alpha: amount(0, 0)
    .meta(optimizer("Strength of NEFTune noise on the embeddings in training; 0: off.")),

  logging_steps: count(1, 1).meta(saving("Log the metrics every N steps.")),
  eval_steps: count(0, 0)
    .meta(saving("Evaluate every N steps and at the end; 0: only at the end.")),
  save_steps: count(0, 100)
    .meta(saving("Write a checkpoint every N steps and at the end; 0: only at the end.")),
  save_total_limit: count(0, 2)
    .meta(saving("Checkpoints to keep beside the best one; 0: all.")),
  resume_from_checkpoint: path().meta(saving(
    "Continue from a checkpoint; latest: the newest one in output_dir.",
    { value: "DIR|latest", also: ["resume"] },
  )),
  report_to: z.enum(["none", "tensorboard"]).default("none")
    .meta(saving("Also write the metrics as TensorBoard event files.")),

  dry_run: flag(false)
    .meta(mode("Check everything, plan steps and memory, write both JSON files, train nothing.")),
  smoke: flag(false)
    .meta(
      mode(
        "Train the project's small base model, and ask it before and after: needs no file and no network.",
      ),
    ),
  ...commonFields,
});

/** The resolved training config; field names as on the command line. */
export type TrainConfig = Readonly<z.infer<typeof trainSchema>>;

/** The option table of the train task, in the order of `--help`. */
export function describeOptions(): Option[] {
  return describeSchema(trainSchema);
}

/**
 * Merges defaults ← layers (file, then flags) into one validated config.
 *
 * @throws {ConfigError} with all faults of all layers at once
 */
export function resolveTrainConfig(layers: readonly OptionLayer[]): TrainConfig {
  return resolveOptions(trainSchema, layers, configChecks);
}
