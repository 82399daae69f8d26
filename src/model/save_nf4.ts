/**
 * Saves a model that was quantised on loading in bitsandbytes' layout, so that the next time it loads
 * as it is.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { contentsOf } from "../device/contents.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import type { Checkpoint } from "../formats/checkpoint.ts";
import { type FloatDtype, NESTED_BLOCK_SIZE, NF4_BLOCK_SIZE } from "../formats/nf4.ts";
import { formatQuantState } from "../formats/nf4_state.ts";
import type { SafetensorsEntry } from "../formats/safetensors.ts";
import { writeShards } from "../formats/shards.ts";
import { watcher, type WatchOptions } from "../formats/watch.ts";
import { NF4_TABLE_VALUES } from "../ops/nf4.ts";
import type { Nf4Weight } from "../ops/weight.ts";
import type { ModelFiles } from "./load.ts";
import type { Model } from "./model.ts";

/** Bytes of a dense tensor that are on the host at once. */
const CHUNK_BYTES = 16 * 2 ** 20;

const FLOAT_NAMES = { f32: "float32", f16: "float16", bf16: "bfloat16" } as const satisfies Record<
  string,
  FloatDtype
>;

/** What else goes into the folder, and how. */
export interface SaveNf4Options extends WatchOptions {
  /** Further files, such as the tokenizer's. */
  readonly files?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Bytes of a weights file at most; default 5 GB, as in transformers. */
  readonly maxShardBytes?: number;
}

/**
 * Writes the folder of a `model` that was loaded from `source` with quantisation "nf4": its linear
 * layers as NF4, all other tensors as they are in the source. transformers loads it with bitsandbytes.
 * Throws {@linkcode FormatError} where the source is quantised already or the folder cannot be
 * written, and what `signal` was aborted with; a folder that was there then stays as it was.
 */
export async function saveNf4(
  model: Model,
  source: ModelFiles,
  directory: string,
  options: SaveNf4Options = {},
): Promise<void> {
  refuseQuantized(source);
  const weights = nf4Weights(model);
  const groups = await tensorGroups(model, source.checkpoint, { weights, watch: watcher(options) });
  await writeDirectoryAtomic(directory, async (temporary) => {
    await writeShards(temporary, groups, options.maxShardBytes);
    const config = JSON.stringify(configOf(source, weights), null, 2) + "\n";
    await writeFileAtomic(join(temporary, "config.json"), config);
    for (const { name, bytes } of options.files ?? []) {
      await writeFileAtomic(join(temporary, name), bytes);
    }
  });
}

/** Throws {@linkcode FormatError} where the weights are quantised already. */
export function refuseQuantized({ config, directory }: ModelFiles): void {
  if (!config.quantized) return;
  throw new FormatError(
    `Cannot quantise ${directory}: its weights are quantised already; use it as it is, or ` +
      "give the original checkpoint",
    { file: directory },
  );
}

function nf4Weights(model: Model): Map<string, Nf4Weight> {
  const found = new Map<string, Nf4Weight>();
  for (const [name, weight] of model.weights) {
    if (weight.kind !== "linear" || weight.linear.weight.kind !== "nf4") continue;
    found.set(name, weight.linear.weight);
  }
  return found;
}

/** The tensors that take the place of each one in the source, in its order. */
async function tensorGroups(
  { scope: { device } }: Model,
  { tensors, chunks }: Checkpoint,
  { weights, watch }: {
    weights: ReadonlyMap<string, Nf4Weight>;
    watch: ReturnType<typeof watcher>;
  },
): Promise<SafetensorsEntry[][]> {
  const quantized = [...tensors.keys()].flatMap((name) => weights.get(name) ?? []);
  const large = contentsOf(device, quantized.flatMap(({ codes, absmax }) => [codes, absmax]));
  const contents = large.map(watch).values();
  // Small, and the header of a file tells one of them, so they are read before anything is written.
  const scales = await device.readMany(quantized.flatMap(({ nested }) => nested ?? []));
  const nested = scales.map(({ buffer }) => new Float32Array(buffer)).values();
  return [...tensors.values()].map(({ name, dtype, shape }) => {
    const weight = weights.get(name);
    if (!weight) return [{ name, dtype, shape, bytes: watch(chunks(name, CHUNK_BYTES)) }];
    const [codes, absmax] = contents.take(2);
    return nf4Entries(weight, { codes, absmax, nested: weight.nested && nested.next().value! });
  });
}

/** What stands in a file for one NF4 weight. `nested` is the offset and then the scales' scales. */
function nf4Entries(
  { name, rows, columns, dtype }: Nf4Weight,
  contents: {
    codes: AsyncIterable<Uint8Array>;
    absmax: AsyncIterable<Uint8Array>;
    nested: Float32Array<ArrayBuffer> | null;
  },
): SafetensorsEntry[] {
  const { codes, absmax, nested } = contents;
  const elements = rows * columns, blocks = Math.ceil(elements / NF4_BLOCK_SIZE);
  const floats = (suffix: string, values: Float32Array<ArrayBufferLike>): SafetensorsEntry => {
    const bytes = new Uint8Array(values.slice().buffer);
    return { name: name + suffix, dtype: "F32", shape: [values.length], bytes };
  };
  const state = formatQuantState({
    quantType: "nf4",
    blockSize: NF4_BLOCK_SIZE,
    dtype: FLOAT_NAMES[dtype],
    shape: [rows, columns],
    ...(nested &&
      { nested: { blockSize: NESTED_BLOCK_SIZE, dtype: "float32", offset: nested[0] } }),
  });
  return [
    { name, dtype: "U8", shape: [Math.ceil(elements / 2), 1], bytes: codes },
    { name: `${name}.absmax`, dtype: nested ? "U8" : "F32", shape: [blocks], bytes: absmax },
    floats(".quant_map", NF4_TABLE_VALUES.subarray(0, 16)),
    ...(nested
      ? [
        floats(".nested_absmax", nested.subarray(1)),
        floats(".nested_quant_map", NF4_TABLE_VALUES.subarray(16)),
      ]
      : []),
    {
      name: `${name}.quant_state.bitsandbytes__nf4`,
      dtype: "U8",
      shape: [state.length],
      bytes: state,
    },
  ];
}

/** config.json with what transformers writes of bitsandbytes' settings. */
function configOf(
  { config }: ModelFiles,
  weights: ReadonlyMap<string, Nf4Weight>,
): Record<string, unknown> {
  const [first] = weights.values();
  return {
    ...config.json,
    quantization_config: {
      _load_in_4bit: true,
      _load_in_8bit: false,
      bnb_4bit_compute_dtype: first ? FLOAT_NAMES[first.dtype] : "float32",
      bnb_4bit_quant_storage: "uint8",
      bnb_4bit_quant_type: "nf4",
      bnb_4bit_use_double_quant: first?.nested != null,
      llm_int8_enable_fp32_cpu_offload: false,
      llm_int8_has_fp16_weight: false,
      llm_int8_skip_modules: null,
      llm_int8_threshold: 6.0,
      load_in_4bit: true,
      load_in_8bit: false,
      quant_method: "bitsandbytes",
    },
  };
}
