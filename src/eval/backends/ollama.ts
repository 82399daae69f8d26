/**
 * Ollama as a backend, through its own REST API:
 * https://github.com/ollama/ollama/blob/main/docs/api.md.
 * @module
 */
import { isJsonObject } from "../../formats/json.ts";
import { formatPrompt, userMessage } from "../../text/prompt.ts";
import type { Predictor } from "../predictor.ts";
import { type ServerOptions, serverPredictor } from "./http.ts";

/** A model that Ollama serves. */
export function ollamaPredictor(options: ServerOptions): Predictor {
  const { model, maxNewTokens, temperature, topP, topK, seed, promptStyle } = options;
  const common = {
    model,
    stream: false,
    options: {
      num_predict: maxNewTokens,
      temperature,
      top_p: topP,
      top_k: topK,
      seed,
      stop: ["\n###"],
    },
  };
  return serverPredictor({
    name: "ollama",
    remedy: "start it (ollama serve) or correct --base_url",
    request: ({ parts }) =>
      promptStyle === "alpaca"
        // The template of the model would be put around the prompt of training.
        ? {
          path: "/api/generate",
          body: { ...common, prompt: formatPrompt(parts, "alpaca"), raw: true },
        }
        : {
          path: "/api/chat",
          body: {
            ...common,
            messages: [userMessage(parts)],
          },
        },
    read({ response, message, eval_count }) {
      const text = isJsonObject(message) ? message.content ?? null : response;
      if (typeof text !== "string" && text !== null) return null;
      return { text, tokens: typeof eval_count === "number" ? eval_count : null };
    },
  }, options);
}
