/**
 * From the config's method to what is loaded and what is trained.
 * @module
 */
import type { Device } from "../device/device.ts";
import type { Scope } from "../device/tensor.ts";
import { type Adapter, createAdapter, loadAdapter } from "../model/adapter.ts";
import { ADAPTER_WEIGHTS_FILE } from "../model/adapter.ts";
import type { LoadOptions } from "../model/load.ts";
import type { LoraConfig } from "../model/lora_config.ts";
import type { Model } from "../model/model.ts";
import { MODEL_WEIGHTS_FILE, writeModel } from "../model/save.ts";
import { createMoments } from "../ops/adamw.ts";
import type { TapeOptions } from "../ops/tape.ts";
import type { Trainable } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";

/** How a method holds the base model's weights. */
export function loadOptions({ method, double_quant }: TrainConfig): LoadOptions {
  return {
    quantization: method === "qlora" ? "nf4" : "none",
    doubleQuant: double_quant,
    trainable: method === "full",
  };
}

/**
 * What a step keeps for its backward pass. By default that is f16 on GPUs that have it; software adapters
 * keep it in the host's memory, of which there is more, and exactly.
 */
export function tapeOptions(
  { gradient_checkpointing, precision }: TrainConfig,
  { info }: Device,
): TapeOptions {
  const own = info.features.includes("shader-f16") && !info.software ? "f16" : "f32";
  return {
    checkpointing: gradient_checkpointing,
    keepAs: precision === "auto" ? own : precision,
  };
}

/** What is trained, on the GPU until it is disposed. */
export interface TrainedPart extends Disposable {
  /** Attached to the model; null in full fine-tuning. */
  readonly adapter: Adapter | null;
  readonly trainable: Trainable;
}

/**
 * Makes (or with `init_adapter` loads) the adapter and attaches it, and makes gradients and moments.
 * An adapter that is loaded keeps its rank, scale and layers; the dropout is the config's.
 * Throws {@linkcode ConfigError} or {@linkcode FormatError} where the adapter does not fit.
 */
export async function makeTrainable(model: Model, config: TrainConfig): Promise<TrainedPart> {
  using cleanup = new DisposableStack();
  const adapter = config.method === "full" ? null : cleanup.use(
    config.init_adapter
      ? await loadAdapter(model, config.init_adapter, { loraDropout: config.lora_dropout })
      : createAdapter(model, loraConfig(config), config.seed),
  );
  adapter?.attach(model);
  const scope: Scope = cleanup.use(model.scope.device.scope("optimizer"));
  const parameters = adapter ? adapter.parameters(scope) : model.parameters(scope);
  const trainable: Trainable = {
    device: scope.device,
    parameters,
    moments: createMoments(scope, parameters, {
      kind: config.optim === "adamw_torch" ? "f32" : "8bit",
    }),
    weightsFile: adapter ? ADAPTER_WEIGHTS_FILE : MODEL_WEIGHTS_FILE,
    writeTo: (directory) => adapter ? adapter.writeTo(directory) : writeModel(model, directory),
  };
  const owned = cleanup.move();
  return { adapter, trainable, [Symbol.dispose]: () => owned.dispose() };
}

function loraConfig(config: TrainConfig): LoraConfig {
  return {
    r: config.lora_r,
    loraAlpha: config.lora_alpha,
    loraDropout: config.lora_dropout,
    targetModules: config.target_modules,
    useRslora: config.use_rslora,
    rankPattern: {},
    alphaPattern: {},
    excludeModules: null,
    layersToTransform: null,
    baseModel: config.base_model,
  };
}
