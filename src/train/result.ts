/**
 * What a run leaves behind.
 * @module
 */
import { join } from "node:path";
import { saveAdapter } from "../model/adapter.ts";
import { saveModel } from "../model/save.ts";
import type { TrainRun } from "./prepare.ts";

/**
 * Saves what was trained, with the tokenizer's files, and returns the folder: `adapters/` in PEFT's
 * format, or `model/` in Hugging Face's layout after full fine-tuning.
 */
export async function saveResult({ config, model, adapter, tokenizer }: TrainRun): Promise<string> {
  await Deno.mkdir(config.output_dir, { recursive: true });
  const path = join(config.output_dir, adapter ? "adapters" : "model");
  if (adapter) await saveAdapter(adapter, path, tokenizer.files);
  else await saveModel(model, path, tokenizer.files);
  return path;
}
