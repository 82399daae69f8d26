/**
 * Ollama as a backend, through its own REST API:
 * https://github.com/ollama/ollama/blob/main/docs/api.md.
 * @module
 */
import { isJsonObject } from "../../formats/json.ts";
import { formatPrompt, userMessage } from "../../text/prompt.ts";
import type { Predictor, Prompt } from "../predictor.ts";
import { type ServerOptions, serverPredictor } from "./http.ts";

/** Ollama's own default, and the step in which the context grows. */
const CONTEXT = 4096, CONTEXT_STEP = 1024;

/**
 * Tokens that the longest prompt and its answer need, at two bytes a token. Ollama cuts what is longer
 * than its context without a word, and loads the model anew where a request has another.
 */
function contextFor(prompts: readonly Prompt[], maxNewTokens: number): number {
  const utf8 = new TextEncoder();
  const longest = prompts.reduce(
    (most, { parts }) => Math.max(most, utf8.encode(formatPrompt(parts, "alpaca")).length),
    0,
  );
  const needed = Math.ceil(longest / 2) + maxNewTokens;
  return Math.max(CONTEXT, Math.ceil(needed / CONTEXT_STEP) * CONTEXT_STEP);
}

/** A model that Ollama serves. */
export function ollamaPredictor(options: ServerOptions): Predictor {
  const { model, maxNewTokens, temperature, topP, topK, seed, promptStyle } = options;
  const sampling = {
    num_predict: maxNewTokens,
    temperature,
    top_p: topP,
    top_k: topK,
    seed,
    stop: ["\n###"],
  };
  return serverPredictor({
    name: "ollama",
    remedy: "start it (ollama serve) or correct --base_url",
    requests(prompts) {
      const num_ctx = contextFor(prompts, maxNewTokens);
      const common = { model, stream: false, options: { ...sampling, num_ctx } };
      return ({ parts }) =>
        promptStyle === "alpaca"
          // The template of the model would be put around the prompt of training.
          ? {
            path: "/api/generate",
            body: { ...common, prompt: formatPrompt(parts, "alpaca"), raw: true },
          }
          : { path: "/api/chat", body: { ...common, messages: [userMessage(parts)] } };
    },
    read({ response, message, eval_count }) {
      const text = isJsonObject(message) ? message.content ?? null : response;
      if (typeof text !== "string" && text !== null) return null;
      return { text, tokens: typeof eval_count === "number" ? eval_count : null };
    },
  }, options);
}
