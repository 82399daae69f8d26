/**
 * The dress rehearsal: everything that fine-tuning a large model does, once, with rows that are real
 * and weights that are made up, or with those of a folder.
 * @module
 */
import { join } from "node:path";
import { demoSplits } from "../data/demo.ts";
import { readRecords } from "../data/record.ts";
import type { Device } from "../device/device.ts";
import { FormatError } from "../errors.ts";
import { loadAdapter, saveAdapter } from "../model/adapter.ts";
import { generate } from "../model/generate.ts";
import { buildModel } from "../model/load.ts";
import { packBatch } from "../text/batch.ts";
import { type TokenizedExample, tokenizeRecords } from "../text/example.ts";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { planBatches } from "../train/batches.ts";
import { evaluateLoss } from "../train/evaluate_loss.ts";
import { type MemoryPlan, planMemory } from "../train/memory_plan.ts";
import { resolveTrainConfig } from "../train/config.ts";
import { shippedModel } from "../train/smoke.ts";
import { trainStep } from "../train/step.ts";
import { loadOptions, makeTrainable, tapeOptions } from "../train/trainable.ts";
import { openBenchModel } from "./bench_checkpoint.ts";
import type { BenchConfig } from "./bench_options.ts";
import { formatBytes } from "./format.ts";
import { HostMemory } from "./host_memory.ts";

/** One part of the rehearsal. */
export interface Phase {
  readonly phase: string;
  readonly seconds: number;
  /** GPU memory owned at its end, and the most since the rehearsal began. */
  readonly gpu_bytes: number;
  readonly peak_gpu_bytes: number;
  /** The most resident memory in it; on software adapters it holds the GPU's too. */
  readonly host_bytes: number;
  /** The same without the GPU's buffers. */
  readonly host_bytes_beside_gpu: number;
  readonly detail: string;
  /** Of the first phase. */
  readonly plan?: MemoryPlan;
}

const DECODED_TOKENS = 8;

/** Rehearses QLoRA (r 16 on all linear layers), phase by phase. */
export async function* rehearse(
  device: Device,
  bench: BenchConfig,
  signal: AbortSignal,
): AsyncGenerator<Phase> {
  using host = new HostMemory(device);
  using opened = await openBenchModel(bench, bench.rehearsal!);
  const files = { ...opened, checkpoint: host.watch(opened.checkpoint) };
  const config = resolveTrainConfig([{
    source: "options",
    values: {
      base_model: opened.directory,
      train_path: "rows",
      precision: bench.precision,
      optim: bench.optim,
    },
  }]);
  const tokenizer = await loadTokenizer(bench.tokenizer ?? bench.base_model ?? shippedModel());
  const examples = await readExamples(bench, tokenizer);
  const [training, evaluation] = [firstRows(examples, bench.step_tokens), examples.slice(0, 1)];
  const batches = planBatches(training, {
    ...config,
    shuffle: false,
    per_device_train_batch_size: training.length,
    gradient_accumulation_steps: 1,
    max_steps: 1,
  }, { maxRows: Infinity });
  device.resetPeak();

  let begin = performance.now();
  const end = (phase: string, detail: string): Phase => {
    signal.throwIfAborted();
    const seconds = (performance.now() - begin) / 1000;
    begin = performance.now();
    const { resident, besideGpu } = host.takePeak();
    return {
      phase,
      seconds,
      gpu_bytes: device.liveBytes,
      peak_gpu_bytes: device.peakBytes,
      host_bytes: resident,
      host_bytes_beside_gpu: besideGpu,
      detail,
    };
  };

  const evalBatches = [packBatch(evaluation)];
  const plan = await planMemory(device, { files, config, batches, evalBatches, signal });
  const rows = bench.train_path ?? "generated records";
  const planned = `${formatBytes(plan.totalBytes)} at the peak, for ${plan.rows} tokens a pass ` +
    `of ${rows}, vocabulary of ${tokenizer.vocabSize}`;
  yield { ...end("plan", planned), plan };
  using model = await buildModel(device, files, { ...loadOptions(config), signal });
  const { config: { quantized, layers }, size: { parameters } } = model;
  const stored = `${formatBytes(files.checkpoint.byteLength)} of ${quantized ? "NF4" : "bf16"}`;
  yield end(
    quantized ? "load" : "load and quantise",
    `${parameters} weights in ${layers} layers, from ${stored}`,
  );
  using trained = await makeTrainable(model, config);
  await device.sync();
  yield end("adapter and optimizer", `${trained.trainable.parameters.length} matrices`);
  const { loss, gradNorm, tokens } = await trainStep({
    model,
    ...trained,
    batches: batches.batchesOf(0),
    step: 0,
    seed: bench.seed,
    learningRate: config.learning_rate,
    weightDecay: 0,
    maxGradNorm: config.max_grad_norm,
    neftuneAlpha: 0,
    tape: tapeOptions(config, model.scope.device),
  });
  yield end(
    "training step",
    `${tokens} tokens, loss ${loss.toFixed(4)}, gradient norm ${gradNorm.toFixed(4)}`,
  );
  const evalLoss = await evaluateLoss(model, evalBatches, signal);
  yield end("evaluation", `${evaluation[0].ids.length} tokens, loss ${evalLoss.toFixed(4)}`);
  const folder = join(bench.output_dir, "rehearsal", "adapters");
  await Deno.mkdir(join(bench.output_dir, "rehearsal"), { recursive: true });
  await saveAdapter(trained.adapter!, folder, tokenizer.files);
  yield end("save the adapter", folder);
  trained.adapter!.detach();
  using adapter = await loadAdapter(model, folder);
  adapter.attach(model);
  yield end("load the adapter", `${adapter.pairs.size} layers`);
  const loadedLoss = await evaluateLoss(model, evalBatches, signal);
  requireSameLoss(folder, { saved: evalLoss, loaded: loadedLoss });
  yield end("evaluation once more", `the same loss, ${loadedLoss.toFixed(4)}`);
  const { ids, targetStart } = evaluation[0];
  const [answer] = await generate(model, [ids.subarray(0, targetStart)], {
    maxNewTokens: DECODED_TOKENS,
    eosIds: [],
    signal,
  });
  yield end("decode", `${answer.ids.length} tokens after a prompt of ${targetStart}`);
}

/** Throws {@linkcode FormatError} where an adapter in `folder` is not what it was, to the last bit. */
export function requireSameLoss(
  folder: string,
  { saved, loaded }: { saved: number; loaded: number },
): void {
  if (loaded === saved) return; // never for NaN
  throw new FormatError(
    `Cannot use the adapter in ${folder}: its loss is ${loaded} after loading and was ${saved} ` +
      "before saving; check the disk, then rehearse again",
    { file: folder },
  );
}

async function readExamples(
  bench: BenchConfig,
  tokenizer: Tokenizer,
): Promise<TokenizedExample[]> {
  const records = bench.train_path === null
    ? demoSplits({ seed: bench.seed, train: 256, validation: 0, test: 0 }).train
    : await readRecords(bench.train_path, { maxRecords: 256 });
  return tokenizeRecords(records, tokenizer, { maxSeqLength: bench.step_tokens }).examples;
}

/** As many of the examples as fit into `rows` rows; one at least. */
function firstRows(examples: readonly TokenizedExample[], rows: number): TokenizedExample[] {
  let taken = 0;
  const end = examples.findIndex(({ ids }) => (taken += ids.length) > rows);
  return examples.slice(0, Math.max(1, end < 0 ? examples.length : end));
}
