/**
 * The model's `config.json`, as transformers 4 and 5 write it.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { openFile } from "../formats/byte_source.ts";
import { isJsonObject, parseJson } from "../formats/json.ts";
import { architectureOf } from "./registry.ts";

/** Sizes and constants of a decoder of the Llama family. */
export interface ModelConfig {
  readonly modelType: string;
  /** C */
  readonly hiddenSize: number;
  /** F */
  readonly intermediateSize: number;
  readonly layers: number;
  /** H */
  readonly heads: number;
  /** K, a divisor of H. */
  readonly kvHeads: number;
  /** D */
  readonly headSize: number;
  /** V */
  readonly vocabularySize: number;
  readonly rmsEpsilon: number;
  readonly ropeTheta: number;
  /** Keys that a query sees, itself included; null for all before it. */
  readonly slidingWindow: number | null;
  readonly maxPositions: number;
  readonly tieWordEmbeddings: boolean;
  readonly bosId: number | null;
  readonly eosIds: readonly number[];
  /** Whether the checkpoint's linear layers are stored in bitsandbytes' NF4. */
  readonly quantized: boolean;
  /** The file as it was, to be saved beside a trained model. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Reads `config.json` in a model folder. Throws {@linkcode FormatError}. */
export async function readModelConfig(directory: string): Promise<ModelConfig> {
  const file = join(directory, "config.json");
  using source = await openFile(file);
  const json = parseJson(new Uint8Array(await source.slice(0)), { file });
  if (!isJsonObject(json)) {
    throw new FormatError(`Cannot read ${file}: it is no JSON object`, { file });
  }
  return parseModelConfig(json, file);
}

/** Checks a parsed `config.json`. Throws {@linkcode FormatError} naming the field and `file`. */
export function parseModelConfig(json: Record<string, unknown>, file: string): ModelConfig {
  const fields = new Fields(json, file);
  const modelType = fields.text("model_type");
  // First, because other architectures name the other fields in other ways.
  architectureOf(modelType, file);
  const heads = fields.size("num_attention_heads");
  // What a field that is left out means is transformers' default; null had a meaning before version 5.
  const kvHeads = fields.size("num_key_value_heads", "num_key_value_heads" in json ? heads : 8);
  const hiddenSize = fields.size("hidden_size");
  fields.refuse("hidden_act", ["silu"], "silu");
  fields.refuse("attention_dropout", [0, null], "0");
  fields.refuse("rope_scaling", [null], "null");
  fields.refuse("attention_bias", [false, null], "false");
  fields.refuse("mlp_bias", [false, null], "false");
  const rope = fields.object("rope_parameters");
  rope?.refuse("rope_type", ["default"], "default");
  if (heads % kvHeads !== 0) {
    throw fields.error(
      `num_attention_heads ${heads} is no multiple of num_key_value_heads ${kvHeads}`,
    );
  }
  return {
    modelType,
    hiddenSize,
    intermediateSize: fields.size("intermediate_size"),
    layers: fields.size("num_hidden_layers"),
    heads,
    kvHeads,
    headSize: fields.size("head_dim", hiddenSize / heads),
    vocabularySize: fields.size("vocab_size"),
    rmsEpsilon: fields.positive("rms_norm_eps", 1e-6),
    ropeTheta: (rope ?? fields).positive("rope_theta", fields.positive("rope_theta", 10000)),
    slidingWindow: "sliding_window" in json ? fields.optionalSize("sliding_window") : 4096,
    maxPositions: fields.size("max_position_embeddings", 131072),
    tieWordEmbeddings: json.tie_word_embeddings === true,
    bosId: fields.ids("bos_token_id")[0] ?? null,
    eosIds: fields.ids("eos_token_id"),
    quantized: isQuantized(fields),
    json,
  };
}

function isQuantized(fields: Fields): boolean {
  const quantization = fields.object("quantization_config");
  if (!quantization) return false;
  quantization.refuse("quant_method", ["bitsandbytes"], "bitsandbytes");
  quantization.refuse("load_in_8bit", [false, null], "false");
  quantization.refuse("bnb_4bit_quant_type", ["nf4"], "nf4");
  return true;
}

/** Typed access to the fields of a JSON object, with errors that name the field. */
class Fields {
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    readonly file: string,
    readonly prefix = "",
  ) {}

  error(what: string): FormatError {
    return new FormatError(
      `Cannot use ${this.file}: ${what}; fetch the model's own config.json, or use a supported model`,
      { file: this.file },
    );
  }

  text(name: string): string {
    const value = this.json[name];
    if (typeof value === "string") return value;
    throw this.error(`${this.prefix}${name} is ${shown(value)}, not a text`);
  }

  size(name: string, fallback?: number): number {
    const value = this.json[name] ?? fallback;
    if (Number.isSafeInteger(value) && Number(value) > 0) return Number(value);
    throw this.error(`${this.prefix}${name} is ${shown(value)}, not a positive integer`);
  }

  optionalSize(name: string): number | null {
    return this.json[name] == null ? null : this.size(name);
  }

  positive(name: string, fallback: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    throw this.error(`${this.prefix}${name} is ${shown(value)}, not a positive number`);
  }

  ids(name: string): number[] {
    const value = this.json[name] ?? [];
    const list = Array.isArray(value) ? value : [value];
    if (list.every((id) => Number.isSafeInteger(id) && id >= 0)) return list;
    throw this.error(`${this.prefix}${name} is ${shown(value)}, not a token id`);
  }

  object(name: string): Fields | null {
    const value = this.json[name];
    if (value == null) return null;
    if (!isJsonObject(value)) {
      throw this.error(`${this.prefix}${name} is ${shown(value)}, not an object`);
    }
    return new Fields(value, this.file, `${name}.`);
  }

  /** Throws where the field is there and has none of the values that are supported. */
  refuse(name: string, supported: readonly unknown[], words: string): void {
    const value = this.json[name];
    if (value === undefined || supported.includes(value)) return;
    throw this.error(`${this.prefix}${name} ${shown(value)} is not supported, only ${words}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
