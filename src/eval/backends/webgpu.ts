/**
 * A model on this machine's GPU as a backend.
 * @module
 */
import type { GenerateOptions } from "../../model/generate.ts";
import type { Model } from "../../model/model.ts";
import { encodePrompt, type PromptStyle } from "../../text/prompt.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { generateText } from "../generate_text.ts";
import { type Answer, extractSql, type Predictor, type Prompt } from "../predictor.ts";

/** How the model is asked. */
export interface WebgpuOptions
  extends Pick<GenerateOptions, "maxNewTokens" | "temperature" | "topP" | "topK" | "seed"> {
  readonly name: string;
  readonly promptStyle: PromptStyle;
  /** Questions in one batch. */
  readonly batchSize: number;
}

/** A loaded model, with or without an adapter. The model stays its owner's. */
export function webgpuPredictor(
  model: Model,
  tokenizer: Tokenizer,
  options: WebgpuOptions,
): Predictor {
  const { name, promptStyle: style, batchSize, ...generation } = options;
  async function answerBatch(batch: readonly Prompt[], signal: AbortSignal): Promise<Answer[]> {
    const started = performance.now();
    const prompts = batch.map(({ parts }) => encodePrompt(parts, tokenizer, { style }));
    const answers = await generateText({ model, tokenizer }, prompts, { ...generation, signal });
    const latencyMs = Math.round(performance.now() - started);
    return answers.map(({ ids, text }, i) => ({
      index: batch[i].index,
      sql: extractSql(text),
      latencyMs,
      tokens: ids.length,
    }));
  }
  return {
    name,
    async *answer(prompts, signal) {
      for (let begin = 0; begin < prompts.length; begin += batchSize) {
        yield* await answerBatch(prompts.slice(begin, begin + batchSize), signal);
      }
    },
    [Symbol.dispose]: () => {},
  };
}
