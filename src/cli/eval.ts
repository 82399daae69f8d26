/**
 * `deno task eval`: scores a model, an adapter or a file of predictions.
 * @module
 */
import { join } from "node:path";
import { type AnswerLog, openAnswerLog } from "../eval/answers.ts";
import type { Benchmark, BenchmarkName } from "../eval/benchmark.ts";
import { checkComparable } from "../eval/compare.ts";
import { evaluate, followEvaluation } from "../eval/evaluate.ts";
import { openBenchmark } from "../eval/open.ts";
import { readPredictions } from "../eval/predictions.ts";
import { writeRun } from "../eval/report/write.ts";
import { readScored } from "../eval/scored.ts";
import { readLayers } from "./args.ts";
import { describeEvalOptions, type EvalConfig, resolveEvalConfig } from "./eval_options.ts";
import { openPredictor } from "./eval_predictor.ts";
import { type EvalResult, makeReport } from "./eval_report.ts";
import { evalSummary } from "./eval_summary.ts";
import { helpText } from "./help.ts";
import { createProgress, type Progress } from "./progress.ts";
import { runTask } from "./task.ts";

const HELP = {
  usage: "deno task eval --benchmark NAME --data FILE --predictions FILE [options]",
  summary:
    "Scores a model, an adapter or a file of predictions as the official evaluators do, and writes " +
    "predictions.jsonl, report.json, report.md and report.html.",
  examples: [
    "deno task eval --benchmark spider --data spider/dev.json --predictions predicted.sql",
    "deno task eval --benchmark spider --data spider/dev.json --adapter_path outputs/adapters",
    "deno task eval --benchmark bird --data dev.json --backend ollama --base_model sqlora",
    "deno task eval --benchmark demo --adapter_path outputs/adapters",
    "deno task eval … --output_dir outputs/tuned --compare outputs/base",
  ],
};

await runTask(async (signal) => {
  const options = describeEvalOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config = resolveEvalConfig(layers);
  const { output_dir, quiet, json, compare } = config;
  const baseline = compare === null ? null : await readScored(join(compare, "predictions.jsonl"));
  using benchmark = await openBenchmark(config.benchmark as BenchmarkName, {
    data: config.data,
    gold: config.gold,
    tables: config.tables,
    dbDir: config.db_dir,
    db: config.db,
    maxSamples: config.max_samples,
    timeoutMs: config.timeout_ms,
    wording: config.prompt_style,
    schemaStyle: config.schema_style ?? (config.benchmark === "demo" ? "compact" : "full"),
  });
  if (baseline !== null) checkComparable(baseline, benchmark.questions, compare!);
  await Deno.mkdir(output_dir, { recursive: true });
  const progress = createProgress({ total: benchmark.questions.length, quiet, json });
  const result = config.predictions === null
    ? await askModel(benchmark, { config, progress, signal })
    : await scoreFile(benchmark, config.predictions, { config, progress, signal });
  const report = await makeReport(result, {
    benchmark,
    seed: config.seed,
    baseline: baseline && { name: compare!, predictions: baseline },
    options: config,
  });
  await writeRun(output_dir, report, result.predictions);
  await result.finish();
  progress.event({ type: "end", output_dir, ...report });
  progress.log(evalSummary(report, output_dir));
});

interface Context {
  readonly config: EvalConfig;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

interface Result extends EvalResult {
  /** Removes what is not needed any more once the run is written. */
  readonly finish: () => Promise<void>;
}

async function scoreFile(benchmark: Benchmark, path: string, context: Context): Promise<Result> {
  const partial = context.config.max_samples !== null;
  const answers = await readPredictions(path, benchmark, { partial });
  const { predictions } = await follow(
    evaluate(benchmark, { answers, predictor: null, log: null }, context.signal),
    context.progress,
  );
  return { name: path, predictions, generation: null, finish: () => Promise.resolve() };
}

async function askModel(benchmark: Benchmark, context: Context): Promise<Result> {
  const { config, progress, signal } = context;
  using opened = await openPredictor(config, signal);
  using log: AnswerLog = await openAnswerLog(config.output_dir, opened.key);
  const { predictions, seconds, tokens } = await follow(
    evaluate(benchmark, { answers: [], predictor: opened.predictor, log }, signal),
    progress,
  );
  const generation = seconds === null || tokens === null ? null : { seconds, tokens };
  // Answers to questions beyond --max_samples are for a longer run.
  const more = log.answers.keys().some((index) => index >= predictions.length);
  const finish = () => more ? Promise.resolve() : log.finish();
  return { name: opened.predictor.name, predictions, generation, finish };
}

async function follow(events: ReturnType<typeof evaluate>, progress: Progress) {
  let done = 0;
  try {
    return await followEvaluation(events, (event) => {
      progress.event(event);
      if (event.type === "score") progress.update({ step: ++done });
      else if (event.answered > 0 && event.answered < event.total) {
        progress.log(`${event.answered} of ${event.total} are answered already`);
      }
    });
  } finally {
    progress.done();
  }
}
