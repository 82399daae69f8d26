/**
 * Any server with OpenAI's API as a backend (llama.cpp, vLLM, LM Studio and others):
 * https://platform.openai.com/docs/api-reference.
 * @module
 */
import { isJsonObject } from "../../formats/json.ts";
import { formatPrompt, userMessage } from "../../text/prompt.ts";
import type { Predictor } from "../predictor.ts";
import { type ServerOptions, serverPredictor } from "./http.ts";

/** A model that a compatible server serves. `baseUrl` ends with the version: `http://…/v1`. */
export function openaiPredictor(options: ServerOptions): Predictor {
  const { model, maxNewTokens, temperature, topP, seed, promptStyle } = options;
  const common = {
    model,
    max_tokens: maxNewTokens,
    temperature,
    top_p: topP,
    seed,
    stop: ["\n###"],
    stream: false,
  };
  return serverPredictor({
    name: "openai",
    remedy: "start it or correct --base_url, which ends with /v1 on most servers",
    requests: () => ({ parts }) =>
      promptStyle === "alpaca"
        ? { path: "/completions", body: { ...common, prompt: formatPrompt(parts, "alpaca") } }
        : {
          path: "/chat/completions",
          body: {
            ...common,
            messages: [userMessage(parts)],
          },
        },
    read({ choices, usage }) {
      const [choice] = Array.isArray(choices) ? choices : [];
      if (!isJsonObject(choice)) return null;
      const text = isJsonObject(choice.message) ? choice.message.content ?? null : choice.text;
      if (typeof text !== "string" && text !== null) return null;
      const tokens = isJsonObject(usage) ? usage.completion_tokens : null;
      return { text, tokens: typeof tokens === "number" ? tokens : null };
    },
  }, options);
}
