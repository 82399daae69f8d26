/**
 * Keeps results as they come, so that a run that was killed goes on where it ended.
 * @module
 */
import { dirname } from "node:path";
import { FormatError } from "../errors.ts";
import { writeAll } from "./atomic.ts";
import { isJsonObject } from "./json.ts";

/** A result has its place among all that are wanted. */
export interface Indexed {
  readonly index: number;
}

/** The results of a run that is not finished. */
export interface ResumeLog<T extends Indexed> extends Disposable {
  /** Those of the run before, by index. */
  readonly entries: ReadonlyMap<number, T>;
  add(entry: T): Promise<void>;
  /** Removes the file, once its content is where it belongs. */
  finish(): Promise<void>;
}

/**
 * Opens the log at `path`, JSONL. Its first line is `key`, which says what the results depend on:
 * those under another key are not taken over but overwritten. A last line that is cut off is, too.
 */
export async function openResumeLog<T extends Indexed>(
  path: string,
  key: string,
): Promise<ResumeLog<T>> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const { entries, length } = await readLog<T>(path, key);
  const file = await Deno.open(path, { write: true, create: true });
  await file.truncate(length);
  await file.seek(0, Deno.SeekMode.End);
  const write = (value: unknown) =>
    writeAll(file, new TextEncoder().encode(JSON.stringify(value) + "\n"), path);
  if (length === 0) await write({ key });
  let open = true;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    entries,
    add: write,
    async finish() {
      close();
      await Deno.remove(path);
    },
    [Symbol.dispose]: close,
  };
}

/** The entries of a log, and the length in bytes of what of it is whole. */
async function readLog<T extends Indexed>(path: string, key: string) {
  const entries = new Map<number, T>();
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { entries, length: 0 };
    throw new FormatError(`Cannot read ${path}: ${error}; move it away`, { file: path });
  }
  let length = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, length)) {
    const value = parseLine(bytes.subarray(length, end));
    if (length === 0 ? value?.key !== key : typeof value?.index !== "number") break;
    if (length > 0) entries.set(value!.index as number, value as unknown as T);
    length = end + 1;
  }
  return { entries, length };
}

function parseLine(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
