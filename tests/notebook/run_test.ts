/**
 * Runs the notebooks as users do: with a real Jupyter client and the Deno kernel, on the embedded
 * default. Needs Python with venv and pip, and a package index.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../cli/support.ts";
import { installJupyter, type Jupyter, type NotebookCell, type NotebookFile } from "./jupyter.ts";

const VEGA = "application/vnd.vegalite.v5+json";
const NAMES = ["01_finetune_text2sql", "02_validate_setup", "03_analyse_results"] as const;

const installed = await installJupyter();
if (typeof installed !== "string") {
  globalThis.addEventListener("unload", () => installed[Symbol.dispose]());
}

function jupyterTest(name: string, fn: (jupyter: Jupyter) => Promise<void>): void {
  const missing = typeof installed === "string";
  Deno.test({
    name: missing ? `${name} (needs ${installed})` : name,
    ignore: missing,
    fn: () => missing ? undefined : fn(installed),
  });
}

const textOf = (text: string | readonly string[] | undefined) =>
  text === undefined ? "" : typeof text === "string" ? text : text.join("");

async function readNotebook(path: string): Promise<NotebookFile> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** A copy of a notebook that does less: what it has of each text in `changes` is replaced. */
async function shortened(
  jupyter: Jupyter,
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<string> {
  const path = join(jupyter.folder, "notebooks", `${name}.ipynb`);
  const file = await readNotebook(path);
  const cells = file.cells.map((cell) => {
    let source = textOf(cell.source);
    for (const [text, other] of Object.entries(changes)) source = source.replace(text, other);
    return { ...cell, source };
  });
  const changed = cells.filter(({ source }, i) => source !== textOf(file.cells[i].source)).length;
  assertEquals(
    changed,
    Object.keys(changes).length,
    `not all of ${Object.keys(changes)} are in ${name}`,
  );
  const short = path.replace(".ipynb", ".short.ipynb");
  await Deno.writeTextFile(short, JSON.stringify({ ...file, cells }));
  return short;
}

const FAST = { "FAST_DEV = false": "FAST_DEV = true" };

async function execute(jupyter: Jupyter, path: string): Promise<NotebookFile> {
  const out = path.replace(/\.ipynb$/, ".out.ipynb");
  await jupyter.run("execute", path, out);
  return await readNotebook(out);
}

const codeOf = ({ cells }: NotebookFile) => cells.filter(({ cell_type }) => cell_type === "code");

/** The bundles that a cell shows; no cell may show an error, or stay blank in what it shows. */
function shownBy(cell: NotebookCell): Readonly<Record<string, unknown>>[] {
  return (cell.outputs ?? []).map((output) => {
    const about = textOf(cell.source).slice(-80);
    assert(output.output_type !== "error", `${about}: ${output.ename}: ${output.evalue}`);
    assert(output.output_type !== "stream", `${about} printed ${textOf(output.text)}`);
    const text = textOf(output.data!["text/plain"] as string);
    assert(text.trim() !== "", `${about} shows nothing as text`);
    assert(Object.keys(output.data!).length > 0);
    return output.data!;
  });
}

/** Losses that a chart's specification has. */
function lossesOf(bundle: Readonly<Record<string, unknown>>): number[] {
  const { data } = bundle[VEGA] as { data: { values: { name: string; y: number }[] } };
  return data.values.filter(({ name }) => name !== "validation").map(({ y }) => y);
}

function cellWith(file: NotebookFile, text: string, nth = 0): NotebookCell {
  const found = codeOf(file).filter(({ source }) => textOf(source).includes(text))[nth];
  assert(found !== undefined, `no cell has ${text}`);
  return found;
}

/** Every cell that ends in show() did show something. */
function assertAllShown(file: NotebookFile): void {
  for (const cell of codeOf(file)) {
    const count = shownBy(cell).length;
    const wanted = textOf(cell.source).split(/await show\(/).length - 1;
    assert(count >= wanted, `${textOf(cell.source)} shows ${count}, not ${wanted}`);
  }
}

Deno.test("notebooks: committed without outputs, for the Deno kernel, importing only src/mod.ts", async () => {
  for (const name of NAMES) {
    const file = await readNotebook(join(ROOT, "notebooks", `${name}.ipynb`));
    assertEquals((file.metadata.kernelspec as { name: string }).name, "deno");
    for (const cell of codeOf(file)) {
      assertEquals(cell.outputs, []);
      const source = textOf(cell.source);
      for (const [, from] of source.matchAll(/from "([^"]+)"/g)) {
        assertEquals(from, "../src/mod.ts");
      }
      const code = source.replace(/\/\/.*|"[^"]*"/g, "");
      assert(
        !/\b(function|class|for|while|if)\b|=>\s*\{/.test(code),
        `logic in ${name}: ${source}`,
      );
    }
  }
});

Deno.test("notebooks: the walkthrough has the cells of the first, with outputs", async () => {
  const [first, rendered] = await Promise.all(
    [NAMES[0], "walkthrough"].map((name) => readNotebook(join(ROOT, "notebooks", `${name}.ipynb`))),
  );
  const sources = ({ cells }: NotebookFile) => cells.map(({ source }) => textOf(source));
  assertEquals(sources(rendered), sources(first), "run deno task notebook --render");
  assertAllShown(rendered);
});

Deno.test("notebooks: the cells of each are right TypeScript", async () => {
  const folder = await Deno.makeTempDir({ dir: join(ROOT, "notebooks"), prefix: ".check-" });
  try {
    const files: string[] = [];
    for (const name of NAMES) {
      const file = await readNotebook(join(ROOT, "notebooks", `${name}.ipynb`));
      const code = codeOf(file).map(({ source }) => textOf(source)).join("\n")
        .replace("../src/mod.ts", "../../src/mod.ts");
      files.push(join(folder, `${name}.ts`));
      await Deno.writeTextFile(files.at(-1)!, code);
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "-q", ...files],
      cwd: ROOT,
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

jupyterTest(
  "notebook 01 runs twice in one kernel: plots, files, falling loss, no GPU memory left",
  async (jupyter) => {
    const path = await shortened(jupyter, NAMES[0], FAST);
    const file = await readNotebook(path);
    const twice = path.replace(".ipynb", ".twice.ipynb");
    const again = file.cells.map((cell) => ({ ...cell, id: crypto.randomUUID().slice(0, 8) }));
    await Deno.writeTextFile(twice, JSON.stringify({ ...file, cells: [...file.cells, ...again] }));
    const run = await execute(jupyter, twice);
    assertAllShown(run);
    for (const nth of [0, 1]) {
      const [progress, plot, summary] = shownBy(cellWith(run, "trainLive(notebook", nth));
      assertMatch(textOf(progress["text/plain"] as string), /^step 20\/20 █+ done/);
      assertMatch(textOf(plot["image/svg+xml"] as string), /<polyline/);
      assertMatch(textOf(summary["text/html"] as string), /GPU memory/);
      const losses = lossesOf(plot);
      assertEquals(losses.length, 20);
      const mean = (some: readonly number[]) => some.reduce((a, b) => a + b) / some.length;
      const [first, last] = [mean(losses.slice(0, 5)), mean(losses.slice(-5))];
      assert(last < 0.9 * first, `the loss went from ${first} to ${last}`);
      const [bytes] = shownBy(cellWith(run, "device.heldBytes", nth));
      assertEquals(textOf(bytes["text/plain"] as string), "0 bytes");
      assertEquals(shownBy(cellWith(run, "path: result.path", nth)).length, 1);
    }
    const outputs = join(jupyter.folder, "outputs/notebook");
    for (const name of ["adapters/adapter_model.safetensors", "metrics.json", "run_meta.json"]) {
      assert((await Deno.stat(join(outputs, name))).size > 0, name);
    }
  },
);

jupyterTest(
  "notebook 01: the stop button leaves a usable kernel and a run to resume",
  async (jupyter) => {
    const path = await shortened(jupyter, NAMES[0], FAST);
    const told = JSON.parse(await jupyter.run("interrupt", path));
    assertEquals(told.sent, true, JSON.stringify(told.stopped).slice(0, 3000));
    assertEquals(told.stopped.status, "error");
    const { ename, evalue } = told.stopped.shown.at(-1);
    assertEquals(ename, "AbortError");
    const [, step] = /^Interrupted after step (\d+): .*step-\1 has all that/.exec(evalue)!;
    assertMatch(told.alive.shown[0].data["text/plain"], /\b0,42/);
    assertEquals(told.resumed.status, "ok");
    assertMatch(told.facts.shown[0].data["text/plain"], new RegExp(`\\[${step},20\\]`));
  },
);

jupyterTest("notebook 02: six checks pass, each with what was found", async (jupyter) => {
  const run = await execute(jupyter, join(jupyter.folder, "notebooks", `${NAMES[1]}.ipynb`));
  assertAllShown(run);
  const [checks] = shownBy(cellWith(run, "validateSetup(notebook"));
  const text = textOf(checks["text/plain"] as string);
  assertEquals(text.match(/✓ pass/g)?.length, 6, text);
  const losses = lossesOf(shownBy(cellWith(run, "lossChart("))[0]);
  assertEquals(losses.length, 20);
  const [verdict] = shownBy(cellWith(run, "requirePassed("));
  assertEquals(textOf(verdict["text/plain"] as string), "Ready for the long run.");
});

jupyterTest("notebook 03: tables and charts of the embedded evaluation", async (jupyter) => {
  const whole = `demoAnalysis(notebook, "../outputs/analysis")`;
  const short = whole.replace(")", ", { steps: 8, questions: 16 })");
  const run = await execute(jupyter, await shortened(jupyter, NAMES[2], { [whole]: short }));
  assertAllShown(run);
  for (const name of ["accuracyChart", "componentsChart", "latencyChart", "lossCurves"]) {
    const [chart] = shownBy(cellWith(run, `show(${name === "lossCurves" ? "await " : ""}${name}(`));
    assert(VEGA in chart && "image/svg+xml" in chart, name);
  }
  const [table] = shownBy(cellWith(run, "arrowTable("));
  assertMatch(textOf(table["text/html"] as string), /8 of 32 rows[\s\S]*<table/);
  for (const name of ["eval-base", "eval-tuned"]) {
    await Deno.stat(join(jupyter.folder, "outputs/analysis", name, "report.html"));
  }
});

jupyterTest("an error in a cell ends the run with its message", async (jupyter) => {
  const path = join(jupyter.folder, "notebooks", "wrong.ipynb");
  const source = [
    'import { notebookSettings, show } from "../src/mod.ts";',
    "await notebookSettings({ smoke: true, lora_r: 0, lora_dropout: 2 });",
    'await show("not reached");',
  ];
  const cells = source.map((source, i) => (
    { cell_type: "code", id: `c${i}`, metadata: {}, execution_count: null, outputs: [], source }
  ));
  const metadata = { kernelspec: { name: "deno", display_name: "Deno", language: "typescript" } };
  await Deno.writeTextFile(
    path,
    JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }),
  );
  const [, failed, after] = (await execute(jupyter, path)).cells;
  assertEquals(failed.outputs?.[0].output_type, "error");
  assertEquals(failed.outputs?.[0].ename, "ConfigError");
  assertMatch(failed.outputs![0].evalue!, /lora_r: 0 \(this cell\)[\s\S]*lora_dropout: 2/);
  assertEquals(after.outputs, []);
});
