/**
 * The models that `deno task bench` works with: made-up weights in the sizes of a real model, from
 * memory, or from a folder that it wrote before.
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { type ModelFiles, openModelFiles } from "../model/load.ts";
import { syntheticCheckpoint, syntheticConfig, writeSyntheticModel } from "../model/synthetic.ts";
import { readTokenizerFiles } from "../text/tokenizer_files.ts";
import { shippedModel } from "../train/smoke.ts";
import type { BenchConfig, Sizes } from "./bench_options.ts";
import { formatBytes } from "./format.ts";
import { refuseExisting } from "./new_folder.ts";
import { percentReporter } from "./percent.ts";

/** What differs from Mistral-7B in config.json. */
const CHANGES: Readonly<Record<Sizes, Readonly<Record<string, unknown>>>> = {
  "mistral-7b": {},
  tiny: {
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    sliding_window: 64,
  },
};

/** Sizes that make a model the one it is called; the number of layers may be another. */
const SHAPE = [
  "hiddenSize",
  "intermediateSize",
  "heads",
  "kvHeads",
  "headSize",
  "vocabularySize",
] as const satisfies readonly (keyof ModelConfig)[];

function configOf(sizes: Sizes, layers: number | null): ModelConfig {
  return syntheticConfig({ ...CHANGES[sizes], ...(layers && { num_hidden_layers: layers }) });
}

/**
 * Opens the model to rehearse with: the folder `--base_model`, or made-up weights from memory.
 * Throws {@linkcode ConfigError} where the folder holds a model of other sizes.
 */
export async function openBenchModel(bench: BenchConfig, sizes: Sizes): Promise<ModelFiles> {
  const config = configOf(sizes, bench.layers);
  if (bench.base_model === null) {
    const checkpoint = syntheticCheckpoint(config, bench.seed);
    return { directory: sizes, config, checkpoint, [Symbol.dispose]() {} };
  }
  using stack = new DisposableStack();
  const files = stack.use(await openModelFiles(bench.base_model));
  const issues = SHAPE.filter((name) => files.config[name] !== config[name]).map((name) =>
    `Cannot rehearse ${sizes} with ${bench.base_model}: its ${name} is ${files.config[name]}, ` +
    `not ${config[name]}; give --rehearsal another name, or a folder from --write_checkpoint`
  );
  if (issues.length > 0) throw new ConfigError(issues);
  stack.move();
  return files;
}

/**
 * Writes the model folder `--write_checkpoint` and returns the bytes of its weights.
 * Throws {@linkcode ConfigError} where it exists, and FormatError where it cannot be written.
 */
export async function writeCheckpoint(bench: BenchConfig, signal: AbortSignal): Promise<void> {
  const directory = bench.write_checkpoint!;
  await refuseExisting("write_checkpoint", directory);
  const { files } = await readTokenizerFiles(bench.tokenizer ?? shippedModel());
  const config = configOf(bench.sizes, bench.layers);
  const { byteLength } = syntheticCheckpoint(config, bench.seed);
  const report = percentReporter(bench);
  await writeSyntheticModel(config, directory, {
    seed: bench.seed,
    files,
    maxShardBytes: bench.max_shard_gb * 1e9,
    onProgress: (bytes) => report("writing", bytes, byteLength),
    signal,
  });
  if (bench.json) {
    console.log(JSON.stringify({ type: "saved", path: directory, bytes: byteLength }));
  } else if (!bench.quiet) {
    console.log(`\nSaved ${formatBytes(byteLength)} of weights in ${directory}`);
  }
}
