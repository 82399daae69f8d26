/**
 * `deno task bench`: measures the adapter's peak, then kernels and a training step as a share of it.
 * @module
 */
import { join } from "node:path";
import { openDevice } from "../device/open.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { readLayers } from "./args.ts";
import { type BenchConfig, describeBenchOptions, resolveBenchConfig } from "./bench_options.ts";
import { measureKernels, type Measurement } from "./bench_kernels.ts";
import { measureStep } from "./bench_step.ts";
import { gitCommit } from "./git.ts";
import { helpText } from "./help.ts";
import { ensureAdapter } from "./setup.ts";
import { runTask } from "./task.ts";

const HELP = {
  usage: "deno task bench [options]",
  summary:
    "Measures the GPU's peak first, then matrix products and a training step as a share of it. " +
    "Everything is checked for correctness before it is timed.",
};

await runTask(async (signal) => {
  const options = describeBenchOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config: BenchConfig = resolveBenchConfig(layers);
  await ensureAdapter();
  using device = await openDevice();
  const say = (text: string) => config.quiet || config.json || console.log(text);
  say(`GPU ${device.info.name}\n`);
  say(tableRow("measurement", "time", "rate", "share"));
  const measurements: Measurement[] = [];
  for (const measure of [measureKernels, measureStep]) {
    for await (const result of measure(device, config)) {
      signal.throwIfAborted();
      measurements.push(result);
      if (config.json) console.log(JSON.stringify(result));
      say(rowOf(result));
    }
  }
  const report = {
    adapter: device.info,
    config,
    git_commit: await gitCommit(),
    versions: Deno.version,
    measurements,
  };
  await Deno.mkdir(config.output_dir, { recursive: true });
  const path = join(config.output_dir, "bench.json");
  await writeFileAtomic(path, JSON.stringify(report, null, 2) + "\n");
  say(`\nWritten to ${path}`);
});

function rowOf({ name, seconds, rate, unit, share, of }: Measurement): string {
  return tableRow(
    name,
    `${(seconds * 1000).toFixed(2)} ms`,
    `${rate.toFixed(1)} ${unit}`,
    share === undefined ? "" : `${(share * 100).toFixed(1)} % of ${of}`,
  );
}

function tableRow(name: string, time: string, rate: string, share: string): string {
  return `${name.padEnd(44)}${time.padStart(12)}${rate.padStart(18)}   ${share}`.trimEnd();
}
