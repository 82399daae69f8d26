/**
 * Finds Jupyter on this machine and sees to it that it has the Deno kernel.
 * @module
 */
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { isJsonObject } from "../formats/json.ts";

/** What a command left behind. */
export interface ProgramResult {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is asked of the machine. */
export interface JupyterMachine {
  readonly os: typeof Deno.build.os;
  /** This Deno. */
  readonly deno: string;
  /** Runs a program to its end; null where there is none of this name. */
  run(command: readonly string[]): Promise<ProgramResult | null>;
  exists(path: string): Promise<boolean>;
  say(text: string): void;
}

/** An installed Jupyter. */
export interface Jupyter {
  /** The program, to which a subcommand is added. */
  readonly program: string;
  /** JupyterLab, or the classic notebook as Debian has it. */
  readonly subcommand: "lab" | "notebook";
}

/**
 * Finds Jupyter: in `.venv` of the project first, then on the path. Throws {@linkcode ToolError} with
 * the commands that install it where there is none.
 */
export async function findJupyter(machine: JupyterMachine): Promise<Jupyter> {
  const scripts = machine.os === "windows" ? ["Scripts", "jupyter.exe"] : ["bin", "jupyter"];
  for (const program of [join(".venv", ...scripts), "jupyter"]) {
    for (const subcommand of ["lab", "notebook"] as const) {
      if ((await machine.run([program, subcommand, "--version"]))?.success) {
        return { program, subcommand };
      }
    }
  }
  throw new ToolError(
    `Cannot open the notebooks: Jupyter is not installed; ${remedy(machine)}`,
    "jupyter",
  );
}

function remedy({ os }: JupyterMachine): string {
  const [python, pip] = os === "windows"
    ? ["py", String.raw`.venv\Scripts\pip`]
    : ["python3", ".venv/bin/pip"];
  return [
    "install it into the project's folder with",
    `  ${python} -m venv .venv && ${pip} install jupyterlab`,
    ...(os === "linux"
      ? ["or from Debian or Ubuntu with", "  sudo apt-get install -y jupyter-notebook"]
      : []),
    "or open the folder notebooks in VS Code with its Jupyter extension",
  ].join("\n");
}

/**
 * Installs the Deno kernel unless Jupyter has one whose Deno is still there: one that npx brought can be
 * gone. Throws {@linkcode ToolError} where that fails.
 */
export async function ensureKernel(machine: JupyterMachine, jupyter: Jupyter): Promise<void> {
  if (await hasKernel(machine, jupyter)) return;
  const install = [machine.deno, "jupyter", "--install", "--force"];
  machine.say(`Installing the Deno kernel: ${install.join(" ")}`);
  const { stdout, stderr } = await installWith(machine, install);
  // Where Jupyter cannot list its kernels, as with some of Debian's packages, Deno's word is taken.
  if (await hasKernel(machine, jupyter) !== false) return;
  // Deno installs into the home folder, and Jupyter may look elsewhere (JUPYTER_DATA_DIR).
  const [, folder] = / at (.*[\\/]kernels[\\/]deno)\b/.exec(`${stdout}\n${stderr}`) ?? [];
  const copy = [jupyter.program, "kernelspec", "install", "--user", "--replace", "--name", "deno"];
  await installWith(machine, [...copy, folder ?? "FOLDER"]);
}

async function installWith(
  machine: JupyterMachine,
  command: readonly string[],
): Promise<ProgramResult> {
  const result = await machine.run(command);
  if (result?.success) return result;
  const reason = result?.stderr.trim() ?? "it is not there";
  throw new ToolError(
    `Cannot install the Deno kernel: ${reason}; run ${command.join(" ")}`,
    command[0],
  );
}

/** Null where Jupyter cannot tell. */
async function hasKernel(machine: JupyterMachine, { program }: Jupyter): Promise<boolean | null> {
  const listed = await machine.run([program, "kernelspec", "list", "--json"]);
  if (!listed?.success) return null;
  const deno = kernelProgram(listed.stdout);
  return deno !== null && await machine.exists(deno);
}

/** The Deno of the kernel "deno" in what `jupyter kernelspec list --json` says; null without one. */
function kernelProgram(json: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const specs = isJsonObject(value) && isJsonObject(value.kernelspecs) ? value.kernelspecs : {};
  const deno = isJsonObject(specs.deno) && isJsonObject(specs.deno.spec) ? specs.deno.spec : {};
  const [program] = Array.isArray(deno.argv) ? deno.argv : [];
  return typeof program === "string" ? program : null;
}

/** The machine that this process runs on. */
export const thisComputer: JupyterMachine = {
  os: Deno.build.os,
  deno: Deno.execPath(),
  async run([program, ...args]) {
    try {
      const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
        .output();
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { success, stdout: decode(stdout), stderr: decode(stderr) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
  exists: (path) => Deno.stat(path).then(() => true, () => false),
  say: (text) => console.log(text),
};
