/**
 * What a smoke run shows beside its training: how many questions about the demo databases the model
 * answers right before and after, told by running its SQL.
 * @module
 */
import { join } from "node:path";
import type { InstructionRecord } from "../data/record.ts";
import { webgpuPredictor } from "../eval/backends/webgpu.ts";
import { openDemoRecords } from "../eval/demo.ts";
import { evaluate, followEvaluation } from "../eval/evaluate.ts";
import { percent } from "../eval/report/report.ts";
import { writeRun } from "../eval/report/write.ts";
import type { ScoredPrediction } from "../eval/scored.ts";
import type { TrainRun } from "../train/prepare.ts";
import { makeReport } from "./eval_report.ts";
import { createProgress } from "./progress.ts";

const MAX_NEW_TOKENS = 96;
const BATCH_SIZE = 64;
/** Questions that are printed with the answers to them. */
const SHOWN = 4;

/** Answers of the model at one point of a run. */
export interface SmokeAnswers {
  readonly name: string;
  readonly predictions: readonly ScoredPrediction[];
}

/** What is asked, and how it is told. */
export interface SmokeOptions {
  readonly questions: readonly InstructionRecord[];
  /** `base` or `tuned`: the folder under `output_dir/eval` for the report. */
  readonly name: string;
  /** Answers that these are compared with. */
  readonly before?: SmokeAnswers;
  readonly signal: AbortSignal;
}

/**
 * Asks the model of a run as it is now, runs what it answers, and writes the report of `deno task eval`
 * under `output_dir/eval`.
 */
export async function askDemoQuestions(
  { model, tokenizer, config }: TrainRun,
  { questions, name, before, signal }: SmokeOptions,
): Promise<SmokeAnswers> {
  const { output_dir, seed, prompt, quiet, json } = config;
  using benchmark = await openDemoRecords(questions);
  const predictor = webgpuPredictor(model, tokenizer, {
    name,
    promptStyle: prompt,
    maxNewTokens: MAX_NEW_TOKENS,
    batchSize: BATCH_SIZE,
  });
  const progress = createProgress({ total: questions.length, quiet, json });
  progress.log(`\nAsking the ${name} model ${questions.length} questions`);
  let done = 0;
  try {
    const { predictions, seconds, tokens } = await followEvaluation(
      evaluate(benchmark, { answers: [], predictor, log: null }, signal),
      ({ type }) => type === "score" && progress.update({ step: ++done }),
    );
    const generation = seconds === null || tokens === null ? null : { seconds, tokens };
    const report = await makeReport(
      { name, predictions, generation },
      { benchmark, seed, baseline: before ?? null, options: config },
    );
    const folder = join(output_dir, "eval", name);
    await Deno.mkdir(folder, { recursive: true });
    await writeRun(folder, report, predictions);
    const { right, total } = report.metrics.exec!;
    progress.event({ type: "accuracy", model: name, right, total, folder });
    progress.done();
    progress.log(`${right} of ${total} right (${percent(right / total)})`);
    return { name, predictions };
  } finally {
    progress.done();
  }
}

/** Both accuracies, and some questions with the answers before and after. */
export function smokeSummary(before: SmokeAnswers, after: SmokeAnswers, folder: string): string {
  const accuracy = ({ predictions }: SmokeAnswers) =>
    percent(predictions.filter(({ exec }) => exec).length / predictions.length);
  const samples = after.predictions.slice(0, SHOWN).map(({ question, gold, pred, exec }, i) =>
    [
      `\n${question}`,
      `  gold    ${gold}`,
      `  before  ${oneLine(before.predictions[i].pred)}`,
      `  after   ${oneLine(pred)}   ${exec ? "right" : "wrong"}`,
    ].join("\n")
  );
  return [
    ...samples,
    "\nQuestions answered right, by running the SQL: " +
    `${accuracy(before)} before, ${accuracy(after)} after`,
    `Reports are in ${join(folder, "eval")}`,
    `Ask it yourself: deno task infer --adapter_path ${join(folder, "adapters")} \\`,
    "  --schema data/demo/retail/retail.sql --schema_style compact --execute \\",
    '  --question "How many stores are there?"',
  ].join("\n");
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 100 ? `${line.slice(0, 99)}…` : line || "(nothing)";
}
