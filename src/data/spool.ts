/**
 * Keeps records on the disk until it is known which file each belongs to.
 * @module
 */
import { join } from "node:path";
import { type AtomicFile, createAtomicFile } from "../formats/atomic.ts";
import type { Split } from "./example.ts";
import { readLines } from "./jsonl.ts";

/** Every split, in the order of their files. */
export const SPLITS: readonly Split[] = ["train", "val", "test"];

const FLUSH_BYTES = 1 << 20;
const MAX_LINE_BYTES = 64 << 20;

/** Lines on the disk that go away with it. */
export interface Spool extends AsyncDisposable {
  /** Appends a line; it must have no line feed. */
  add(line: string): Promise<void>;
  /** The lines in their order. Nothing can be added after. */
  lines(): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Starts an empty spool at `path`, in whose place nothing may lie. */
export async function spoolFile(path: string): Promise<Spool> {
  const file = await createAtomicFile(path);
  const writer = lineWriter(file);
  const encoder = new TextEncoder();
  let complete = false;
  return {
    add: (line) => writer.add(encoder.encode(line)),
    async *lines() {
      await writer.flush();
      await file.commit();
      complete = true;
      yield* readLines(path, MAX_LINE_BYTES);
    },
    async [Symbol.asyncDispose]() {
      await file[Symbol.asyncDispose]();
      if (complete) await Deno.remove(path);
    },
  };
}

/** Collects lines and writes many at once. */
function lineWriter(file: AtomicFile) {
  let parts: Uint8Array[] = [];
  let length = 0;
  const flush = async () => {
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length + 1;
      bytes[offset - 1] = 0x0a;
    }
    parts = [];
    length = 0;
    if (bytes.length > 0) await file.write(bytes);
  };
  return {
    async add(line: Uint8Array) {
      parts.push(line);
      length += line.length + 1;
      if (length >= FLUSH_BYTES) await flush();
    },
    flush,
  };
}

/**
 * Writes each line of `spool` to the file of its split in `outDir`; those of null go nowhere. The files
 * of splits without lines are removed. All files are complete before the first is put in its place.
 */
export async function distribute(
  spool: Spool,
  splits: readonly (Split | null)[],
  outDir: string,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const outputs = new Map<Split, { file: AtomicFile; writer: ReturnType<typeof lineWriter> }>();
  for (const split of SPLITS.filter((split) => splits.includes(split))) {
    const file = stack.use(await createAtomicFile(join(outDir, `${split}.jsonl`)));
    outputs.set(split, { file, writer: lineWriter(file) });
  }
  let index = 0;
  for await (const line of spool.lines()) {
    const split = splits[index++];
    if (split !== null) await outputs.get(split)!.writer.add(line);
  }
  for (const { writer } of outputs.values()) await writer.flush();
  for (const { file } of outputs.values()) await file.commit();
  for (const split of SPLITS.filter((split) => !outputs.has(split))) {
    await removeIfPresent(join(outDir, `${split}.jsonl`));
  }
}

async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
