/**
 * The model that a notebook asks: the base model of its settings, with or without what was trained.
 * @module
 */
import { formatBytes } from "../cli/format.ts";
import { webgpuPredictor } from "../eval/backends/webgpu.ts";
import type { Predictor } from "../eval/predictor.ts";
import { loadAdapter } from "../model/adapter.ts";
import { loadModel } from "../model/load.ts";
import type { Model } from "../model/model.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";

/** How the model is asked. */
export interface AskingOptions {
  readonly maxNewTokens: number;
  /** Questions in one batch. */
  readonly batchSize: number;
  /** Hears how far the base model is loaded, in words. */
  readonly tell?: (text: string) => void;
}

/** A model on the GPU that answers questions, until its owner drops it. */
export interface AskedModel {
  readonly predictor: Predictor;
  /** The same with what was trained: the adapter, or the model that full fine-tuning wrote, in `path`. */
  trained(path: string, signal: AbortSignal): Promise<AskedModel>;
}

/** What the notebook keeps an asked model under; dropping it gives the adapter's memory back, too. */
export const ASKED_MODEL = "model";

/**
 * Loads the base model of `settings`; the notebook keeps it as {@linkcode ASKED_MODEL}. Throws
 * {@linkcode FormatError} where its files are damaged.
 */
export async function openAskedModel(
  notebook: Notebook,
  settings: RunSettings,
  options: AskingOptions,
  signal: AbortSignal,
): Promise<AskedModel> {
  const { config, modelDirectory } = settings;
  const model = await notebook.keep(ASKED_MODEL, () =>
    loadModel(notebook.device, modelDirectory, {
      quantization: config.method === "qlora" ? "nf4" : "none",
      doubleQuant: config.double_quant,
      signal,
      onProgress: (bytes, total) =>
        options.tell?.(`loading weights, ${formatBytes(bytes)} of ${formatBytes(total)}`),
    }));
  return {
    predictor: await predictorOf(model, settings, options),
    async trained(path, signal) {
      if (config.method === "full") {
        return await openAskedModel(
          notebook,
          { ...settings, modelDirectory: path },
          options,
          signal,
        );
      }
      const adapter = await notebook.keep("adapter", () => loadAdapter(model, path));
      adapter.attach(model);
      return this;
    },
  };
}

async function predictorOf(
  model: Model,
  { config, modelDirectory }: RunSettings,
  { maxNewTokens, batchSize }: AskingOptions,
): Promise<Predictor> {
  return webgpuPredictor(model, await loadTokenizer(modelDirectory), {
    name: modelDirectory,
    promptStyle: config.prompt,
    maxNewTokens,
    batchSize,
  });
}
