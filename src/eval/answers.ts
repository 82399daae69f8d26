/**
 * Keeps answers as they come, so that a run that was killed goes on where it ended.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { writeAll } from "../formats/atomic.ts";
import { isJsonObject } from "../formats/json.ts";
import type { Answer } from "./predictor.ts";

const NAME = "answers.jsonl";

/** The answers of a run that is not finished. */
export interface AnswerLog extends Disposable {
  /** Those of the run before, by the index of the question. */
  readonly answers: ReadonlyMap<number, Answer>;
  add(answer: Answer): Promise<void>;
  /** Removes the file, once its content is in `predictions.jsonl`. */
  finish(): Promise<void>;
}

/**
 * Opens `answers.jsonl` in `folder`. Its first line is `key`, which says what was asked and of whom:
 * answers under another key are not taken over but overwritten. A last line that is cut off is.
 */
export async function openAnswerLog(folder: string, key: string): Promise<AnswerLog> {
  const path = join(folder, NAME);
  await Deno.mkdir(folder, { recursive: true });
  const { answers, length } = await readLog(path, key);
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
    answers,
    add: (answer) => write(answer),
    async finish() {
      close();
      await Deno.remove(path);
    },
    [Symbol.dispose]: close,
  };
}

/** The answers of a log, and the length in bytes of what of it is whole. */
async function readLog(path: string, key: string) {
  const answers = new Map<number, Answer>();
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { answers, length: 0 };
    throw new FormatError(`Cannot read ${path}: ${error}; move it away`, { file: path });
  }
  let length = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, length)) {
    const value = parseLine(bytes.subarray(length, end));
    if (length === 0 ? value?.key !== key : typeof value?.index !== "number") break;
    if (length > 0) answers.set(value!.index as number, value as unknown as Answer);
    length = end + 1;
  }
  return { answers, length };
}

function parseLine(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
