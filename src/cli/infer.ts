/**
 * `deno task infer`: answers questions with a model and, optionally, an adapter.
 * @module
 */
import { EXAMPLE_QUESTIONS, EXAMPLE_SCRIPT } from "../data/examples.ts";
import { readLayers } from "./args.ts";
import { baseModel, modelFolder } from "./base_model.ts";
import { helpText } from "./help.ts";
import { type Asking, promptOf, showAnswer } from "./infer_answer.ts";
import { answerFile } from "./infer_batch.ts";
import { describeInferOptions, type InferConfig, resolveInferConfig } from "./infer_options.ts";
import { describeExecution } from "./execute.ts";
import { runSession } from "./interactive.ts";
import { openModel } from "./open_model.ts";
import { openSchemaSource, type SchemaSource } from "./schema_source.ts";
import { runTask } from "./task.ts";

const HELP = {
  usage: "deno task infer --base_model DIR --question TEXT --schema FILE [options]",
  summary: "Answers questions in SQL, one or a file of them, and shows the rows of the answers.",
  examples: [
    'deno task infer --adapter_path outputs/adapters --schema shop.sql --question "How many orders?"',
    "deno task infer --adapter_path outputs/adapters --schema shop.sqlite --execute --interactive",
    "deno task infer --adapter_path outputs/adapters --examples --execute",
    "deno task infer --adapter_path outputs/adapters --input val.jsonl --output answers.jsonl",
    "deno task infer --adapter_path outputs/adapters --schema shop.sql --input questions.txt \\",
    "  --output answers.jsonl",
    'deno task infer --base_model mistral-7b --prompt "SELECT" --max_new_tokens 20',
  ],
};

await runTask(async (signal, interrupts) => {
  const options = describeInferOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config = resolveInferConfig(layers);
  using opening = new DisposableStack();
  const opened = await openSource(config);
  const source = opened && opening.use(opened);
  // What is wrong with the database is said before a model is loaded.
  if (config.execute) await source?.database();
  const quiet = config.quiet || config.json;
  const directory = await modelFolder(await baseModel(config), { signal, quiet });
  using textModel = await openModel(directory, config, signal);
  const asking: Asking = { textModel, config, signal };
  const { input, output, prompt, question } = config;
  if (config.interactive) {
    opening.move(); // the session may close it before its end
    return await runSession({ ...asking, textModel, source, interrupts });
  }
  if (input !== null && output !== null) return await answerFile({ input, output }, source, asking);
  if (config.examples) return await answerExamples(source!, asking);
  const ids = prompt !== null
    ? textModel.tokenizer.encode(prompt)
    : await promptOf(question!, source!, asking);
  const execution = await showAnswer(ids, config.execute ? source : null, asking);
  if (execution?.error) throw execution.error;
});

async function openSource(config: InferConfig): Promise<SchemaSource | null> {
  const named = config.examples ? EXAMPLE_SCRIPT : config.schema;
  return named === null ? null : await openSchemaSource(named, config);
}

async function answerExamples(source: SchemaSource, asking: Asking): Promise<void> {
  const { execute, json, quiet } = asking.config;
  for (const { question, sql } of EXAMPLE_QUESTIONS) {
    const prompt = await promptOf(question, source, asking);
    if (!json && !quiet) console.log(`\n${question}`);
    const execution = await showAnswer(prompt, execute ? source : null, asking);
    if (json) continue;
    if (execution?.error) console.error(describeExecution(execution, 0));
    if (!quiet) console.log(`-- expected: ${sql}`);
  }
}
