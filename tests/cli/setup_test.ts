import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type CommandResult, ensureAdapter, type Machine } from "../../src/cli/setup.ts";
import { DeviceError } from "../../src/errors.ts";

interface Trace {
  readonly commands: string[];
  readonly said: string[];
  readonly variables: Record<string, string>;
}

/** A machine on which `apt-get install` brings the adapter, but for what `differing` says. */
function pretend(differing: Partial<Machine> = {}): { machine: Machine; trace: Trace } {
  const trace: Trace = { commands: [], said: [], variables: {} };
  const machine: Machine = {
    os: "linux",
    setDefault: (variable, value) => void (trace.variables[variable] ??= value),
    hasAdapter: () => Promise.resolve(trace.commands.some((line) => line.includes(" install "))),
    canInstall: () => Promise.resolve(true),
    run(command) {
      trace.commands.push(command.join(" "));
      return Promise.resolve({ success: true, lastLines: "" });
    },
    say: (text) => void trace.said.push(text),
    ...differing,
  };
  return { machine, trace };
}

const INSTALL = "apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers";
const none = () => Promise.resolve(false);

Deno.test("where there is an adapter, nothing is said or run", async () => {
  const { machine, trace } = pretend({ hasAdapter: () => Promise.resolve(true) });
  await ensureAdapter(machine);
  assertEquals([trace.commands, trace.said], [[], []]);
  assertEquals(Object.keys(trace.variables), ["DENO_WEBGPU_BACKEND", "XDG_RUNTIME_DIR"]);
});

Deno.test("root on Debian: the software driver is installed, and it is said before", async () => {
  const { machine, trace } = pretend();
  await ensureAdapter(machine);
  assertEquals(trace.commands, ["apt-get update -q", INSTALL]);
  assertEquals(trace.said.length, 2);
  assertStringIncludes(trace.said[0], INSTALL);
});

Deno.test("others get the exact command, and nothing is run", async () => {
  const { machine, trace } = pretend({ canInstall: none });
  const error = await assertRejects(() => ensureAdapter(machine), DeviceError);
  assertStringIncludes(error.message, `sudo apt-get update -q && sudo ${INSTALL}`);
  assertEquals([trace.commands, trace.said], [[], []]);
});

Deno.test("macOS and Windows are left alone", async () => {
  for (const os of ["darwin", "windows"] as const) {
    const { machine, trace } = pretend({ os, hasAdapter: none });
    await ensureAdapter(machine);
    assertEquals(trace, { commands: [], said: [], variables: {} });
  }
});

function failing(words: readonly string[]): Machine["run"] {
  return ([program, verb]): Promise<CommandResult> =>
    Promise.resolve({ success: !words.includes(verb), lastLines: `E: ${program} ${verb} says no` });
}

Deno.test("a failed installation is told with apt-get's words", async () => {
  for (const words of [["install"], ["update", "install"]]) {
    const { machine } = pretend({ run: failing(words) });
    const { message } = await assertRejects(() => ensureAdapter(machine), DeviceError);
    assertStringIncludes(message, INSTALL);
    for (const word of ["update", "install"]) {
      assertEquals(message.includes(`E: apt-get ${word} says no`), words.includes(word));
    }
  }
});

Deno.test("a failed update alone does no harm; no adapter after all is an error", async () => {
  let calls = 0;
  const hasAdapter = () => Promise.resolve(calls++ > 0);
  await ensureAdapter(pretend({ run: failing(["update"]), hasAdapter }).machine);
  assertEquals(calls, 2);
  const { machine } = pretend({ hasAdapter: none });
  const { message } = await assertRejects(() => ensureAdapter(machine), DeviceError);
  assertStringIncludes(message, "no adapter is found");
});

// The real thing, in a process that sees no driver until its `apt-get`, a script, puts one there.
const driver = Deno.build.os === "linux" ? softwareDriver() : undefined;

function softwareDriver(): string | undefined {
  const folder = "/usr/share/vulkan/icd.d";
  try {
    const manifest = Array.from(Deno.readDirSync(folder)).find(({ name }) => /^lvp_/.test(name));
    return manifest && `${folder}/${manifest.name}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

// With the permissions of `deno task train`, and a variable that forbids a child to inherit it.
async function runSetup(aptGet: string) {
  const project = new URL("../../", import.meta.url);
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", project)));
  const [, ...flags] = tasks.train.split(" ").slice(0, -1);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/apt-get`, `#!/bin/sh\n${aptGet}\n`, { mode: 0o755 });
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { ensureAdapter } from "${project}src/cli/setup.ts";
      import { hasAdapter } from "${project}src/device/open.ts";
      await ensureAdapter().catch((error) => console.log(error.name, error.message));
      console.log("adapter:", await hasAdapter());`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...flags, `${folder}/main.ts`],
      env: {
        PATH: `${folder}:${Deno.env.get("PATH")}`,
        VK_DRIVER_FILES: `${folder}/driver.json`,
        VK_ICD_FILENAMES: `${folder}/driver.json`,
        DENO_WEBGPU_BACKEND: "vulkan",
        LD_LIBRARY_PATH: folder,
      },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { out: out.trim(), err };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "a real process sees the driver that it installed (needs root, Mesa's software driver)",
  ignore: driver === undefined || Deno.uid() !== 0,
  async fn() {
    const { out, err } = await runSetup(
      `[ "$1" != install ] || cp ${driver} "$VK_DRIVER_FILES"; echo much text`,
    );
    assertEquals(out, "adapter: true", err);
    assertStringIncludes(err, INSTALL);
    assert(!err.includes("much text"));
  },
});

Deno.test({
  name: "a real process whose apt-get fails names its last lines (needs root)",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  async fn() {
    const { out } = await runSetup(
      `[ "$1" != install ] || { echo E: no such package >&2; exit 100; }`,
    );
    assertStringIncludes(out, "DeviceError Cannot install");
    assertStringIncludes(out, "E: no such package");
    assertStringIncludes(out, "adapter: false");
  },
});
