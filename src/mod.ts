/**
 * SQLoRA: fine-tune Mistral with QLoRA for text-to-SQL on any GPU, through WebGPU.
 *
 * A whole run on generated rows, without any file or network:
 *
 * ```ts
 * import {
 *   openDevice,
 *   planTraining,
 *   prepareSmoke,
 *   prepareTraining,
 *   resolveTrainConfig,
 *   SMOKE_DEFAULTS,
 *   train,
 * } from "@sqlora/sqlora";
 *
 * const output_dir = await Deno.makeTempDir();
 * const values = { ...SMOKE_DEFAULTS, smoke: true, output_dir, max_steps: 2 };
 * const { config } = await prepareSmoke(resolveTrainConfig([{ source: "options", values }]));
 *
 * using device = await openDevice();
 * using run = await prepareTraining(device, await planTraining(device, config));
 * for await (const event of train(run)) {
 *   if (event.type === "step") console.log(event.step, event.loss);
 * }
 * await Deno.remove(output_dir, { recursive: true });
 * ```
 *
 * A trained adapter answers a question:
 *
 * ```ts ignore
 * import {
 *   generateText,
 *   loadAdapter,
 *   loadModel,
 *   loadTokenizer,
 *   openDatabase,
 *   openDevice,
 *   questionPrompt,
 * } from "@sqlora/sqlora";
 *
 * const tokenizer = await loadTokenizer("mistral-7b");
 * using device = await openDevice();
 * using model = await loadModel(device, "mistral-7b", { quantization: "nf4" });
 * using adapter = await loadAdapter(model, "outputs/adapters");
 * adapter.attach(model);
 * using database = await openDatabase("concerts.sqlite");
 * const schema = await database.schema();
 * const { ids } = await questionPrompt(tokenizer, { question: "How many singers?", schema });
 * const [{ text }] = await generateText({ model, tokenizer }, [ids], { maxNewTokens: 64 });
 * console.log(text, (await database.query(text)).rows);
 * ```
 * @module
 */
export {
  ConfigError,
  DeviceError,
  DownloadError,
  FormatError,
  GenerationError,
  KernelError,
  ShapeError,
  SqlError,
  ToolError,
  TrainingError,
} from "./errors.ts";
export { openDevice } from "./device/open.ts";
export type { Device } from "./device/device.ts";
export {
  downloadDataset,
  downloadModel,
  type HubEvent,
  type HubOptions,
  type HubSnapshot,
} from "./formats/hub.ts";
export {
  type InstructionRecord,
  readRecords,
  readTrainingRecords,
  type TextRecord,
  type TrainingRecord,
} from "./data/record.ts";
export { DATASETS } from "./data/registry.ts";
export { buildDataset, type BuildOptions } from "./data/build.ts";
export { inspectDataset, type Inspection } from "./data/inspect.ts";
export type { Dataset, DatasetSource } from "./data/example.ts";
export type { DataReport } from "./data/report.ts";
export { loadTokenizer, type Tokenizer } from "./text/tokenizer.ts";
export { encodePrompt, formatPrompt } from "./text/prompt.ts";
export {
  type QuestionOptions,
  type QuestionPrompt,
  questionPrompt,
} from "./text/question_prompt.ts";
export { openDatabase, type OpenOptions } from "./sql/sandbox.ts";
export type { Database, QueryOptions, QueryResult } from "./sql/database.ts";
export { loadModel, type LoadOptions } from "./model/load.ts";
export type { Model } from "./model/model.ts";
export { type Adapter, createAdapter, loadAdapter, saveAdapter } from "./model/adapter.ts";
export { generate, type GenerateOptions, type Generation } from "./model/generate.ts";
export {
  type GeneratedText,
  generateText,
  type TextModel,
  type TextOptions,
} from "./eval/generate_text.ts";
export { resolveTrainConfig, type TrainConfig } from "./train/config.ts";
export { type PlannedRun, planTraining } from "./train/plan.ts";
export { prepareTraining, type TrainRun } from "./train/prepare.ts";
export { prepareSmoke, SMOKE_DEFAULTS } from "./train/smoke.ts";
export { train } from "./train/train.ts";
export type { Metrics, TrainEvent } from "./train/events.ts";
export { openBenchmark } from "./eval/open.ts";
export type { Benchmark, BenchmarkName, BenchmarkSource } from "./eval/benchmark.ts";
export { type EvalEvent, evaluate } from "./eval/evaluate.ts";
export { readPredictions } from "./eval/predictions.ts";
export type { Predictor } from "./eval/predictor.ts";
export { webgpuPredictor } from "./eval/backends/webgpu.ts";
export { summarise } from "./eval/summary.ts";
export { compareRuns } from "./eval/compare.ts";
export { DEMO_DATABASES, demoDatabase, type DemoSplits, demoSplits } from "./data/demo.ts";
export { openDemoRecords, scoreDemoAnswers } from "./eval/demo.ts";

// For notebooks: what a cell shows or does with a display that updates in place.
export { environmentView, type Notebook, openNotebook } from "./notebook/notebook.ts";
export { notebookSettings, type RunSettings } from "./notebook/settings.ts";
export { configTable } from "./notebook/config_view.ts";
export { show } from "./notebook/kernel.ts";
export type { View } from "./notebook/view.ts";
export { lengthChart, recordsTable, recordText, tokenView } from "./notebook/data_view.ts";
export { planView } from "./notebook/plan_view.ts";
export { trainLive } from "./notebook/train_live.ts";
export { lossChart, samplesTable, type TrainingResult } from "./notebook/train_result.ts";
export { filesTable } from "./notebook/files_view.ts";
export { askModel, type GoldQuestion } from "./notebook/ask.ts";
export { scoreDemo } from "./notebook/score_demo.ts";
export { validateSetup, type Validation } from "./notebook/validate.ts";
export { requirePassed } from "./notebook/check_list.ts";
export { demoAnalysis } from "./notebook/demo_analysis.ts";
export { type EvalRun, readEval, runEval } from "./notebook/eval_task.ts";
export { compareEvals, lossCurves } from "./notebook/analyse.ts";
export { arrowTable, type ShownTable } from "./notebook/arrow.ts";
export {
  differenceTable,
  flipsTable,
  predictionsTable,
  scoresTable,
} from "./notebook/eval_tables.ts";
export {
  accuracyChart,
  componentsChart,
  errorsChart,
  latencyChart,
} from "./notebook/eval_charts.ts";
