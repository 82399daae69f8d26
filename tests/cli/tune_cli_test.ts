import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openTunedDevice } from "../../src/cli/tuning_file.ts";
import { kernelChoices } from "../../src/ops/tuning.ts";
import { tempFolder } from "../train/support.ts";
import { parseEvents, runCli } from "./support.ts";

Deno.test("tune: every variant is right and timed, and what is chosen can be loaded", async () => {
  using folder = tempFolder();
  const file = folder("tuning.json");
  const { code, stdout, stderr } = await runCli("tune", { width: 64, repeats: 1, file }, "--json");
  assertEquals([code, stderr], [0, ""]);
  const events = parseEvents(stdout);
  using device = await openTunedDevice({ path: file, note: (text) => assert(false, text) });
  for (const { name, variants } of kernelChoices) {
    const timed = events.filter(({ type, choice }) => type === "variant" && choice === name);
    const possible = variants.filter((variant) => variant.runsOn(device));
    assertEquals(
      timed.map(({ variant }) => variant).sort(),
      possible.map(({ name }) => name).sort(),
    );
    for (const { seconds, variant } of timed) {
      assert(typeof seconds === "number" && seconds > 0, `${variant} was not timed`);
    }
    const { variant } = events.find(({ type, choice }) => type === "choice" && choice === name)!;
    assertEquals(device.tuning[name], variant);
  }
});

Deno.test("tune: without a place for the file it says what to do", async () => {
  const { code, stderr } = await runCli("tune", {});
  assertEquals(code, 2);
  assertStringIncludes(stderr, "SQLORA_TUNING is off, or there is no home folder; give --file");
});
