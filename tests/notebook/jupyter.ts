/**
 * A real Jupyter client for tests: a Python environment of its own with pinned packages, the Deno kernel
 * of this very Deno, and a copy of the notebooks, all in a temporary folder.
 * @module
 */
import { join } from "node:path";
import { stageNotebooks } from "../../src/cli/stage_notebooks.ts";
import { ROOT } from "../cli/support.ts";

/** What is installed. Its dependencies come as pip chooses them. */
const PACKAGES = ["nbclient==0.11.0", "jupyter_client==8.10.0", "nbformat==5.11.1"];

/** An installed client. */
export interface Jupyter {
  /** The copy of the project: `notebooks/`, and `outputs/` that they write. */
  readonly folder: string;
  /** Runs `run.py` and returns what it printed. */
  run(...args: readonly string[]): Promise<string>;
  [Symbol.dispose](): void;
}

async function output(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { success, stdout: decode(stdout), stderr: decode(stderr) };
}

/** What pip and Python say where there is no package index, or no pip. */
const NOT_THERE = /from versions: none|connection|no module named pip|ensurepip|no such file/i;

/**
 * What a test that needs `what` is left out for, its installation having failed with `stderr`. Throws
 * where that is no lack of this machine, such as a wrong pin, and where CI is set: there nothing may be
 * missing.
 */
export function lacking(what: string, stderr: string, isCi = Boolean(Deno.env.get("CI"))): string {
  if (!isCi && NOT_THERE.test(stderr)) return what;
  throw new Error(`Cannot run the notebooks without ${what}:\n${stderr}`);
}

/** Installs the client; a text that says what this machine lacks, see {@linkcode lacking}. */
export async function installJupyter(): Promise<Jupyter | string> {
  const folder = await Deno.makeTempDir({ prefix: "sqlora-notebooks-" });
  const remove = () => Deno.removeSync(folder, { recursive: true });
  const python = join(folder, "venv", "bin", "python");
  const steps: [what: string, command: string, args: string[]][] = [
    ["Python's venv", "python3", ["-m", "venv", join(folder, "venv")]],
    ["pip with a package index", python, ["-m", "pip", "install", "-q", ...PACKAGES]],
  ];
  for (const [what, command, args] of steps) {
    const { success, stderr } = await output(command, args).catch((error: Error) => (
      { success: false, stderr: error.message }
    ));
    if (success) continue;
    remove();
    return lacking(what, stderr);
  }
  await stageNotebooks(ROOT, folder);
  const kernel = join(folder, "jupyter", "kernels", "deno");
  await Deno.mkdir(kernel, { recursive: true });
  await Deno.writeTextFile(
    join(kernel, "kernel.json"),
    JSON.stringify({
      argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
      display_name: "Deno",
      language: "typescript",
    }),
  );
  const env = {
    JUPYTER_PATH: join(folder, "jupyter"),
    JUPYTER_DATA_DIR: join(folder, "jupyter"),
    JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp",
  };
  return {
    folder,
    async run(...args) {
      const { success, stdout, stderr } = await output(
        python,
        [join(ROOT, "tests/notebook/run.py"), ...args],
        env,
      );
      if (!success) throw new Error(`run.py ${args.join(" ")} failed:\n${stderr}`);
      return stdout;
    },
    [Symbol.dispose]: remove,
  };
}
