import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { BenchRow } from "../../src/cli/bench_measure.ts";
import { requireSameLoss } from "../../src/cli/bench_rehearsal.ts";
import { FormatError } from "../../src/errors.ts";
import { tempFolder } from "../train/support.ts";
import { type CliOptions, runCli } from "./support.ts";

interface Phase {
  readonly phase: string;
  readonly detail: string;
  readonly gpu_bytes: number;
  readonly host_bytes: number;
  readonly host_bytes_beside_gpu: number;
}

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
    "evaluation once more",
    "decode",
  ]);
  for (const { phase } of phases) assertStringIncludes(stdout, phase);
  const step = phases[3];
  const ratio = step.peak_gpu_bytes / phases[0].plan.totalBytes;
  assert(ratio > 0.95 && ratio <= 1.05, `the peak is ${ratio} of the plan`);
  assertStringIncludes(step.detail, "loss 10.");
  const [once, again] = phases.filter(({ phase }: Phase) => phase.startsWith("evaluation"));
  assertEquals(again.detail, `the same loss, ${/[\d.]+$/.exec(once.detail)![0]}`);
});

Deno.test("bench --rehearsal: an adapter that is another once it is loaded is refused", () => {
  requireSameLoss("a", { saved: 1.5, loaded: 1.5 });
  for (const losses of [{ saved: 1.5, loaded: 1.5000001 }, { saved: NaN, loaded: NaN }]) {
    assertThrows(() => requireSameLoss("a", losses), FormatError, "Cannot use the adapter in a");
  }
});

const productNames = (rows: number) =>
  ["forward", "backward (dX)"].flatMap((direction) =>
    ["f32", "NF4"].map((format) => `GEMM ${rows}×64×64 ${format} ${direction}`)
  );

Deno.test("bench: every kind of measurement gives its rows, in the table and in bench.json", async () => {
  using folder = tempFolder();
  const { code, stdout, stderr } = await runCli("bench", {
    rows: 9,
    width: 64,
    only: "scaling,peers,decode,step,kernels",
    step_tokens: 16,
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
    ...productNames(9),
    "attention, 18 tokens, 4 heads of 128, forward",
    "attention, 18 tokens, 4 heads of 128, backward",
    "attention, 3 × 64 tokens, 4 heads of 32, forward",
    "attention, 3 × 64 tokens, 4 heads of 32, backward",
    "gemm_tn 64×16×9",
    "attention of decoding, 4 × 18 cached tokens",
    "pack_rows 36×64",
    "panels_dense 64×64 from bf16",
    "panels_nf4 64×64 from NF4",
    "rmsnorm 36×64, forward",
    "rmsnorm 36×64, backward",
    "rope 36×64",
    "swiglu 36×64, forward",
    "swiglu 36×64, backward",
    "cross_entropy 5×32000, forward",
    "cross_entropy 5×32000, backward",
    "embedding 36×64 from bf16",
    "add 36×64",
    "rows 36×64",
    "noise (dropout) 36×64",
    "keep (from f16) 36×64",
    "argmax 5×32000",
    "grad_norm 36×64",
    "adamw 36×64",
    "adamw_8bit 36×64",
    "nf4 quantise 64×64 from bf16",
    ...productNames(16),
    "1 layer of width 64, 16 tokens, checkpointing (at most 100 %)",
    "2 layers of width 64, 16 tokens, checkpointing (at most 84 %)",
    "2 layers of width 64, 16 tokens, no checkpointing",
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

Deno.test("bench --write_checkpoint: a folder to rehearse from, also once it is quantised", async () => {
  using folder = tempFolder();
  const base_model = folder("model"), nf4 = folder("nf4"), output_dir = folder("bench");
  const write = { write_checkpoint: base_model, sizes: "tiny", layers: 3, max_shard_gb: 0.003 };
  const written = await runCli("bench", write);
  assertEquals([written.code, written.stderr], [0, ""]);
  assertStringIncludes(written.stdout, `of weights in ${base_model}`);
  const quantized = await runCli("quantize", { base_model, out: nf4 });
  assertEquals([quantized.code, quantized.stderr], [0, ""]);
  assertStringIncludes(quantized.stdout, "beside the GPU's buffers");

  const rehearse = async (options: CliOptions): Promise<Phase[]> => {
    const { code, stderr } = await runCli("bench", { rehearsal: "tiny", output_dir, ...options });
    assertEquals([code, stderr], [0, ""]);
    return JSON.parse(await Deno.readTextFile(join(output_dir, "rehearsal.json"))).phases;
  };
  const fromMemory = await rehearse({ layers: 3 });
  const fromFolder = await rehearse({ base_model });
  const fromNf4 = await rehearse({ base_model: nf4 });
  const lossesOf = (phases: Phase[]) =>
    phases.filter(({ phase }) => /step|evaluation/.test(phase)).map(({ detail }) => detail);
  assertEquals(lossesOf(fromFolder), lossesOf(fromMemory));
  assertEquals(lossesOf(fromNf4), lossesOf(fromMemory));
  assertEquals([fromFolder[1].phase, fromNf4[1].phase], ["load and quantise", "load"]);
  assertStringIncludes(fromFolder[1].detail, "in 3 layers");
  for (const { host_bytes, host_bytes_beside_gpu, gpu_bytes } of [...fromFolder, ...fromNf4]) {
    assert(host_bytes >= host_bytes_beside_gpu && host_bytes_beside_gpu > gpu_bytes);
  }

  const again = await runCli("bench", write);
  assertEquals(again.code, 2);
  assertStringIncludes(again.stderr, "it exists; give a new folder");
  const other = await runCli("bench", { rehearsal: "mistral-7b", base_model, output_dir });
  assertEquals(other.code, 2);
  assertStringIncludes(other.stderr, "its hiddenSize is 64, not 4096");
});

Deno.test("bench: options that exclude one another are told", async () => {
  const both = { rehearsal: "tiny", write_checkpoint: "a", base_model: "b", layers: 2 };
  const { code, stderr } = await runCli("bench", both);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot write a checkpoint and rehearse at once");
  assertStringIncludes(stderr, "Cannot use layers with base_model");
  assertStringIncludes((await runCli("bench", { base_model: "b" })).stderr, "give --rehearsal");
});

Deno.test("bench with wrong options exits 2", async () => {
  const { code, stderr } = await runCli("bench", {
    rehearsal: "mistral-8b",
    rows: 0,
    only: "kernels,stepp",
    model_width: 100,
    width: 32,
  });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "give one of mistral-7b, tiny");
  assertStringIncludes(stderr, "rows");
  assertStringIncludes(stderr, "give one or more of kernels, step, peers, decode, scaling");
  assertStringIncludes(stderr, "model_width");
  assertStringIncludes(stderr, "Cannot use --width 32");
});
