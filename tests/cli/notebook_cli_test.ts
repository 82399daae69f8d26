/**
 * `deno task notebook` with a stand-in for Jupyter on the path, in a copy of the project.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { stageNotebooks } from "../../src/cli/stage_notebooks.ts";
import { type TempFolder, tempFolder } from "../train/support.ts";
import { ROOT } from "./support.ts";

const SOURCE = "notebooks/01_finetune_text2sql.ipynb";
const RENDERED = {
  cells: [
    { cell_type: "code", metadata: { execution: { "iopub.status.busy": "12:00" } }, outputs: [] },
    { cell_type: "markdown", metadata: { tags: ["x"] } },
  ],
  metadata: {},
};

/** A Jupyter that has the Deno kernel, writes down how it is called, and does as `script` says. */
async function project(folder: TempFolder, script: string): Promise<void> {
  await stageNotebooks(ROOT, folder.path);
  await Deno.mkdir(folder("bin"));
  const kernels = { kernelspecs: { deno: { spec: { argv: [Deno.execPath(), "jupyter"] } } } };
  await Deno.writeTextFile(folder("rendered.json"), JSON.stringify(RENDERED));
  const lines = [
    "#!/bin/sh",
    `echo "$@" >> ${folder("calls")}`,
    `case "$1 $2" in`,
    `  "kernelspec list") echo '${JSON.stringify(kernels)}' ;;`,
    `  "lab --version") echo 4.0.0 ;;`,
    `  *) ${script} ;;`,
    "esac",
  ];
  await Deno.writeTextFile(folder("bin/jupyter"), lines.join("\n"), { mode: 0o755 });
}

async function notebook(folder: TempFolder, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(ROOT, "src/cli/notebook.ts"), ...args],
    cwd: folder.path,
    env: { PATH: `${folder("bin")}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const calls = (await Deno.readTextFile(folder("calls"))).trim().split("\n");
  return { code, stdout: decode(stdout), stderr: decode(stderr), last: calls.at(-1)! };
}

/** The stand-in is a shell script. */
const unixTest = (name: string, fn: (folder: TempFolder) => Promise<void>) =>
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      using folder = tempFolder();
      await fn(folder);
    },
  });

unixTest("notebook opens the first notebook in JupyterLab, and ends as it ends", async (folder) => {
  await project(folder, 'test "$1" = lab');
  const { code, stdout, last } = await notebook(folder);
  assertEquals(code, 0);
  const root = Deno.uid() === 0 ? " --allow-root" : "";
  assertEquals(last, `lab ${SOURCE}${root}`);
  assertStringIncludes(stdout, `jupyter ${last}\n`);
});

unixTest("notebook fails where Jupyter fails", async (folder) => {
  await project(folder, "exit 3");
  assertEquals((await notebook(folder)).code, 1);
});

unixTest(
  "notebook --render writes what ran, without times, and leaves outputs alone",
  async (folder) => {
    // The last argument is the notebook; it writes beside itself, as the cells do.
    await project(
      folder,
      'for file in "$@"; do :; done; cp "$file" ran.ipynb; cd "$(dirname "$file")" && ' +
        `mkdir -p ../outputs/notebook && ls ../data ../src ../kernels ../deno.json > ` +
        `../outputs/notebook/seen && pwd > ${folder("where")} && cat ${folder("rendered.json")}`,
    );
    await Deno.mkdir(folder("outputs/notebook"), { recursive: true });
    await Deno.writeTextFile(folder("outputs/notebook/mine"), "trained for a day");
    const { code, stderr, last } = await notebook(folder, "--render");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(
      last,
      /^nbconvert --to notebook --execute --stdout \/.*\/notebooks\/01_\w+\.ipynb$/,
    );
    const ran = await Deno.readTextFile(folder("ran.ipynb"));
    assertEquals(ran, await Deno.readTextFile(folder(SOURCE)));
    const written = await Deno.readTextFile(folder("notebooks/walkthrough.ipynb"));
    const [code1, text] = RENDERED.cells;
    const cells = [{ ...code1, metadata: {} }, text];
    assertEquals(written, JSON.stringify({ cells, metadata: {} }, null, 1) + "\n");
    assertEquals([...Deno.readDirSync(folder("outputs/notebook"))].map(({ name }) => name), [
      "mine",
    ]);
    const where = (await Deno.readTextFile(folder("where"))).trim();
    assert(!where.startsWith(folder.path), `it ran in ${where}`);
    assertEquals(await Deno.stat(where).catch(() => null), null, "the folder of the run is left");
  },
);

unixTest("notebook --render says why it failed, and keeps the walkthrough", async (folder) => {
  await project(folder, 'echo "AbortError: in cell 3" >&2; exit 1');
  const before = await Deno.readTextFile(folder("notebooks/walkthrough.ipynb"));
  const { code, stderr } = await notebook(folder, "--render");
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /Cannot run notebooks\/01_\w+\.ipynb: AbortError: in cell 3; where nbconvert/,
  );
  assertEquals(await Deno.readTextFile(folder("notebooks/walkthrough.ipynb")), before);
});
