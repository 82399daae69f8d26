import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ensureKernel,
  findJupyter,
  type JupyterMachine,
  type ProgramResult,
} from "../../src/cli/jupyter.ts";
import { ToolError } from "../../src/errors.ts";

/** A machine on which the commands in `answers` succeed with this output, and no others. */
function pretend(
  answers: Readonly<Record<string, string>>,
  { os = "linux", files = [] }: {
    os?: JupyterMachine["os"];
    files?: readonly string[];
  } = {},
) {
  const ran: string[] = [];
  const said: string[] = [];
  const machine: JupyterMachine = {
    os,
    deno: "/opt/deno",
    run(command): Promise<ProgramResult | null> {
      const line = command.join(" ");
      ran.push(line);
      const stdout = answers[line];
      return Promise.resolve(stdout === undefined ? null : { success: true, stdout, stderr: "" });
    },
    exists: (path) => Promise.resolve(files.includes(path)),
    say: (text) => void said.push(text),
  };
  return { machine, ran, said };
}

const LIST = "jupyter kernelspec list --json";
const INSTALL = "/opt/deno jupyter --install --force";
const LAB = { program: "jupyter", subcommand: "lab" } as const;
const specs = (argv: readonly string[]) =>
  JSON.stringify({ kernelspecs: { deno: { spec: { argv, display_name: "Deno" } } } });

Deno.test("Jupyter of the project's .venv comes first, JupyterLab before the classic notebook", async () => {
  const venv = ".venv/bin/jupyter lab --version", lab = "jupyter lab --version";
  const classic = "jupyter notebook --version";
  const found = async (...lines: string[]) => {
    const { machine } = pretend(Object.fromEntries(lines.map((line) => [line, "1"])));
    return await findJupyter(machine);
  };
  assertEquals(await found(venv, lab), { program: ".venv/bin/jupyter", subcommand: "lab" });
  assertEquals(await found(lab, classic), LAB);
  assertEquals(await found(classic), { program: "jupyter", subcommand: "notebook" });
});

Deno.test("without Jupyter: the exact commands, of Debian only on Linux", async () => {
  const linux = await assertRejects(() => findJupyter(pretend({}).machine), ToolError);
  assertStringIncludes(linux.message, "python3 -m venv .venv && .venv/bin/pip install jupyterlab");
  assertStringIncludes(linux.message, "sudo apt-get install -y jupyter-notebook");
  const { machine } = pretend({}, { os: "darwin" });
  const mac = await assertRejects(() => findJupyter(machine), ToolError);
  assertEquals(mac.message.includes("apt-get"), false);
});

Deno.test("the kernel is installed where there is none, or its Deno is gone", async () => {
  const present = pretend({ [LIST]: specs(["/opt/old"]) }, { files: ["/opt/old"] });
  await ensureKernel(present.machine, LAB);
  assertEquals([present.ran, present.said], [[LIST], []]);
  const folder = "/home/me/.local/share/jupyter/kernels/deno";
  const installed = `✅ Deno kernelspec installed successfully at ${folder}.`;
  for (const listed of [specs(["/opt/gone"]), "{}", "no JSON"]) {
    const answers: Record<string, string> = { [LIST]: listed, [INSTALL]: installed };
    const { machine, ran, said } = pretend(answers, { files: ["/opt/deno"] });
    await ensureKernel({
      ...machine,
      run(command) {
        if (command.join(" ") === INSTALL) answers[LIST] = specs(["/opt/deno"]);
        return machine.run(command);
      },
    }, LAB);
    assertEquals([ran, said.length], [[LIST, INSTALL, LIST], 1]);
  }
  const failing = pretend({ [LIST]: "{}" });
  const error = await assertRejects(() => ensureKernel(failing.machine, LAB), ToolError);
  assertStringIncludes(error.message, INSTALL);
});

Deno.test("a Jupyter that cannot list its kernels gets one, and no more is asked of it", async () => {
  const { machine, ran } = pretend({ [INSTALL]: "" });
  await ensureKernel(machine, LAB);
  assertEquals(ran, [LIST, INSTALL, LIST]);
});

Deno.test("a kernel that Deno put where this Jupyter does not look is copied to where it does", async () => {
  const folder = "/home/me/My Files/jupyter/kernels/deno";
  const copy = `jupyter kernelspec install --user --replace --name deno ${folder}`;
  const installed = `✅ Deno kernelspec installed successfully at ${folder}.\n`;
  const elsewhere = pretend({ [LIST]: "{}", [INSTALL]: installed, [copy]: "" });
  await ensureKernel(elsewhere.machine, LAB);
  assertEquals(elsewhere.ran, [LIST, INSTALL, LIST, copy]);
  const failing = pretend({ [LIST]: "{}", [INSTALL]: installed });
  const error = await assertRejects(() => ensureKernel(failing.machine, LAB), ToolError);
  assertStringIncludes(error.message, copy);
});
