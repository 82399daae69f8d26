/**
 * How `deno task infer` asks and shows what comes.
 * @module
 */
import { generateText, type TextModel } from "../eval/generate_text.ts";
import { questionPrompt } from "../text/question_prompt.ts";
import {
  describeExecution,
  execute,
  type Execution,
  type ExecutionFields,
  executionFields,
} from "./execute.ts";
import type { InferConfig } from "./infer_options.ts";
import type { SchemaSource } from "./schema_source.ts";
import { printable } from "./table.ts";

/** One answer, as `--json` prints it; with `--execute` the fields of its execution follow. */
export interface Answer extends Partial<ExecutionFields> {
  readonly text: string;
  /** Generated, without the prompt. */
  readonly ids: readonly number[];
  readonly finish_reason: "stop" | "length";
  /** Milliseconds that the batch took to be generated. */
  readonly ms: number;
}

/** What is asked, and how. */
export interface Asking {
  readonly textModel: TextModel;
  readonly config: InferConfig;
  readonly signal: AbortSignal;
}

/** The prompt of a question; says on standard error which tables there is no room for. */
export async function promptOf(
  question: string,
  { schema, sampleValues }: SchemaSource,
  { textModel: { model, tokenizer }, config }: Asking,
): Promise<readonly number[]> {
  const { max_seq_length, max_new_tokens, prompt_style, schema_style, dialect, quiet } = config;
  const { ids, leftOut } = await questionPrompt(tokenizer, {
    question,
    schema,
    ddl: { style: schema_style, sampleValues },
    style: prompt_style,
    dialect,
    maxTokens: (max_seq_length ?? model.config.maxPositions) - max_new_tokens,
  });
  if (leftOut.length > 0 && !quiet) {
    const tables = leftOut.length === 1 ? "1 table" : `${leftOut.length} tables`;
    console.error(`The schema is long; left out ${tables}: ${printable(leftOut.join(", "))}`);
  }
  return ids;
}

/** The answers to prompts, in one batch. */
export async function answer(
  prompts: readonly ArrayLike<number>[],
  { textModel, config, signal }: Asking,
  onText?: (text: string) => void,
): Promise<Answer[]> {
  const begin = performance.now();
  const texts = await generateText(textModel, prompts, {
    maxNewTokens: config.max_new_tokens,
    temperature: config.temperature,
    topP: config.top_p,
    topK: config.top_k,
    seed: config.seed,
    signal,
    // A raw prompt may be continued by anything, so only EOS ends it.
    oneStatement: config.prompt === null,
    onText: onText && ((_, text) => onText(text)),
  });
  const ms = Math.round(performance.now() - begin);
  return texts.map(({ text, ids, finishReason }) => ({
    text,
    ids,
    finish_reason: finishReason,
    ms,
  }));
}

/** The answer with what its SQL gives. */
export async function withExecution(
  given: Answer,
  source: SchemaSource,
  { timeout_ms, max_rows }: InferConfig,
): Promise<{ answer: Answer; execution: Execution }> {
  const limits = { timeoutMs: timeout_ms, maxRows: max_rows };
  const execution = await execute(given.text, await source.database(), limits);
  return { answer: { ...given, ...executionFields(execution) }, execution };
}

/**
 * Answers one prompt: the text as it comes, then the rows of `executeOn`; with `--json` one object.
 * Returns what came of the execution; its fault is left to be shown.
 */
export async function showAnswer(
  prompt: ArrayLike<number>,
  executeOn: SchemaSource | null,
  asking: Asking,
): Promise<Execution | null> {
  const { json, quiet } = asking.config;
  const stream = !json && !quiet;
  const [given] = await answer([prompt], asking, stream ? write : undefined);
  if (stream) write("\n");
  else if (!json) console.log(given.text);
  if (executeOn === null) {
    if (json) console.log(JSON.stringify(given));
    return null;
  }
  const { answer: executed, execution } = await withExecution(given, executeOn, asking.config);
  if (json) console.log(JSON.stringify(executed));
  else if (execution.error === null) console.log(describeExecution(execution, terminalWidth()));
  return execution;
}

const encoder = new TextEncoder();

// A terminal must not obey what a model says.
function write(text: string): void {
  const shown = Deno.stdout.isTerminal()
    ? text.split("\n").map((line) => line.split("\t").map(printable).join("\t")).join("\n")
    : text;
  Deno.stdout.writeSync(encoder.encode(shown));
}

function terminalWidth(): number {
  // A terminal that does not know its size says 0.
  return (Deno.stdout.isTerminal() && Deno.consoleSize().columns) || 120;
}
