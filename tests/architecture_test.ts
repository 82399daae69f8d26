/**
 * Holds the code to its own rules: which folder may import which, one host file per kernel, who may
 * print, and how long a file gets.
 * @module
 */
import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);

/** Imports go to a lower level or stay in the folder. */
const LEVELS: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  std: 0,
  device: 1,
  formats: 1,
  sql: 1,
  data: 2,
  ops: 2,
  text: 3,
  model: 3,
  eval: 4,
  train: 5,
  cli: 6,
  notebook: 7,
};

/** The host file of a kernel whose name does not begin with that of its host. */
const HOSTS: Readonly<Record<string, string>> = {
  add: "elementwise",
  gemm_subgroup: "gemm_variants",
  gemm_tiled: "gemm_variants",
  gemm_tn_subgroup: "gemm_variants",
  gemm_tn_tiled: "gemm_variants",
  grad_norm: "adamw",
  probe: "bench_measure",
};

const MAX_LINES = 300;

interface SourceFile {
  /** From the root of the project, such as "src/ops/add.ts". */
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
}

function sourceFiles(folder: string): SourceFile[] {
  const files: SourceFile[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    const path = `${folder}${name}`;
    if (isDirectory) files.push(...sourceFiles(`${path}/`));
    if (!name.endsWith(".ts")) continue;
    const text = Deno.readTextFileSync(new URL(path, root));
    files.push({ path, text, code: withoutComments(text) });
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Comments stand on lines of their own or behind a space, as the formatter leaves them. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(^|\s)\/\/ .*$/gm, "");
}

/** What a file imports: paths from the root of the project, or the names of packages. */
function importsOf({ path, code }: SourceFile): string[] {
  const statements = code.matchAll(
    /^(?:import|export)\b(?:[^;"']*?\bfrom)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm,
  );
  return [...statements].map(([, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic;
    if (!specifier.startsWith(".")) return specifier;
    const url = new URL(specifier, new URL(path, root));
    assert(url.href.startsWith(root.href), `${path} imports ${specifier}, outside the project`);
    return url.href.slice(root.href.length);
  });
}

/** "ops" for "src/ops/add.ts", "errors.ts" for "src/errors.ts". */
function unitOf(path: string): string {
  return path.split("/")[1];
}

function levelOf(path: string): number {
  const level = LEVELS[unitOf(path)];
  assert(level !== undefined, `${path} is in no folder that has a level`);
  return level;
}

const files = sourceFiles("src/");
const kernels = [...Deno.readDirSync(new URL("kernels/", root))]
  .map(({ name }) => name).filter((name) => name.endsWith(".wgsl")).sort();

Deno.test("architecture: imports go down a level or stay in the folder", () => {
  let checked = 0;
  const faults: string[] = [];
  for (const file of files) {
    if (file.path === "src/mod.ts") continue;
    for (const imported of importsOf(file)) {
      if (!imported.startsWith("src/")) continue;
      checked++;
      const [from, to] = [unitOf(file.path), unitOf(imported)];
      if (to === "mod.ts") faults.push(`${file.path} imports the public module`);
      else if (from !== to && levelOf(imported) >= levelOf(file.path)) {
        faults.push(`${file.path} (${levelOf(file.path)}) imports ${imported}`);
      }
    }
  }
  assertEquals(faults, []);
  assert(checked > 100, "the imports were not found");
});

Deno.test("architecture: every file imported exists, and packages are in the import map", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
  for (const file of files) {
    for (const imported of importsOf(file)) {
      if (/^(src|kernels)\/|\.json$/.test(imported)) Deno.statSync(new URL(imported, root));
      else assert(imported in imports || imported.startsWith("node:"), `${file.path}: ${imported}`);
    }
  }
});

Deno.test("architecture: every kernel has one host file, whose name it begins with or that is listed here", () => {
  const hosts = new Map<string, string[]>(kernels.map((name) => [name, []]));
  for (const file of files) {
    for (const imported of importsOf(file)) {
      if (imported.startsWith("kernels/")) {
        hosts.get(imported.slice("kernels/".length))!.push(file.path);
      }
    }
  }
  for (const [name, paths] of hosts) {
    const stem = name.slice(0, -".wgsl".length);
    assertEquals(paths.length, 1, `${name} is imported by ${paths.join(", ") || "no file"}`);
    const host = paths[0].split("/").at(-1)!.slice(0, -".ts".length);
    const named = stem === host || stem.startsWith(`${host}_`);
    assert(named || HOSTS[stem] === host, `${name} is imported by ${paths[0]}`);
  }
  assertEquals(Object.keys(HOSTS).filter((stem) => !hosts.has(`${stem}.wgsl`)), []);
});

Deno.test("architecture: every kernel says what it computes, its shapes and its geometry", () => {
  const faults: string[] = [];
  for (const name of kernels) {
    const lines = Deno.readTextFileSync(new URL(`kernels/${name}`, root)).split("\n");
    const header = lines.slice(0, lines.findIndex((line) => !line.startsWith("//"))).join("\n");
    if (!/^\/\/ [A-Z].{20,}/.test(header)) faults.push(`${name} does not begin with a sentence`);
    for (const word of ["Shapes: ", "Geometry: "]) {
      if (!header.includes(word)) faults.push(`${name} lacks "${word}"`);
    }
  }
  assertEquals(faults, []);
});

Deno.test("architecture: only the command line prints, exits and reads the environment", () => {
  const uses = (folder: boolean) =>
    files.filter(({ path, code }) =>
      path.startsWith("src/cli/") === folder && /\bconsole\.|\bDeno\.(exit|env|args)\b/.test(code)
    ).map(({ path }) => path);
  assertEquals(uses(false), []);
  assert(uses(true).length > 0, "not even the command line was found to print");
});

Deno.test("architecture: WGSL is in kernels/ only", () => {
  const faults = files.filter(({ code }) => /@compute|@binding|var<storage/.test(code));
  const reflecting = ["src/device/reflect.ts"]; // it looks for these words
  assertEquals(faults.map(({ path }) => path).filter((path) => !reflecting.includes(path)), []);
});

Deno.test(`architecture: files can be read in one sitting (at most ${MAX_LINES} lines)`, () => {
  const lengths = files.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
  assertEquals(lengths.filter(({ lines }) => lines > MAX_LINES), []);
});
