/**
 * What a run left on the disk.
 * @module
 */
import { join } from "node:path";
import { formatBytes } from "../cli/format.ts";
import { shownPath } from "./paths.ts";
import { tableView } from "./table.ts";
import type { View } from "./view.ts";

const MEANING: Readonly<Record<string, string>> = {
  "adapter_config.json": "the adapter's shape, for PEFT",
  "adapter_model.safetensors": "the adapter's weights, for PEFT",
  "metrics.json": "losses, speed and memory",
  "run_meta.json": "what the run was made from",
  "trainer_state.json": "what a resumed run needs to know",
  "optimizer.safetensors": "AdamW's moments",
  "model.safetensors": "weights",
  "tokenizer.json": "the tokenizer",
  "tokenizer_config.json": "its settings",
  "config.json": "the model's shape",
};

/** The files under `folder` with their sizes. */
export async function filesTable(folder: string): Promise<View> {
  const rows: [path: string, size: string, what: string][] = [];
  const visit = async (below: string) => {
    const entries = await Array.fromAsync(Deno.readDir(join(folder, below)));
    for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
      const path = join(below, name);
      if (isDirectory) await visit(path);
      else {
        const { size } = await Deno.stat(join(folder, path));
        rows.push([path, formatBytes(size), MEANING[name] ?? ""]);
      }
    }
  };
  await visit("");
  return tableView({ title: shownPath(folder), columns: ["file", "size", ""], rows });
}
