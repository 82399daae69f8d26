/**
 * `deno task sizes`: lines of code per folder, the largest files, and how many names the library
 * exports. A line of code is neither blank nor only a comment.
 * @module
 */

/** One TypeScript or WGSL file. */
export interface FileSize {
  readonly path: string;
  readonly code: number;
}

/** Counts the lines that are neither blank nor only a comment. */
export function countCode(text: string): number {
  let inComment = false;
  let count = 0;
  for (const line of text.split("\n").map((line) => line.trim())) {
    if (!inComment && line !== "" && !/^(\/\/|\/\*)/.test(line)) count++;
    if (inComment || line.startsWith("/*")) inComment = !line.includes("*/");
  }
  return count;
}

/** `kernels` and `tests` as a whole, `src` by its folders. */
export function groupOf(path: string): string {
  const [top, folder, ...rest] = path.split("/");
  return top === "src" && rest.length > 0 ? `${top}/${folder}` : top;
}

async function measure(folder: string): Promise<FileSize[]> {
  const sizes: FileSize[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) sizes.push(...await measure(path));
    else if (/\.(ts|wgsl)$/.test(name)) {
      sizes.push({ path, code: countCode(await Deno.readTextFile(path)) });
    }
  }
  return sizes;
}

async function exportedNames(module: string): Promise<number> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", module],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot list the exports of ${module}: deno doc failed`);
  const { nodes }: { nodes: Record<string, { symbols: unknown[] }> } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return Object.values(nodes).reduce((sum, { symbols }) => sum + symbols.length, 0);
}

if (import.meta.main) {
  const sizes = (await Promise.all(["kernels", "src", "tests"].map(measure))).flat();
  const sum = (files: readonly FileSize[]) => files.reduce((total, { code }) => total + code, 0);
  const row = (name: string, files: readonly FileSize[]) =>
    `${name.padEnd(24)}${String(files.length).padStart(6)}${String(sum(files)).padStart(8)}`;
  const groups = [...Map.groupBy(sizes, ({ path }) => groupOf(path))]
    .sort(([a], [b]) => a < b ? -1 : 1);
  const largest = sizes.toSorted((a, b) => b.code - a.code).slice(0, 10);
  const exported = await exportedNames("src/mod.ts");
  console.log([
    `${"folder".padEnd(24)} files   lines`,
    ...groups.map(([name, files]) => row(name, files)),
    row("all", sizes),
    "",
    "Largest files:",
    ...largest.map(({ path, code }) => `  ${path.padEnd(36)}${String(code).padStart(6)}`),
    "",
    `src/mod.ts exports ${exported} names.`,
  ].join("\n"));
}
