/**
 * The check of what was saved: loaded anew, it answers as it did right after training.
 * @module
 */
import { formatCount } from "../cli/format.ts";
import { isTextRecord } from "../data/record.ts";
import { TrainingError } from "../errors.ts";
import { loadAdapter } from "../model/adapter.ts";
import { generate } from "../model/generate.ts";
import { loadModel } from "../model/load.ts";
import { encodePrompt } from "../text/prompt.ts";
import type { SampleEvent } from "../train/events.ts";
import { planTraining } from "../train/plan.ts";
import type { Finding } from "./check_list.ts";
import type { Notebook } from "./notebook.ts";
import type { RunSettings } from "./settings.ts";

const MAX_NEW_TOKENS = 96;

/**
 * Loads the result in `path` and asks it what `samples` asked right after training. Throws
 * {@linkcode TrainingError} where the answer is another one.
 */
export async function answerOnce(
  notebook: Notebook,
  { settings, config, path }: {
    settings: RunSettings;
    config: RunSettings["config"];
    path: string;
  },
  samples: readonly SampleEvent[],
  signal: AbortSignal,
): Promise<Finding> {
  const [sample] = samples;
  if (!sample) return { notApplicable: "the records are texts without a prompt to answer" };
  using planned = await planTraining(notebook.device, config, {
    modelDirectory: settings.modelDirectory,
    signal,
  });
  const { tokenizer } = planned;
  const records = config.val_path ? planned.evalRecords : planned.trainRecords;
  const record = records.find((one) => one.id === sample.id);
  if (!record || isTextRecord(record)) throw new TypeError(`There is no record ${sample.id}`);
  const full = config.method === "full";
  using model = await loadModel(notebook.device, full ? path : settings.modelDirectory, {
    quantization: config.method === "qlora" ? "nf4" : "none",
    doubleQuant: config.double_quant,
    signal,
  });
  using adapter = full ? null : await loadAdapter(model, path);
  adapter?.attach(model);
  const ids = encodePrompt(record, tokenizer, { style: config.prompt });
  const begin = performance.now();
  const [answer] = await generate(model, [ids], {
    maxNewTokens: MAX_NEW_TOKENS,
    eosIds: [tokenizer.eosId],
    signal,
  });
  const rate = (answer.ids.length + 1) / ((performance.now() - begin) / 1000);
  const text = tokenizer.decode(answer.ids).trim();
  if (text !== sample.generated) {
    throw new TrainingError(`It answers "${text}", and "${sample.generated}" before it was loaded`);
  }
  return `the saved adapter answers as after training: "${text.slice(0, 60)}", ` +
    `${formatCount(rate)} tokens/s`;
}
