/**
 * Runs the notebooks as users do: with a real Jupyter client and the Deno kernel, on the embedded
 * default. Needs Python with venv and pip, and a package index.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { basename, join } from "node:path";
import { ROOT } from "../cli/support.ts";
import { installJupyter, type Jupyter } from "./jupyter.ts";
import {
  assertAllShown,
  type Bundle,
  cellWith,
  chartOf,
  codeOf,
  linesIn,
  NAMES,
  type NotebookFile,
  notebookPath,
  plain,
  readNotebook,
  shownBy,
  textOf,
} from "./notebook_file.ts";

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

/** The most that the notebooks may take together in the short form of these tests, in minutes. */
const MOST_MINUTES = 8;

/** Minutes that each file took. */
const taken = new Map<string, number>();

async function execute(jupyter: Jupyter, path: string): Promise<NotebookFile> {
  const out = path.replace(/\.ipynb$/, ".out.ipynb");
  const started = performance.now();
  await jupyter.run("execute", path, out);
  taken.set(basename(path), (performance.now() - started) / 60_000);
  return await readNotebook(out);
}

/** Losses that a chart's specification has. */
function lossesOf(bundle: Bundle): number[] {
  const { spec, svg } = chartOf(bundle);
  const losses = spec.data!.values.filter(({ name }) => name !== "validation");
  assertEquals(linesIn(svg)[0], losses.length, "the SVG has other points than the spec");
  return losses.map(({ y }) => y as number);
}

/** The last quarter of losses is a tenth lower than the first. */
function assertFell(losses: readonly number[]): void {
  const some = Math.ceil(losses.length / 4);
  const mean = (part: readonly number[]) => part.reduce((a, b) => a + b) / part.length;
  const [first, last] = [mean(losses.slice(0, some)), mean(losses.slice(-some))];
  assert(last < 0.9 * first, `the loss went from ${first} to ${last}`);
}

Deno.test("notebooks: committed without outputs, for the Deno kernel, importing only src/mod.ts", async () => {
  for (const name of NAMES) {
    const file = await readNotebook(notebookPath(name));
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

Deno.test("notebooks: the cells of each are right TypeScript", async () => {
  const folder = await Deno.makeTempDir({ dir: join(ROOT, "notebooks"), prefix: ".check-" });
  try {
    const files: string[] = [];
    for (const name of NAMES) {
      const file = await readNotebook(notebookPath(name));
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
      assertMatch(plain(progress), /^step 20\/20 █+ done/);
      assertMatch(textOf(summary["text/html"]), /GPU memory/);
      const losses = lossesOf(plot);
      assertEquals(losses.length, 20);
      assertFell(losses);
      chartOf(shownBy(cellWith(run, "lengthChart(records", nth))[0]);
      const [bytes] = shownBy(cellWith(run, "device.heldBytes", nth));
      assertEquals(plain(bytes), "0 bytes");
      const shownOnce = (call: string) => {
        const shown = shownBy(cellWith(run, call, nth));
        assertEquals(shown.length, 1, `${call} shows ${shown.length} outputs`);
        return plain(shown[0]);
      };
      for (const call of ["const untrained = await askModel(", "const trained = await askModel("]) {
        assertMatch(shownOnce(call), /[0-3] of 3 right, [0-3] run; /);
      }
      assertMatch(
        shownOnce("scoreDemo("),
        /before training +\d+ of 30 .*\nafter training +\d+ of 30 /,
      );
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
  const text = plain(checks);
  assertEquals(text.match(/✓ pass/g)?.length, 6, text);
  const losses = lossesOf(shownBy(cellWith(run, "lossChart("))[0]);
  assertEquals(losses.length, 20);
  assertFell(losses);
  const [verdict] = shownBy(cellWith(run, "requirePassed("));
  assertEquals(plain(verdict), "Ready for the long run.");
});

/** Steps of each run in the short form of notebook 03. */
const STEPS = 20;

jupyterTest("notebook 03: tables and charts of the embedded evaluation", async (jupyter) => {
  const whole = `demoAnalysis(notebook, "../outputs/analysis")`;
  const short = whole.replace(")", `, { steps: ${STEPS}, questions: 16 })`);
  const run = await execute(jupyter, await shortened(jupyter, NAMES[2], { [whole]: short }));
  assertAllShown(run);
  const charts = ["accuracyChart", "componentsChart", "errorsChart", "latencyChart"];
  for (const name of charts) chartOf(shownBy(cellWith(run, `show(${name}(`))[0]);
  const { spec, svg } = chartOf(shownBy(cellWith(run, "await lossCurves("))[0]);
  assertEquals(linesIn(svg), [STEPS, STEPS]);
  for (const rank of ["rank 4", "rank 16"]) {
    const losses = spec.data!.values.filter(({ name }) => name === rank).map(({ y }) => Number(y));
    assertEquals(losses.length, STEPS);
    assertFell(losses);
  }
  const [table] = shownBy(cellWith(run, "arrowTable("));
  assertMatch(textOf(table["text/html"]), /8 of 32 rows[\s\S]*<table/);
  for (const name of ["eval-base", "eval-tuned"]) {
    await Deno.stat(join(jupyter.folder, "outputs/analysis", name, "report.html"));
  }
});

jupyterTest(`the three notebooks took less than ${MOST_MINUTES} minutes together`, () => {
  const told = Array.from(taken, ([name, minutes]) => `${name}: ${minutes.toFixed(1)}`).join(", ");
  assertEquals(taken.size, NAMES.length, `not all of them ran: ${told}`);
  const minutes = taken.values().reduce((sum, each) => sum + each, 0);
  assert(minutes < MOST_MINUTES, `minutes: ${told}`);
  return Promise.resolve();
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
