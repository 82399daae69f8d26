/**
 * `deno task data`: makes instruction files of a data set.
 * @module
 */
import { buildDataset } from "../data/build.ts";
import type { BuildProgress } from "../data/collect.ts";
import type { DatasetSource } from "../data/example.ts";
import { inspectDataset, type Inspection } from "../data/inspect.ts";
import { DATASETS } from "../data/registry.ts";
import type { DataReport, Lengths } from "../data/report.ts";
import type { SchemaOptions } from "../data/serialise.ts";
import { formatPrompt } from "../text/prompt.ts";
import { openTokenCounter } from "../text/token_counter.ts";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { readLayers } from "./args.ts";
import {
  type DataConfig,
  describeDataOptions,
  outputFolder,
  resolveDataConfig,
} from "./data_options.ts";
import { sourcePath } from "./data_source.ts";
import { formatBytes } from "./format.ts";
import { helpText } from "./help.ts";
import { createRowCounter } from "./row_counter.ts";
import { createProgress, type Progress } from "./progress.ts";
import { runTask } from "./task.ts";

const HELP = {
  usage: "deno task data --dataset NAME --source PATH [options]",
  summary:
    "Makes training and validation files (JSON Lines of instruction, input and output) of a " +
    "text-to-SQL data set, with every query checked against its schema. Data sets: " +
    `${DATASETS.map(({ name, summary }) => `${name} (${summary})`).join("; ")}.`,
  examples: [
    "deno task data --dataset sql-create-context --source sql_create_context_v4.json",
    "deno task data --dataset spider --source spider/ --tokenizer mistral-7b --schema_style compact",
    "deno task data --dataset wikisql --source wikisql/ --inspect",
  ],
};

await runTask(async (signal) => {
  const options = describeDataOptions();
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const config = resolveDataConfig(layers);
  const dataset = DATASETS.find(({ name }) => name === config.dataset)!;
  const { quiet, json } = config;
  const progress = createProgress({ total: 0, quiet, json });
  const source: DatasetSource = {
    path: await sourcePath(config.source, {
      signal,
      quiet: quiet || json,
      onEvent: ({ type, ...event }) => progress.event({ type: "download", state: type, ...event }),
    }),
    tables: config.tables,
    dbDir: config.db_dir,
    seed: config.seed,
    ...(config.max_rows === null ? {} : { count: config.max_rows }),
  };
  // To count lengths, the worker has one of its own.
  const needed = config.inspect || config.max_schema_tokens !== null;
  const tokenizer = needed && config.tokenizer !== null
    ? await loadTokenizer(config.tokenizer)
    : null;
  const common = {
    maxRows: config.max_rows ?? undefined,
    wording: config.prompt,
    dialect: config.dialect,
    schema: schemaOptions(config, tokenizer),
    signal,
  };
  if (config.inspect) {
    const inspection = await inspectDataset(dataset, source, common);
    return showInspection(progress, inspection, config, tokenizer);
  }
  using counter = config.tokenizer === null
    ? null
    : await openTokenCounter({ directory: config.tokenizer, style: config.prompt });
  const started = performance.now();
  const rows = createRowCounter({ silent: quiet || json });
  const report = await buildDataset(dataset, source, {
    ...common,
    outDir: outputFolder(config),
    seed: config.seed,
    valRatio: config.val_ratio,
    testRatio: config.test_ratio,
    splitBy: config.split_by,
    resplit: config.resplit,
    onInvalid: config.on_invalid,
    timeoutMs: config.timeout_ms,
    countTokens: counter ? (records) => counter.count(records) : undefined,
    reported: reported(config),
    onProgress: (state: BuildProgress) => rows.update(state),
  }).finally(() => rows.done());
  progress.event({ type: "end", out_dir: outputFolder(config), report });
  progress.log(summary(report, config, (performance.now() - started) / 1000));
});

function schemaOptions(config: DataConfig, tokenizer: Tokenizer | null): SchemaOptions {
  const tokens = config.max_schema_tokens;
  return {
    style: config.schema_style,
    sampleValues: config.sample_values,
    ...(tokens === null || tokenizer === null
      ? {}
      : { budget: { tokens, count: (text) => tokenizer.encode(text).length - 1 } }),
  };
}

/** The options that decide what is written, for the report. */
function reported(config: DataConfig): Record<string, unknown> {
  const {
    config: _file,
    output_dir: _out,
    quiet: _quiet,
    json: _json,
    inspect: _inspect,
    ...rest
  } = config;
  return rest;
}

function summary(report: DataReport, config: DataConfig, seconds: number): string {
  const { rows, validation } = report;
  const lines = Object.entries(report.splits).map(([name, { rows, schemas, tokens, characters }]) =>
    `${name.padEnd(10)} ${String(rows).padStart(8)} rows, ${schemas} schemas, ` +
    (tokens ? lengths(tokens, "tokens") : lengths(characters!, "characters"))
  );
  const dropped = Object.entries(report.dropped).map(([reason, { count, examples }]) =>
    `  ${String(count).padStart(8)} ${reason}, the first: row ${examples[0].row}: ${
      examples[0].detail
    }`
  );
  return [
    `${report.dataset}: ${rows.read} rows read in ${seconds.toFixed(1)} s, ${rows.kept} kept`,
    ...lines,
    `checked    ${String(validation.prepared).padStart(8)} prepared, ` +
    `${validation.executed} run on a database (${validation.empty_results} without a row)`,
    ...(dropped.length > 0 ? [`dropped    ${String(rows.dropped).padStart(8)}`, ...dropped] : []),
    ...report.notes.map((note) => `Note: ${note}`),
    `Files are in ${outputFolder(config)}`,
  ].join("\n");
}

function lengths({ p50, p95, max }: Lengths, unit: string): string {
  return `${unit} p50 ${p50}, p95 ${p95}, max ${max}`;
}

function showInspection(
  progress: Progress,
  { files, record, verdict }: Inspection,
  config: DataConfig,
  tokenizer: Tokenizer | null,
): void {
  for (const { file, split, bytes, rows, faults } of files) {
    progress.event({ type: "split", file, split, bytes, rows, faults });
    const size = bytes === null ? "" : `, ${formatBytes(bytes)}`;
    progress.log(`${(split ?? "all").padEnd(6)} ${rows} rows${size}  ${file}`);
    for (const [kind, count] of Object.entries(faults)) {
      progress.log(`       ${count.count} ${kind}`);
    }
  }
  if (record === null) return;
  const prompt = formatPrompt(record, config.prompt, tokenizer ? { tokenizer } : {});
  progress.event({ type: "example", record, prompt, verdict });
  const verdictText = verdict?.invalid
    ? `\n(${verdict.invalid.kind}: ${verdict.invalid.detail})`
    : "";
  progress.log(`\nOne example, ${record.id}:\n\n${prompt}${record.output}${verdictText}`);
}
