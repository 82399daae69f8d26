/**
 * `deno task infer`: answers questions with a model and, optionally, an adapter.
 * @module
 */
import { ConfigError, FormatError } from "../errors.ts";
import { readJsonl } from "../data/jsonl.ts";
import { schemaQuestion, textToSqlInstruction } from "../data/question.ts";
import { openDevice } from "../device/open.ts";
import { createAtomicFile } from "../formats/atomic.ts";
import { isJsonObject } from "../formats/json.ts";
import { loadAdapter } from "../model/adapter.ts";
import { generate, type GenerateOptions } from "../model/generate.ts";
import { loadModel } from "../model/load.ts";
import type { Model } from "../model/model.ts";
import { encodePrompt } from "../text/prompt.ts";
import { sqlEnd } from "../text/sql_end.ts";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { readLayers } from "./args.ts";
import { baseModel, modelFolder } from "./base_model.ts";
import { helpText } from "./help.ts";
import { describeInferOptions, type InferConfig, resolveInferConfig } from "./infer_options.ts";
import { ensureAdapter } from "./setup.ts";
import { runTask } from "./task.ts";

const HELP = {
  usage: "deno task infer --base_model DIR --question TEXT --schema FILE [options]",
  summary: "Answers a question in SQL, a raw prompt, or a file of records.",
  examples: [
    'deno task infer --adapter_path outputs/adapters --schema shop.sql --question "How many orders?"',
    'deno task infer --base_model mistral-7b --prompt "SELECT" --max_new_tokens 20',
    "deno task infer --adapter_path outputs/adapters --input val.jsonl --output answers.jsonl",
  ],
};

/** One answer, as `--json` prints it. */
interface Answer {
  readonly text: string;
  readonly ids: readonly number[];
  readonly finish_reason: "stop" | "length";
  readonly ms: number;
}

await runTask(async (signal) => {
  const options = describeInferOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config = resolveInferConfig(layers);
  const quiet = config.quiet || config.json;
  const directory = await modelFolder(await baseModel(config), { signal, quiet });
  const tokenizer = await loadTokenizer(directory);
  await ensureAdapter();
  using device = await openDevice();
  using model = await loadModel(device, directory, {
    quantization: config.quantization,
    doubleQuant: config.double_quant,
    signal,
  });
  using adapter = config.adapter_path ? await loadAdapter(model, config.adapter_path) : null;
  adapter?.attach(model);
  const answer = answerer(model, tokenizer, { config, signal });
  if (config.input !== null && config.output !== null) {
    await answerFile(config.input, config.output, { config, tokenizer, answer });
    return;
  }
  const ids = config.prompt !== null
    ? tokenizer.encode(config.prompt)
    : encodePrompt(await questionRecord(config), tokenizer, { style: config.prompt_style });
  const stream = !config.json && !config.quiet;
  const [result] = await answer([ids], stream);
  if (config.json) console.log(JSON.stringify(result));
  else if (!stream) console.log(result.text);
});

/** `schema` is a file if there is one of that name, and DDL otherwise. */
async function questionRecord({ question, schema, prompt_style, dialect }: InferConfig) {
  const ddl = await readIfFile(schema!);
  return {
    instruction: textToSqlInstruction(prompt_style, dialect),
    input: schemaQuestion(ddl.trim(), question!),
  };
}

async function readIfFile(schema: string): Promise<string> {
  if (/\s/.test(schema.trim()) && /create\s+table/i.test(schema)) return schema;
  try {
    return await Deno.readTextFile(schema);
  } catch (cause) {
    throw new ConfigError([
      `Cannot read --schema ${schema}: it is no file that can be read, and no CREATE TABLE ` +
      "statement; give either",
    ], { cause });
  }
}

type Answerer = (prompts: readonly number[][], stream?: boolean) => Promise<Answer[]>;

function answerer(
  model: Model,
  tokenizer: Tokenizer,
  { config, signal }: { config: InferConfig; signal: AbortSignal },
): Answerer {
  return async (prompts, stream = false) => {
    const begin = performance.now();
    const decoder = tokenizer.decodeStream();
    const write = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
    const options: GenerateOptions = {
      maxNewTokens: config.max_new_tokens,
      eosIds: [...new Set([tokenizer.eosId, ...model.config.eosIds])],
      temperature: config.temperature,
      topP: config.top_p,
      topK: config.top_k,
      seed: config.seed,
      signal,
      // A raw prompt may be continued by anything, so only EOS ends it.
      isComplete: config.prompt === null ? (ids) => sqlEnd(tokenizer.decode(ids)) >= 0 : undefined,
      onToken: stream ? (_, id) => void write(decoder.push(id)) : undefined,
    };
    const generations = await generate(model, prompts, options);
    if (stream) write(decoder.flush() + "\n");
    const ms = Math.round(performance.now() - begin);
    return generations.map(({ ids, finishReason }) => ({
      text: tokenizer.decode(ids),
      ids,
      finish_reason: finishReason,
      ms,
    }));
  };
}

/** Answers every record of a JSONL file in batches; the output file appears when all is answered. */
async function answerFile(
  input: string,
  output: string,
  context: { config: InferConfig; tokenizer: Tokenizer; answer: Answerer },
): Promise<void> {
  const { config, tokenizer, answer } = context;
  const prompts: { id: unknown; ids: number[] }[] = [];
  for await (const { line, value } of readJsonl(input)) {
    if (!isJsonObject(value) || typeof value.instruction !== "string") {
      throw new FormatError(
        `Cannot answer ${input}: line ${line} has no "instruction" text; write JSONL records`,
        { file: input, line },
      );
    }
    const record = { instruction: value.instruction, input: String(value.input ?? "") };
    const ids = encodePrompt(record, tokenizer, { style: config.prompt_style });
    prompts.push({ id: value.id ?? `line-${line}`, ids });
  }
  await using file = await createAtomicFile(output);
  for (let begin = 0; begin < prompts.length; begin += config.batch_size) {
    const batch = prompts.slice(begin, begin + config.batch_size);
    const answers = await answer(batch.map(({ ids }) => ids));
    const lines = answers.map((result, i) => JSON.stringify({ id: batch[i].id, ...result }) + "\n");
    await file.write(new TextEncoder().encode(lines.join("")));
    if (config.json) lines.forEach((line) => console.log(line.trimEnd()));
    else if (!config.quiet) console.log(`${begin + batch.length}/${prompts.length} answered`);
  }
  await file.commit();
}
