/**
 * LoRA adapters: made, loaded, attached and saved in PEFT's format.
 * @module
 */
import { join } from "node:path";
import { ConfigError, FormatError } from "../errors.ts";
import { random } from "../data/random.ts";
import { contentsOf } from "../device/contents.ts";
import type { Scope, Tensor } from "../device/tensor.ts";
import { openFile } from "../formats/byte_source.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import { openSafetensors, type Safetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { LoraPair } from "../ops/linear.ts";
import type { Parameter } from "../ops/tape.ts";
import {
  formatLoraConfig,
  LORA_CONFIG_FILE,
  type LoraConfig,
  loraTargets,
  readLoraConfig,
} from "./lora_config.ts";
import { finiteOnly } from "./finite.ts";
import type { Model } from "./model.ts";

/** Name of the file that the weights are in. */
export const ADAPTER_WEIGHTS_FILE = "adapter_model.safetensors";

type TrainablePair = { -readonly [Key in keyof LoraPair]: LoraPair[Key] };

/** A LoRA adapter whose weights are on the GPU until it is disposed. */
export class Adapter implements Disposable {
  #attachedTo: Model | null = null;

  constructor(
    readonly config: LoraConfig,
    readonly scope: Scope,
    /** By the path of the layer they change. */
    readonly pairs: ReadonlyMap<string, TrainablePair>,
  ) {}

  /** Makes the model compute with this adapter, in place of any other. */
  attach(model: Model): void {
    for (const [path, linear] of model.linears) linear.lora = this.pairs.get(path) ?? null;
    this.#attachedTo = model;
  }

  /** Takes the adapter off, so that the model computes as its base again. */
  detach(): void {
    if (!this.#attachedTo) return;
    for (const [path, linear] of this.#attachedTo.linears) {
      if (linear.lora === this.pairs.get(path)) linear.lora = null;
    }
    this.#attachedTo = null;
  }

  /**
   * Chooses the dropout masks of the next pass, one of its own for each layer; null for none.
   * `seed` is a u32 that should differ from pass to pass.
   */
  setDropout(seed: number | null): void {
    const probability = this.config.loraDropout;
    for (const [path, pair] of this.pairs) {
      pair.dropout = seed === null || probability === 0
        ? null
        : { probability, seed: random(seed, path).uint32() };
    }
  }

  /** The trainable tensors under PEFT's names, with gradients of zero in `scope`. */
  parameters(scope: Scope): Parameter[] {
    return [...this.pairs].flatMap(([path, { a, b }]) =>
      ([["lora_A", a], ["lora_B", b]] as const).map(([matrix, tensor]) => {
        const name = tensorName(path, matrix);
        return {
          name,
          tensor,
          gradient: scope.zeros(tensor.shape, { label: `d ${name}` }),
          decay: true,
        };
      })
    );
  }

  /** Number of trainable values. */
  get parameterCount(): number {
    let count = 0;
    for (const { a, b } of this.pairs.values()) count += (a.byteLength + b.byteLength) / 4;
    return count;
  }

  /** Writes adapter_config.json and adapter_model.safetensors (f32) into an existing folder. */
  async writeTo(directory: string): Promise<void> {
    const tensors = [...this.pairs].sort(([x], [y]) => x < y ? -1 : 1).flatMap(
      ([path, { a, b }]) => [
        { name: tensorName(path, "lora_A"), tensor: a },
        { name: tensorName(path, "lora_B"), tensor: b },
      ],
    );
    const contents = contentsOf(this.scope.device, tensors.map(({ tensor }) => tensor));
    const entries = tensors.map(({ name, tensor: { shape } }, i) => (
      { name, dtype: "F32", shape, bytes: finiteOnly(name, contents[i]) } as const
    ));
    await writeSafetensors(join(directory, ADAPTER_WEIGHTS_FILE), entries);
    await writeFileAtomic(join(directory, LORA_CONFIG_FILE), formatLoraConfig(this.config));
  }

  [Symbol.dispose](): void {
    this.detach();
    this.scope[Symbol.dispose]();
  }
}

/** Saves an adapter as a folder that PEFT loads, with further files (the tokenizer's) beside it. */
export async function saveAdapter(
  adapter: Adapter,
  directory: string,
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [],
): Promise<void> {
  await writeDirectoryAtomic(directory, async (temporary) => {
    await adapter.writeTo(temporary);
    for (const { name, bytes } of files) await writeFileAtomic(join(temporary, name), bytes);
  });
}

function tensorName(path: string, matrix: "lora_A" | "lora_B"): string {
  return `base_model.model.${path}.${matrix}.weight`;
}

/**
 * A new adapter for `model`: A uniform in ±1/√inputs by `seed`, B zero, so that nothing changes at
 * first. Throws {@linkcode ConfigError} where the settings choose no layer.
 * Source: PEFT's `reset_lora_parameters` (kaiming_uniform with a = √5).
 */
export function createAdapter(model: Model, config: LoraConfig, seed: number): Adapter {
  const pairsOf = (scope: Scope) => (path: string, rank: number) => {
    const { weight: { rows, columns } } = model.linears.get(path)!;
    const { float } = random(seed, "lora_A", path);
    const bound = 1 / Math.sqrt(columns);
    const a = scope.empty([rank, columns], { label: tensorName(path, "lora_A") });
    if (scope.device.computes) {
      const draw = () => (2 * float() - 1) * bound;
      scope.device.write(a, Float32Array.from({ length: rank * columns }, draw));
    }
    return {
      a,
      b: scope.zeros([rows, rank], { label: tensorName(path, "lora_B") }),
    };
  };
  return buildAdapter(model, config, pairsOf);
}

/**
 * Loads an adapter that PEFT or this library saved; f32, f16 and bf16.
 * Throws {@linkcode FormatError} where it is malformed, does not fit the model, has values that are
 * not finite, or needs what is not supported (DoRA, biases, modules_to_save, …). `changes` replace
 * settings of the file.
 */
export async function loadAdapter(
  model: Model,
  directory: string,
  changes: { readonly loraDropout?: number } = {},
): Promise<Adapter> {
  const config = { ...await readLoraConfig(directory), ...changes };
  const file = join(directory, ADAPTER_WEIGHTS_FILE);
  using source = await openFile(file);
  const weights = await openSafetensors(source);
  const values = new Map<string, Float32Array>();
  for (const name of weights.tensors.keys()) {
    values.set(name, await readFinite(weights, name, file));
  }
  const unused = new Set(values.keys());
  const take = (scope: Scope, name: string, shape: [number, number]): Tensor => {
    const found = weights.tensors.get(name);
    if (found?.shape.join() !== shape.join()) {
      throw new FormatError(
        `Cannot load ${file}: ${name} ${
          found ? `is [${found.shape.join(", ")}]` : "is missing"
        }; ` +
          `adapter_config.json and the model ask for [${
            shape.join(", ")
          }], use those it was made with`,
        { file },
      );
    }
    unused.delete(name);
    return scope.upload(values.get(name)!, shape, { label: name });
  };
  const adapter = asFormatError(file, () =>
    buildAdapter(model, config, (scope) => (path, rank) => {
      const { weight: { rows, columns } } = model.linears.get(path)!;
      return {
        a: take(scope, tensorName(path, "lora_A"), [rank, columns]),
        b: take(scope, tensorName(path, "lora_B"), [rows, rank]),
      };
    }));
  if (unused.size === 0) return adapter;
  adapter[Symbol.dispose]();
  throw new FormatError(
    `Cannot load ${file}: it has ${[...unused][0]}, which is not a LoRA weight of a layer that ` +
      "target_modules chooses; only plain LoRA on linear layers is supported, without copies of base " +
      "weights beside it (PEFT's save_embedding_layers=False leaves them out)",
    { file },
  );
}

function buildAdapter(
  model: Model,
  config: LoraConfig,
  pairsOf: (scope: Scope) => (path: string, rank: number) => { a: Tensor; b: Tensor },
): Adapter {
  const { linears } = model;
  const targets = loraTargets(config, linears.keys(), "lm_head");
  using cleanup = new DisposableStack();
  const scope = cleanup.use(model.scope.device.scope("adapter"));
  const pairOf = pairsOf(scope);
  const pairs = new Map<string, TrainablePair>();
  for (const { path, rank, scaling } of targets) {
    pairs.set(path, { ...pairOf(path, rank), rank, scaling, dropout: null });
  }
  cleanup.move();
  return new Adapter(config, scope, pairs);
}

async function readFinite(
  weights: Safetensors,
  name: string,
  file: string,
): Promise<Float32Array> {
  const values = await weights.readF32(name);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return values;
  throw new FormatError(
    `Cannot load ${file}: element ${bad} of ${name} is ${values[bad]}; the adapter is damaged or ` +
      "its training diverged, use an earlier checkpoint",
    { file },
  );
}

/** Settings from a file that do not fit the model are a fault of the file. */
function asFormatError<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof ConfigError) {
      throw new FormatError(error.message, { file }, { cause: error });
    }
    throw error;
  }
}
