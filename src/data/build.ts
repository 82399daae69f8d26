/**
 * Builds instruction files from a data set: reads its rows, writes their schemas, checks their SQL,
 * divides them by schema and writes `train.jsonl`, `val.jsonl`, `test.jsonl` and `data_report.json`.
 * Rows go through one at a time; in memory stays only what decides their split.
 * @module
 */
import { join } from "node:path";
import { ConfigError, FormatError } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { lockFolder } from "../formats/folder_lock.ts";
import { collect, type Collected, type CollectOptions } from "./collect.ts";
import type { Dataset, DatasetPart, DatasetSource, Split } from "./example.ts";
import { openRecordMaker, type RecordOptions } from "./open_maker.ts";
import { type DataReport, type SplitReport, spreadOf } from "./report.ts";
import { assignSplits } from "./split.ts";
import { distribute, SPLITS, spoolFile } from "./spool.ts";

/** Settings of {@linkcode buildDataset}. */
export interface BuildOptions extends CollectOptions, RecordOptions {
  /** The folder to write to. Files of an earlier build are replaced. */
  readonly outDir: string;
  /** Decides which schemas are for validation and testing. */
  readonly seed: number;
  /** Share of the rows for validation where no file of the data set is for it. Default 0.1. */
  readonly valRatio?: number;
  /** Share of the rows for testing where no file of the data set is for it. Default 0. */
  readonly testRatio?: number;
  /** Told in the report, such as how the command was called. */
  readonly reported?: Readonly<Record<string, unknown>>;
}

/**
 * Builds the files. The same input, options and seed give the same bytes; nothing is replaced before
 * all is read and checked.
 *
 * Throws FormatError for files that cannot be read, where no row is left, and with `onInvalid: "fail"`
 * for the first row whose SQL is wrong; ConfigError where the source is incomplete.
 */
export async function buildDataset(
  dataset: Dataset,
  source: DatasetSource,
  options: BuildOptions,
): Promise<DataReport> {
  const { outDir, valRatio = 0.1, testRatio = 0 } = options;
  const parts = await dataset.open(source);
  await refuseOverwriting(parts, outDir);
  using _lock = await lockFolder(outDir);
  using maker = await openRecordMaker(dataset.name, options);
  await using spool = await spoolFile(join(outDir, ".records.tmp"));
  const collected = await collect(parts, { makeRecord: maker.makeRecord, spool }, options);
  const ratios = { seed: options.seed, valRatio, testRatio };
  const splits = assignSplits(collected.rows, collected.groups, ratios);
  for (const [i, split] of splits.entries()) {
    const detail = "its schema is also in a file for evaluation";
    if (split === null) collected.dropped.add("shared_schema", collected.rows[i].place, detail);
  }
  const report = reportOn(collected, splits, {
    dataset: dataset.name,
    options: {
      seed: options.seed,
      val_ratio: valRatio,
      test_ratio: testRatio,
      ...options.reported,
    },
    notes: notesOn(collected, splits, ratios),
  });
  if (report.rows.kept === 0) throw nothingLeft(source.path ?? dataset.name, report);
  await distribute(spool, splits, outDir);
  await writeFileAtomic(join(outDir, "data_report.json"), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** Throws ConfigError where a file that is read is one that would be written. */
async function refuseOverwriting(parts: readonly DatasetPart[], outDir: string): Promise<void> {
  const realPath = (path: string) => Deno.realPath(path).catch(() => null);
  const written = new Map<string, string>();
  for (const split of SPLITS) {
    const path = join(outDir, `${split}.jsonl`);
    const real = await realPath(path);
    if (real !== null) written.set(real, path);
  }
  for (const { file } of parts) {
    const path = written.get(await realPath(file) ?? "");
    if (path === undefined) continue;
    throw new ConfigError([
      `Cannot build into ${outDir}: ${path} is a file of the data set and would be overwritten; ` +
      "give another --out_dir",
    ]);
  }
}

function reportOn(
  { files, rows, groups, dropped, keptInvalid, counts, tokens, characters }: Collected,
  splits: readonly (Split | null)[],
  head: Pick<DataReport, "dataset" | "options" | "notes">,
): DataReport {
  const describe = (wanted: (split: Split | null) => boolean): SplitReport => {
    const indices = splits.keys().filter((i) => wanted(splits[i])).toArray();
    return {
      rows: indices.length,
      schemas: new Set(indices.map((i) => groups.find(rows[i].group))).size,
      tokens: tokens && spreadOf(indices.map((i) => tokens[i])),
      characters: spreadOf(indices.map((i) => characters[i])),
    };
  };
  const all = describe((split) => split !== null);
  const used = SPLITS.filter((name) => splits.includes(name));
  return {
    dataset: head.dataset,
    options: head.options,
    files,
    rows: { read: counts.read, kept: all.rows, dropped: dropped.total },
    splits: Object.fromEntries(used.map((name) => [name, describe((split) => split === name)])),
    tokens: all.tokens,
    characters: all.characters,
    dropped: dropped.toJSON(),
    kept_invalid: keptInvalid.toJSON(),
    validation: {
      prepared: counts.prepared,
      executed: counts.executed,
      empty_results: counts.empty,
      unchecked: counts.unchecked,
      failed: counts.failed,
    },
    shortened_schemas: counts.shortened,
    notes: head.notes,
  };
}

function nothingLeft(from: string, { dropped }: DataReport): FormatError {
  const [reason, first] = Object.entries(dropped)[0] ?? [];
  const why = first ? `; most are out for ${reason}: ${first.examples[0].detail}` : "";
  return new FormatError(
    `Cannot build from ${from}: no row is left${why}; check --dataset and --source`,
    { file: from },
  );
}

function notesOn(
  { dropped }: Collected,
  splits: readonly (Split | null)[],
  { valRatio, testRatio }: { readonly valRatio: number; readonly testRatio: number },
): string[] {
  const notes: string[] = [];
  for (const [split, ratio] of [["val", valRatio], ["test", testRatio]] as const) {
    if (ratio > 0 && !splits.includes(split)) {
      notes.push(
        `There is no ${split} split, for the schemas are too few to divide by; --split_by row ` +
          "divides row by row.",
      );
    }
  }
  const shared = dropped.toJSON().shared_schema?.count;
  if (shared !== undefined) {
    notes.push(
      `${shared} rows were left out, for their schema is in a file for evaluation too; --resplit ` +
        "divides all rows anew.",
    );
  }
  return notes;
}
