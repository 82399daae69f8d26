/**
 * `deno task bench`: measures the adapter, then kernels as a share of it and a training step as one
 * of theirs.
 * @module
 */
import { join } from "node:path";
import type { Device } from "../device/device.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { readLayers } from "./args.ts";
import { writeCheckpoint } from "./bench_checkpoint.ts";
import { measureDecode } from "./bench_decode.ts";
import { measureKernels } from "./bench_kernels.ts";
import type { BenchRow, Measure } from "./bench_measure.ts";
import {
  BENCH_KINDS,
  type BenchConfig,
  describeBenchOptions,
  resolveBenchConfig,
} from "./bench_options.ts";
import { measurePeers } from "./bench_peers.ts";
import { type Phase, rehearse } from "./bench_rehearsal.ts";
import { measureScaling } from "./bench_scaling.ts";
import { measureStep } from "./bench_step.ts";
import { BENCH_HEADING, benchRow } from "./bench_table.ts";
import { formatBytes } from "./format.ts";
import { gitCommit } from "./git.ts";
import { helpText } from "./help.ts";
import { ensureAdapter } from "./setup.ts";
import { runTask } from "./task.ts";
import { openTunedDevice } from "./tuning_file.ts";

const HELP = {
  usage: "deno task bench [options]",
  summary:
    "Measures the GPU's peak and bandwidth first, then every kernel as a share of them, a training " +
    "step as a share of the matrix products', the products of other WebGPU libraries, decoding, and " +
    "what a token costs as steps and models grow. Everything is checked for correctness before it " +
    "is timed.",
  examples: [
    "deno task bench",
    "deno task bench --only kernels,step",
    "deno task bench --rehearsal mistral-7b --precision f16 --step_tokens 2048",
    "deno task bench --write_checkpoint outputs/7b --tokenizer mistral-7b",
    "deno task bench --rehearsal mistral-7b --base_model outputs/7b",
    "deno task bench --rehearsal mistral-7b --tokenizer mistral-7b --train_path data/processed/train.jsonl",
  ],
};

const MEASURES: Readonly<Record<typeof BENCH_KINDS[number], Measure>> = {
  kernels: measureKernels,
  step: measureStep,
  peers: measurePeers,
  decode: measureDecode,
  scaling: measureScaling,
};

await runTask(async (signal) => {
  const options = describeBenchOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config: BenchConfig = resolveBenchConfig(layers);
  if (config.write_checkpoint !== null) return await writeCheckpoint(config, signal);
  await ensureAdapter();
  using device = await openTunedDevice();
  const say = (text: string) => config.quiet || config.json || console.log(text);
  say(`GPU ${device.info.name}\n`);
  const results = config.rehearsal === null
    ? { measurements: await measureAll(device, config, { signal, say }) }
    : { phases: await rehearseAll(device, config, { signal, say }) };
  const report = {
    adapter: device.info,
    tuning: device.tuning,
    config,
    git_commit: await gitCommit(),
    versions: Deno.version,
    ...results,
  };
  await Deno.mkdir(config.output_dir, { recursive: true });
  const name = config.rehearsal === null ? "bench.json" : "rehearsal.json";
  const path = join(config.output_dir, name);
  await writeFileAtomic(path, JSON.stringify(report, null, 2) + "\n");
  say(`\nWritten to ${path}`);
});

interface Context {
  readonly signal: AbortSignal;
  /** Tells people, if they want to be told. */
  readonly say: (text: string) => void;
}

async function measureAll(
  device: Device,
  config: BenchConfig,
  { signal, say }: Context,
): Promise<BenchRow[]> {
  say(BENCH_HEADING);
  const rows: BenchRow[] = [];
  for (const kind of BENCH_KINDS.filter((kind) => config.only.includes(kind))) {
    for await (const row of MEASURES[kind](device, config, signal)) {
      signal.throwIfAborted();
      rows.push(row);
      if (config.json) console.log(JSON.stringify(row));
      say(benchRow(row));
    }
  }
  return rows;
}

async function rehearseAll(
  device: Device,
  config: BenchConfig,
  { signal, say }: Context,
): Promise<Phase[]> {
  const row = (phase: string, columns: readonly string[], detail = "") =>
    `${phase.padEnd(24)}${columns.map((cell) => cell.padStart(12)).join("")}   ${detail}`;
  say(row("phase", ["time", "GPU", "GPU peak", "process", "beside GPU"]));
  const phases: Phase[] = [];
  for await (const result of rehearse(device, config, signal)) {
    phases.push(result);
    if (config.json) console.log(JSON.stringify(result));
    const { phase, seconds, detail, ...bytes } = result;
    const amounts = [
      bytes.gpu_bytes,
      bytes.peak_gpu_bytes,
      bytes.host_bytes,
      bytes.host_bytes_beside_gpu,
    ];
    say(row(phase, [`${seconds.toFixed(1)} s`, ...amounts.map(formatBytes)], detail));
  }
  return phases;
}
