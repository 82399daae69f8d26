/**
 * Something to analyse without any file or network: the small base model before and after two short
 * runs, evaluated on questions about the demo databases that it has not seen.
 * @module
 */
import { join } from "node:path";
import { demoFolder, demoSplits } from "../data/demo.ts";
import { writeRecords } from "../data/record.ts";
import { runEval } from "./eval_task.ts";
import type { SendDisplay } from "./kernel.ts";
import type { Notebook } from "./notebook.ts";
import { notebookSettings } from "./settings.ts";
import { trainLive } from "./train_live.ts";

/** Where the files of runs and evaluations are. */
export interface AnalysisFolders {
  /** Evaluations, the `output_dir` of `deno task eval`. */
  readonly baseline: string;
  readonly tuned: string;
  /** Runs by name, the `output_dir` of `deno task train`. */
  readonly runs: Readonly<Record<string, string>>;
}

/** How much is done. */
export interface DemoAnalysisOptions {
  /** Steps of each run. Default 100. */
  readonly steps?: number;
  /** Questions of the evaluation. Default 40. */
  readonly questions?: number;
  readonly send?: SendDisplay;
}

const RANKS = [4, 16] as const;
const SEED = 42;

/** Trains the small base model with two ranks and evaluates it before and after. */
export async function demoAnalysis(
  notebook: Notebook,
  folder: string,
  { steps = 100, questions = 40, send }: DemoAnalysisOptions = {},
): Promise<AnalysisFolders> {
  const runs: Record<string, string> = {};
  let trained = { base_model: "", adapter_path: "" };
  for (const lora_r of RANKS) {
    const name = `rank ${lora_r}`;
    const output_dir = runs[name] = join(folder, `run-rank-${lora_r}`);
    const settings = await notebookSettings({
      smoke: true,
      output_dir,
      lora_r,
      lora_alpha: 2 * lora_r,
      max_steps: steps,
      max_val_samples: 8,
      seed: SEED,
    });
    const { path } = await trainLive(notebook, settings, { send });
    trained = { base_model: settings.modelDirectory, adapter_path: path };
  }
  const common = {
    benchmark: "internal",
    data: await writeQuestions(join(folder, "test.jsonl"), questions),
    db_dir: demoFolder(),
    base_model: trained.base_model,
    max_new_tokens: 64,
  };
  const baseline = join(folder, "eval-base"), tuned = join(folder, "eval-tuned");
  await runEval({ ...common, output_dir: baseline }, { send });
  await runEval(
    { ...common, adapter_path: trained.adapter_path, output_dir: tuned },
    { send },
  );
  return { baseline, tuned, runs };
}

/** Writes `count` records that no run is trained on, and returns `path`. */
async function writeQuestions(path: string, count: number): Promise<string> {
  const { test } = demoSplits({ seed: SEED, train: 0, validation: 0, test: count });
  await writeRecords(path, test);
  return path;
}
