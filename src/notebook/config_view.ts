/**
 * The options of a run as they are in effect.
 * @module
 */
import { describeOptions } from "../train/config.ts";
import type { RunSettings } from "./settings.ts";
import { shownPath } from "./paths.ts";
import { type Cell, tableView } from "./table.ts";
import type { View } from "./view.ts";

/** What decides about a run most, in the order of questions that people ask. */
const SHOWN = [
  "base_model",
  "train_path",
  "val_path",
  "output_dir",
  "method",
  "lora_r",
  "lora_alpha",
  "lora_dropout",
  "target_modules",
  "max_seq_length",
  "num_train_epochs",
  "max_steps",
  "per_device_train_batch_size",
  "gradient_accumulation_steps",
  "learning_rate",
  "lr_scheduler_type",
  "warmup_steps",
  "optim",
  "precision",
  "seed",
] as const;
const PATHS: ReadonlySet<string> = new Set(["base_model", "train_path", "val_path", "output_dir"]);
const LORA: ReadonlySet<string> = new Set(
  ["lora_r", "lora_alpha", "lora_dropout", "target_modules"],
);

/** The usual options of a run with the values that it will have, given or by default. */
export function configTable({ config }: RunSettings): View {
  const descriptions = new Map(
    // Of several sentences only the first says what it is.
    describeOptions().map(({ name, description }) => [name, description.replace(/\. .*$/, ".")]),
  );
  const names = SHOWN.filter((name) => config.method !== "full" || !LORA.has(name));
  const { per_device_train_batch_size: size, gradient_accumulation_steps: passes } = config;
  return tableView({
    title: "Training configuration",
    columns: ["option", "value", "what it is"],
    rows: names.map((name): Cell[] => [
      name,
      shownValue(name, config[name]),
      { text: descriptions.get(name)!, as: "soft" },
    ]),
    note: `An optimizer step learns from ${size} × ${passes} = ${size * passes} records.`,
  });
}

function shownValue(name: string, value: string | number | readonly string[] | null): string {
  if (value === null) return "none";
  return PATHS.has(name) ? shownPath(String(value)) : String(value);
}
