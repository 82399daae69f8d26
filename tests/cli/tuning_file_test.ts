import { assert, assertEquals, assertRejects } from "@std/assert";
import { openTunedDevice, tuningPath, writeTuning } from "../../src/cli/tuning_file.ts";
import type { AdapterInfo } from "../../src/device/device.ts";
import { FormatError } from "../../src/errors.ts";
import { transposedChoice } from "../../src/ops/gemm_variants.ts";
import { variantsHash } from "../../src/ops/tuning.ts";
import { tempFolder } from "../train/support.ts";
import { runCli } from "./support.ts";

const OTHER: AdapterInfo = {
  name: "another GPU",
  vendor: "1",
  software: false,
  subgroupSize: 0,
  features: [],
};

/** What the device that is opened with the file takes, and what is said about it. */
async function load(path: string | null) {
  const notes: string[] = [];
  using device = await openTunedDevice({ path, note: (text) => notes.push(text) });
  return { tuning: device.tuning, notes, adapter: device.info };
}

Deno.test("tuningPath: the variable, else the user's cache folder, else nowhere", () => {
  const path = (variables: Record<string, string>) => tuningPath((name) => variables[name]);
  const home = { HOME: "/home/ada", XDG_CACHE_HOME: "/cache" };
  assertEquals(path({ ...home, SQLORA_TUNING: "mine.json" }), "mine.json");
  assertEquals(path({ ...home, SQLORA_TUNING: "off" }), null);
  assertEquals(path({ ...home, SQLORA_TUNING: "" }), "/cache/sqlora/tuning.json");
  assertEquals(path({ HOME: "/home/ada" }), "/home/ada/.cache/sqlora/tuning.json");
  assertEquals(path({ USERPROFILE: "/users/ada" }), "/users/ada/.cache/sqlora/tuning.json");
  assertEquals(path({}), null);
});

Deno.test("tuningPath: tests, and the tasks that they start, read no file of the user's", () => {
  assertEquals(tuningPath(), null);
});

Deno.test("a tuning that is written is loaded for its adapter, beside those of others", async () => {
  using folder = tempFolder();
  const path = folder("cache/tuning.json");
  assertEquals((await load(path)).tuning, {});
  const { adapter } = await load(null);
  await writeTuning(path, OTHER, { gemm_tn: "tiled-64x64-4x4" });
  assertEquals(await load(path), { tuning: {}, notes: [], adapter });
  const tuning = { gemm_8_rows: "tiled-16x64-8x4", matvec_dense: "4-lanes" };
  await writeTuning(path, adapter, tuning);
  assertEquals(await load(path), { tuning, notes: [], adapter });
  const { adapters } = JSON.parse(await Deno.readTextFile(path));
  assertEquals(Object.keys(adapters), ["1 another GPU", `${adapter.vendor} ${adapter.name}`]);
});

Deno.test("a tuning that cannot be used is told of and changes nothing", async () => {
  using folder = tempFolder();
  const path = folder("tuning.json");
  const { adapter } = await load(null);
  const key = `${adapter.vendor} ${adapter.name}`;
  const variants = await variantsHash();
  const file = (tuning: unknown, changes = {}) =>
    JSON.stringify({
      format: 1,
      adapters: { [key]: { variants, measured: "2026-11-21", tuning, ...changes } },
    });
  const cases: [content: string, fault: string][] = [
    ["", "it is damaged"],
    ["{", "it is damaged"],
    ["[]", "it is damaged"],
    [JSON.stringify({ format: 2, adapters: {} }), "it is damaged"],
    [file({ gemm_tn: 3 }), "it is damaged"],
    [file({}, { variants: "0123456789abcdef" }), "it was measured with other versions of"],
    [file({ gemm_9_rows: "tiled-16x64-8x4" }), "nothing is called gemm_9_rows"],
    [file({ gemm_8_rows: "tiled-9x9-8x4" }), "gemm_8_rows has no variant tiled-9x9-8x4"],
  ];
  for (const [content, fault] of cases) {
    await Deno.writeTextFile(path, content);
    const { tuning, notes } = await load(path);
    assertEquals([tuning, notes.length], [{}, 1]);
    assert(notes[0].startsWith(`Note: the tuning in ${path} is not used: ${fault}`), notes[0]);
    assert(notes[0].endsWith("run `deno task tune` again, or set SQLORA_TUNING=off"), notes[0]);
  }
  const { notes } = await load(folder("."));
  assert(/not used: .*directory/i.test(notes[0]), notes[0]);
  await Deno.writeTextFile(path, "{");
  await writeTuning(path, adapter, {});
  assertEquals((await load(path)).notes, [], "a damaged file is not replaced");
  await assertRejects(() => writeTuning(folder("tuning.json/x"), adapter, {}), FormatError);
});

Deno.test("tasks compute with the tuning, note a damaged one, and without one have the defaults", async () => {
  using folder = tempFolder();
  const path = folder("tuning.json");
  const { adapter } = await load(null);
  const [usual] = transposedChoice.variants;
  const other = transposedChoice.variants.find(({ name }) => name !== usual.name)!;
  const run = async (variable: string) => {
    const options = { only: "kernels", rows: 8, width: 64, repeats: 1, output_dir: folder("out") };
    Deno.env.set("SQLORA_TUNING", variable);
    const { code, stderr } = await runCli("bench", options).finally(() =>
      Deno.env.set("SQLORA_TUNING", "off")
    );
    const { tuning } = JSON.parse(await Deno.readTextFile(folder("out/bench.json")));
    return { code, stderr, tuning };
  };
  await writeTuning(path, adapter, { gemm_tn: other.name });
  assertEquals(await run(path), { code: 0, stderr: "", tuning: { gemm_tn: other.name } });
  assertEquals(await run("off"), { code: 0, stderr: "", tuning: {} });
  await Deno.writeTextFile(path, "{");
  const { code, stderr, tuning } = await run(path);
  assertEquals([code, tuning], [0, {}]);
  assert(
    /^Note: the tuning in .* is damaged; run `deno task tune` again.*\n$/.test(stderr),
    stderr,
  );
});
