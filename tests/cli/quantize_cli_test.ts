import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tempFolder } from "../train/support.ts";
import { goldenBase } from "../train/tiny.ts";
import { runCli } from "./support.ts";

Deno.test("quantize writes a folder that infer answers from as from the original", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  const out = folder("nf4");
  const { code, stdout, stderr } = await runCli("quantize", { base_model, out });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `of weights in ${out}`);
  const answerOf = async (base_model: string) => {
    const options = { base_model, prompt: "SELECT", max_new_tokens: 8 };
    return JSON.parse((await runCli("infer", options, "--json")).stdout).ids;
  };
  assertEquals(await answerOf(out), await answerOf(base_model));
  const sizeOf = async (model: string) => (await Deno.stat(join(model, "model.safetensors"))).size;
  assert(await sizeOf(out) > 0);

  const again = await runCli("quantize", { base_model, out });
  assertEquals([again.code, again.stdout], [2, ""]);
  assertStringIncludes(again.stderr, "it exists; give a new folder");

  const twice = await runCli("quantize", { base_model: out, out: folder("twice") });
  assertEquals([twice.code, twice.stdout], [1, ""]); // not even progress: it was not loaded
  assertStringIncludes(twice.stderr, "its weights are quantised already");
  assert(!twice.stderr.includes("%"), twice.stderr);
});

Deno.test("quantize: a missing model and missing options are told plainly", async () => {
  const none = await runCli("quantize", {});
  assertEquals(none.code, 2);
  assertStringIncludes(none.stderr, "base_model");
  assertStringIncludes(none.stderr, "out");
  const missing = await runCli("quantize", { base_model: "/no/such/model", out: "/tmp/none/nf4" });
  assertEquals(missing.code, 1);
  assertStringIncludes(missing.stderr, "/no/such/model");
  assert(!missing.stderr.includes("    at "), missing.stderr);
});
