/**
 * Opens what answers the questions of an evaluation.
 * @module
 */
import { questionFiles } from "../data/database_questions.ts";
import { demoFolder } from "../data/demo.ts";
import { ollamaPredictor } from "../eval/backends/ollama.ts";
import { openaiPredictor } from "../eval/backends/openai.ts";
import { webgpuPredictor } from "../eval/backends/webgpu.ts";
import type { Predictor } from "../eval/predictor.ts";
import { baseModel, modelFolder } from "./base_model.ts";
import type { EvalConfig } from "./eval_options.ts";
import { identity } from "./identity.ts";
import { openModel } from "./open_model.ts";

/** A predictor with what tells its answers from those of others. */
export interface OpenedPredictor extends Disposable {
  readonly predictor: Predictor;
  /** Answers that were given under another key cannot be taken over. */
  readonly key: string;
}

/** Loads the model, or says where the server is, as `config` has it. */
export async function openPredictor(
  config: EvalConfig,
  signal: AbortSignal,
): Promise<OpenedPredictor> {
  const { benchmark, tables, db_dir, db } = config;
  const question = {
    benchmark,
    data: await Promise.all((await dataFiles(config)).map(identity)),
    tables: tables && await identity(tables),
    db_dir,
    db: db && await identity(db),
  };
  const generation = {
    prompt_style: config.prompt_style,
    schema_style: config.schema_style,
    max_new_tokens: config.max_new_tokens,
    temperature: config.temperature,
    top_p: config.top_p,
    top_k: config.top_k,
    seed: config.seed,
  };
  const keyOf = (model: unknown) => JSON.stringify({ ...question, ...generation, model });
  if (config.backend !== "webgpu") {
    const predictor = openServer(config);
    const key = keyOf([config.backend, config.base_url, config.base_model]);
    return { predictor, key, [Symbol.dispose]: () => predictor[Symbol.dispose]() };
  }
  const name = await baseModel(config);
  const directory = await modelFolder(name, { signal, quiet: config.quiet || config.json });
  const key = keyOf([
    await identity(directory),
    config.adapter_path && await identity(config.adapter_path),
    config.quantization,
    config.double_quant,
  ]);
  using opening = new DisposableStack();
  const { model, tokenizer } = opening.use(await openModel(directory, config, signal));
  const predictor = opening.use(webgpuPredictor(model, tokenizer, {
    name: config.adapter_path ? `${name} with ${config.adapter_path}` : name,
    ...generationOf(config),
    batchSize: config.batch_size,
  }));
  const opened = opening.move();
  return { predictor, key, [Symbol.dispose]: () => opened.dispose() };
}

/** The files with the questions. */
async function dataFiles({ benchmark, data }: EvalConfig): Promise<readonly string[]> {
  return benchmark === "demo" ? await questionFiles(data ?? demoFolder()) : [data!];
}

/** How answers are generated, wherever the model runs. */
function generationOf(config: EvalConfig) {
  return {
    promptStyle: config.prompt_style,
    maxNewTokens: config.max_new_tokens,
    temperature: config.temperature,
    topP: config.top_p,
    topK: config.top_k,
    seed: config.seed,
  };
}

function openServer(config: EvalConfig): Predictor {
  const options = {
    model: config.base_model!,
    ...generationOf(config),
    concurrency: config.batch_size,
    timeoutMs: config.request_timeout_ms,
  };
  if (config.backend === "ollama") {
    return ollamaPredictor({ ...options, baseUrl: config.base_url ?? "http://localhost:11434" });
  }
  const apiKey = Deno.env.get("OPENAI_API_KEY");
  return openaiPredictor({ ...options, baseUrl: config.base_url!, apiKey });
}
