import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { BenchRow } from "../../src/cli/bench_measure.ts";
import { tempFolder } from "../train/support.ts";
import { runCli } from "./support.ts";

Deno.test("bench --rehearsal tiny: every phase of fine-tuning, within the plan's memory", async () => {
  using folder = tempFolder();
  const options = { rehearsal: "tiny", output_dir: folder("bench"), step_tokens: 200 };
  const { code, stdout, stderr } = await runCli("bench", options);
  assertEquals([code, stderr], [0, ""]);
  const { phases } = JSON.parse(await Deno.readTextFile(join(folder("bench"), "rehearsal.json")));
  assertEquals(phases.map(({ phase }: { phase: string }) => phase), [
    "plan",
    "load and quantise",
    "adapter and optimizer",
    "training step",
    "evaluation",
    "save the adapter",
    "load the adapter",
    "decode",
  ]);
  for (const { phase } of phases) assertStringIncludes(stdout, phase);
  const step = phases[3];
  const ratio = step.peak_gpu_bytes / phases[0].plan.totalBytes;
  assert(ratio > 0.95 && ratio <= 1.05, `the peak is ${ratio} of the plan`);
  assertStringIncludes(step.detail, "loss 10.");
});

Deno.test("bench: every kind of measurement gives its rows, in the table and in bench.json", async () => {
  using folder = tempFolder();
  const { code, stdout, stderr } = await runCli("bench", {
    rows: 9,
    width: 64,
    only: "scaling,peers,decode,kernels",
    peer_size: 32,
    model_width: 64,
    repeats: 1,
    output_dir: folder("bench"),
  });
  assertEquals([code, stderr], [0, ""]);
  const { measurements } = JSON.parse(await Deno.readTextFile(join(folder("bench"), "bench.json")));
  const names: string[] = measurements.map(({ name }: BenchRow) => name);
  assertEquals(names.map((name) => name.replace(/@[\d.]+$/, "@N")), [
    "FMA peak",
    "copy (read and write counted)",
    "GEMM 9×64×64 f32 forward",
    "GEMM 9×64×64 f32 backward (dX)",
    "GEMM 9×64×64 NF4 forward",
    "GEMM 9×64×64 NF4 backward (dX)",
    "GEMM 32×32×32 f32, @jax-js/jax@N",
    "GEMM 32×32×32 f32, @tensorflow/tfjs-backend-webgpu@N",
    "GEMM 32×32×32 f32, onnxruntime-web@N",
    "GEMM 32×32×32 f32, SQLoRA",
    "matrix-vector 64×64 NF4",
    "matrix-vector 64×64 bf16",
    "matrix-vector 64×64 f32",
    "decode, 2 layers of width 64, NF4",
    ...[64, 128, 256, 512].map((tokens) => `step of ${tokens} tokens, 2 layers of width 64`),
    ...[2, 4, 8].map((layers) => `step of 128 tokens, ${layers} layers of width 64`),
  ]);
  for (const row of measurements as BenchRow[]) {
    assertStringIncludes(stdout, row.name);
    // Peers cannot run everywhere; the others can.
    if ("reason" in row) assertStringIncludes(row.name, "@");
    else assert(row.seconds > 0 && row.rate > 0, JSON.stringify(row));
  }
});

Deno.test("bench with wrong options exits 2", async () => {
  const { code, stderr } = await runCli("bench", {
    rehearsal: "mistral-8b",
    rows: 0,
    only: "kernels,stepp",
    model_width: 100,
  });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "give one of mistral-7b, tiny");
  assertStringIncludes(stderr, "rows");
  assertStringIncludes(stderr, "give one or more of kernels, step, peers, decode, scaling");
  assertStringIncludes(stderr, "model_width");
});
