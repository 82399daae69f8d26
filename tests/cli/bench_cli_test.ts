import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
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

Deno.test("bench with wrong options exits 2", async () => {
  const { code, stderr } = await runCli("bench", { rehearsal: "mistral-8b", rows: 0 });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "give one of mistral-7b, tiny");
  assertStringIncludes(stderr, "rows");
});
