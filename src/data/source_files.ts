/**
 * Finds the files of a data set below the path that the user gave.
 * @module
 */
import { basename, dirname, join } from "node:path";
import { ConfigError, FormatError } from "../errors.ts";
import type { DatasetPart, DatasetSource, Row, Split } from "./example.ts";
import { readRows, type SourceRow } from "./rows.ts";

/** A file of questions and the split that its name says. */
export interface SplitFile {
  readonly path: string;
  readonly split: Split | null;
}

/** Names of files that are one split of a data set; the first pattern that matches counts. */
export type SplitNames = readonly (readonly [pattern: RegExp, split: Split | null])[];

/** How most data sets name their splits. */
export const COMMON_SPLITS: SplitNames = [
  [/^train.*\.(json|jsonl|parquet|arrow)$/, "train"],
  [/^(dev|val|valid|validation).*\.(json|jsonl|parquet|arrow)$/, "val"],
  [/^test.*\.(json|jsonl|parquet|arrow)$/, "test"],
];

const ORDER: Readonly<Record<Split, number>> = { train: 0, val: 1, test: 2 };

/** The path of `source`. Throws ConfigError where there is none. */
export function requirePath(source: DatasetSource, dataset: string): string {
  if (source.path !== null) return source.path;
  throw new ConfigError([`Cannot read ${dataset}: no file is named; give --source PATH`]);
}

/**
 * The files of questions at `path`: the file itself, which is no split, or those in the folder and its
 * folder `data/` whose names match, train first.
 *
 * Throws FormatError where there are none.
 */
export async function findSplits(path: string, names: SplitNames): Promise<SplitFile[]> {
  if (!(await isFolder(path))) return [{ path, split: null }];
  const found: SplitFile[] = [];
  for (const folder of [path, join(path, "data")]) {
    for (const name of await fileNames(folder)) {
      const match = names.find(([pattern]) => pattern.test(name));
      if (match) found.push({ path: join(folder, name), split: match[1] });
    }
    if (found.length > 0) break;
  }
  if (found.length === 0) {
    throw new FormatError(
      `Cannot read ${path}: the folder has no file of questions; give the file itself`,
      { file: path },
    );
  }
  const rank = ({ split }: SplitFile) => split === null ? -1 : ORDER[split];
  return found.sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
}

/** The part of a data set that `file` is, each of its rows read by `read`. */
export function partOf(file: SplitFile, read: (row: SourceRow) => Row): DatasetPart {
  return {
    split: file.split,
    file: file.path,
    async *rows() {
      for await (const row of readRows(file.path)) yield read(row);
    },
  };
}

/** The first of `candidates`, relative to the folder of `file`, that exists; else null. */
export async function findBeside(
  file: string,
  candidates: readonly string[],
): Promise<string | null> {
  for (const candidate of candidates) {
    const path = join(dirname(file), candidate);
    if (await exists(path)) return path;
  }
  return null;
}

/** `dev` for `folder/dev.jsonl`. */
export function stemOf(path: string): string {
  return basename(path).replace(/\.[^.]*$/, "");
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path) !== null;
}

/** Whether `path` is a folder; throws FormatError where there is nothing. */
export async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path);
  if (info !== null) return info.isDirectory;
  throw new FormatError(`Cannot read ${path}: there is no such file; check --source`, {
    file: path,
  });
}

async function stat(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw error;
  }
}

async function fileNames(folder: string): Promise<string[]> {
  const info = await stat(folder);
  if (!info?.isDirectory) return [];
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) names.push(name);
  }
  return names.sort();
}
