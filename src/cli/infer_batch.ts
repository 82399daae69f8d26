/**
 * `deno task infer --input FILE --output FILE`: answers a file in batches.
 * @module
 */
import { extname } from "node:path";
import { FormatError, ShapeError } from "../errors.ts";
import { readJsonl } from "../data/jsonl.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { isJsonObject } from "../formats/json.ts";
import { openResumeLog } from "../formats/resume_log.ts";
import { encodePrompt } from "../text/prompt.ts";
import { identity } from "./identity.ts";
import { type Answer, answer, type Asking, promptOf, withExecution } from "./infer_answer.ts";
import type { SchemaSource } from "./schema_source.ts";

interface Line {
  readonly id: unknown;
  readonly ids: readonly number[];
}

interface Answered {
  readonly index: number;
  readonly line: { readonly id: unknown } & Answer;
}

/**
 * Answers each line of `input`. Answers are kept beside `output` in a file that ends in `.partial`, so
 * that an interrupted run goes on where it ended; `output` itself appears when all are there. What is
 * kept is not taken over where the model, an option or the input has changed.
 */
export async function answerFile(
  { input, output }: { readonly input: string; readonly output: string },
  source: SchemaSource | null,
  asking: Asking,
): Promise<void> {
  const { config: { batch_size, execute, json, quiet } } = asking;
  const lines = await Array.fromAsync(readInput(input, source, asking));
  const print = ({ line }: Answered) => json && console.log(JSON.stringify(line));
  const partial = `${output}.partial`;
  using log = await openResumeLog<Answered>(partial, await keyOf(lines, source, asking));
  const answered = new Map(log.entries);
  answered.forEach(print);
  const progress = () => {
    if (!json && !quiet) console.log(`${answered.size}/${lines.length} answered`);
  };
  if (answered.size > 0) progress();
  const open = lines.keys().filter((index) => !answered.has(index)).toArray();
  try {
    for (let begin = 0; begin < open.length; begin += batch_size) {
      const batch = open.slice(begin, begin + batch_size);
      const answers = await answer(batch.map((index) => lines[index].ids), asking);
      for (const [i, index] of batch.entries()) {
        const whole = execute && source
          ? (await withExecution(answers[i], source, asking.config)).answer
          : answers[i];
        const entry = { index, line: { id: lines[index].id, ...whole } };
        await log.add(entry);
        answered.set(index, entry);
        print(entry);
      }
      progress();
    }
  } catch (error) {
    if (!quiet) {
      console.error(
        `${answered.size} of ${lines.length} answers are kept in ${partial}; the same command ` +
          "goes on from there.",
      );
    }
    throw error;
  }
  const text = lines.map((_, index) => JSON.stringify(answered.get(index)!.line) + "\n");
  await writeFileAtomic(output, text.join(""));
  await log.finish();
}

/** What the answers depend on. */
async function keyOf(
  lines: readonly Line[],
  source: SchemaSource | null,
  { textModel, config }: Asking,
): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(lines));
  const { adapter_path, execute, quantization, double_quant, seed } = config;
  const { max_new_tokens, temperature, top_p, top_k, timeout_ms, max_rows } = config;
  return JSON.stringify({
    lines: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex(),
    model: await identity(textModel.model.directory),
    adapter: adapter_path && await identity(adapter_path),
    ...{ quantization, double_quant, max_new_tokens, temperature, top_p, top_k, seed },
    execute: execute && source && { on: await identity(source.name), timeout_ms, max_rows },
  });
}

/** The lines of the input with their prompts. */
async function* readInput(
  file: string,
  source: SchemaSource | null,
  asking: Asking,
): AsyncGenerator<Line> {
  const { textModel: { tokenizer }, config: { prompt_style: style } } = asking;
  for await (const { line, value } of readValues(file, source !== null)) {
    const fault = (what: string, cause?: unknown) =>
      new FormatError(`Cannot answer ${file}: line ${line} ${what}`, { file, line }, { cause });
    const fields = isJsonObject(value) ? value : {};
    const id = fields.id ?? `line-${line}`;
    if (source === null) {
      if (typeof fields.instruction !== "string") {
        const asked = typeof fields.question === "string" ? " or give --schema" : "";
        throw fault(`has no "instruction" text; write JSONL records${asked}`);
      }
      const record = { instruction: fields.instruction, input: String(fields.input ?? "") };
      yield { id, ids: encodePrompt(record, tokenizer, { style }) };
      continue;
    }
    const question = typeof value === "string" ? value : fields.question;
    if (typeof question !== "string" || question.trim() === "") {
      throw fault('has no "question" text; write {"question": "…"}, or leave --schema out');
    }
    try {
      yield { id, ids: await promptOf(question.trim(), source, asking) };
    } catch (error) {
      if (error instanceof ShapeError) throw fault(`is too long: ${error.message}`, error);
      throw error;
    }
  }
}

/** Values of a JSONL file, or questions of any other text file. Blank lines are none. */
async function* readValues(file: string, questions: boolean) {
  if (!questions || /^\.(jsonl|ndjson|json)$/i.test(extname(file))) {
    yield* readJsonl(file);
    return;
  }
  const lines = (await readText(file)).split(/\r?\n/);
  for (const [index, text] of lines.entries()) {
    if (text.trim() !== "") yield { line: index + 1, value: text };
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new FormatError(`Cannot read ${file}: ${(cause as Error).message}; check --input`, {
      file,
    }, { cause });
  }
}
