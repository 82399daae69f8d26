import { join } from "node:path";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { namesIn } from "../formats/support.ts";
import { tempFolder } from "../train/support.ts";
import { parseEvents, runCli } from "./support.ts";

const SMALL = { gpu_memory_limit: "48MiB" };

Deno.test("train refuses a plan above --gpu_memory_limit, and says which options take less", async () => {
  using folder = tempFolder();
  const output_dir = folder("run");
  const { code, stdout, stderr } = await runCli("train", { ...SMALL, output_dir }, "--smoke");
  assertEquals(code, 1);
  assertStringIncludes(stdout, "in all at the peak, of 48.0 MiB (--gpu_memory_limit)");
  assertStringIncludes(stderr, "there are 48.0 MiB (--gpu_memory_limit); use less memory with");
  assertStringIncludes(stderr, "--gradient_checkpointing true\n      takes");
  assertStringIncludes(stderr, "less: fits");
  assertEquals(namesIn(output_dir), ["data"]);
});

Deno.test("--dry_run refuses it too, after it has written the plan", async () => {
  using folder = tempFolder();
  const output_dir = folder("run");
  const { code, stdout, stderr } = await runCli(
    "train",
    { ...SMALL, output_dir },
    "--smoke",
    "--dry_run",
    "--json",
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "use less memory with");
  const limit = { bytes: 48 * 2 ** 20, source: "--gpu_memory_limit" };
  assertEquals(parseEvents(stdout).at(-1)?.limit, limit);
  const meta = JSON.parse(await Deno.readTextFile(join(output_dir, "run_meta.json")));
  assertEquals(meta.memory_limit, limit);
});

Deno.test("a limit that is no amount is wrong use", async () => {
  const { code, stderr } = await runCli("train", { gpu_memory_limit: "much" }, "--smoke");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "give an amount of memory such as 24GiB or 800MiB");
});
