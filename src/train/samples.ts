/**
 * The sanity check after training: the saved result answers a few prompts.
 * @module
 */
import { isTextRecord } from "../data/record.ts";
import { loadAdapter } from "../model/adapter.ts";
import { generate } from "../model/generate.ts";
import { encodePrompt, formatPrompt } from "../text/prompt.ts";
import type { SampleEvent } from "./events.ts";
import type { TrainRun } from "./prepare.ts";

const SAMPLES = 3;
const MAX_NEW_TOKENS = 96;

/**
 * Loads the adapter back from `path`, so that what is shown is what was saved, and lets the model
 * answer the first validation (else training) records greedily. Texts without a prompt ask nothing.
 */
export async function* sampleAnswers(
  run: TrainRun,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<SampleEvent> {
  const { config, model, adapter, tokenizer } = run;
  using saved = adapter ? await loadAdapter(model, path) : null;
  saved?.attach(model);
  const records = run.evalRecords.length > 0 ? run.evalRecords : run.trainRecords;
  const style = config.prompt;
  for (const record of records.slice(0, SAMPLES)) {
    if (isTextRecord(record)) continue;
    const [answer] = await generate(model, [encodePrompt(record, tokenizer, { style })], {
      maxNewTokens: MAX_NEW_TOKENS,
      eosIds: [tokenizer.eosId],
      signal,
    });
    yield {
      type: "sample",
      id: record.id,
      prompt: formatPrompt(record, style, { tokenizer }),
      expected: record.output,
      generated: tokenizer.decode(answer.ids).trim(),
    };
  }
  adapter?.attach(model);
}
