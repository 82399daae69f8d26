/**
 * Opens a model that answers.
 * @module
 */
import type { TextModel } from "../eval/generate_text.ts";
import { type Adapter, loadAdapter } from "../model/adapter.ts";
import { loadModel } from "../model/load.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import { ensureAdapter } from "./setup.ts";
import { openTunedDevice } from "./tuning_file.ts";

/** How the model is held; the options of the same names. */
export interface OpenModelOptions {
  readonly adapter_path: string | null;
  readonly quantization: "nf4" | "none";
  readonly double_quant: boolean;
}

/** A model on the GPU until it is disposed of. */
export interface OpenedModel extends TextModel, Disposable {
  /**
   * Computes with the adapter in `directory` from now on, with null as the base model does. The base
   * stays where it is, and so does the adapter before where the other cannot be loaded.
   */
  useAdapter(directory: string | null): Promise<void>;
}

/** Loads the model in `directory` and the adapter of the options. */
export async function openModel(
  directory: string,
  { adapter_path, quantization, double_quant }: OpenModelOptions,
  signal: AbortSignal,
): Promise<OpenedModel> {
  const tokenizer = await loadTokenizer(directory);
  await ensureAdapter();
  using opening = new DisposableStack();
  const device = opening.use(await openTunedDevice());
  const options = { quantization, doubleQuant: double_quant, signal };
  const model = opening.use(await loadModel(device, directory, options));
  let adapter: Adapter | null = null;
  opening.defer(() => adapter?.[Symbol.dispose]());
  const useAdapter = async (directory: string | null) => {
    const next = directory === null ? null : await loadAdapter(model, directory);
    adapter?.[Symbol.dispose]();
    next?.attach(model);
    adapter = next;
  };
  await useAdapter(adapter_path);
  const opened = opening.move();
  return { model, tokenizer, useAdapter, [Symbol.dispose]: () => opened.dispose() };
}
