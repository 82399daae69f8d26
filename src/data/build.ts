/**
 * Builds instruction files from a data set: reads its rows, writes their schemas, checks their SQL,
 * divides them by schema and writes `train.jsonl`, `val.jsonl`, `test.jsonl` and `data_report.json`.
 * Rows go through one at a time; in memory stays only what decides their split.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { loadBuilder } from "../sql/build.ts";
import { countLengths, type CountTokens } from "./count_lengths.ts";
import { createDatabases } from "./databases.ts";
import type { Dataset, DatasetPart, DatasetSource, Place, Split } from "./example.ts";
import { isFault } from "./example.ts";
import { type Convert, createRecordMaker } from "./make_record.ts";
import type { PromptWording, SqlDialect } from "./question.ts";
import {
  createTally,
  type DataReport,
  type DropReason,
  type SplitReport,
  spreadOf,
} from "./report.ts";
import { createSchemaWriter, type SchemaOptions } from "./serialise.ts";
import { assignSplits, createGroups, type SplitRow } from "./split.ts";
import { distribute, SPLITS, spoolFile } from "./spool.ts";
import { createValidator, type InvalidKind } from "./validate.ts";

/** What to do with rows whose SQL is wrong. */
export type OnInvalid = "drop" | "keep" | "fail";

/** Settings of {@linkcode buildDataset}. */
export interface BuildOptions {
  /** The folder to write to. Files of an earlier build are replaced. */
  readonly outDir: string;
  readonly seed: number;
  /** Rows to read of each file at most. Default: all. */
  readonly maxRows?: number;
  /** Share of the rows for validation where no file of the data set is for it. Default 0.1. */
  readonly valRatio?: number;
  /** Share of the rows for testing where no file of the data set is for it. Default 0. */
  readonly testRatio?: number;
  /** `"row"` divides row by row, for a data set about one schema. Default `"schema"`. */
  readonly splitBy?: "schema" | "row";
  /** Divide all rows anew, whatever files they are from. Default false. */
  readonly resplit?: boolean;
  readonly wording?: PromptWording;
  readonly dialect?: SqlDialect;
  /** Turns SQLite's schema and SQL into those of `dialect`. Default: they stay. */
  readonly convert?: Convert;
  readonly schema?: SchemaOptions;
  /** Default `"drop"`. */
  readonly onInvalid?: OnInvalid;
  /** Milliseconds for one query on a database. Default 5000. */
  readonly timeoutMs?: number;
  /** Tokens of prompts with their answers. Default: lengths are told in characters only. */
  readonly countTokens?: CountTokens;
  /** Told in the report, such as how the command was called. */
  readonly reported?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (progress: BuildProgress) => void;
  readonly signal?: AbortSignal;
}

/** How far a build is. */
export interface BuildProgress {
  readonly file: string;
  /** Rows read so far, of all files. */
  readonly rows: number;
  readonly dropped: number;
}

/** A row that is kept unless its split says otherwise. */
interface KeptRow extends SplitRow {
  readonly place: Place;
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
  const { outDir, seed, splitBy = "schema", resplit = false, onInvalid = "drop", signal } = options;
  const parts = await dataset.open(source);
  const build = await loadBuilder();
  using databases = createDatabases();
  using validator = createValidator({ build, databases, timeoutMs: options.timeoutMs ?? 5000 });
  const makeRecord = createRecordMaker({
    source: dataset.name,
    writeSchema: createSchemaWriter(options.schema ?? {}, { build, databases }),
    validator,
    ...options,
  });
  const dropped = createTally<DropReason>();
  const keptInvalid = createTally<InvalidKind>();
  const groups = createGroups();
  const kept: KeptRow[] = [];
  const counts = { read: 0, prepared: 0, executed: 0, empty: 0, unchecked: 0, failed: 0, short: 0 };
  const files: { file: string; split: Split | null; rows: number }[] = [];
  const newId = idMaker();
  await using spool = await spoolFile(join(outDir, ".records.tmp"));
  const lengths = countLengths(options.countTokens);

  for (const part of parts) {
    let rows = 0;
    for await (const row of partRows(part, options.maxRows)) {
      signal?.throwIfAborted();
      rows++;
      counts.read++;
      options.onProgress?.({ file: part.file, rows: counts.read, dropped: dropped.total });
      if (isFault(row)) {
        dropped.add(row.fault, row.place, row.detail);
        continue;
      }
      const made = await makeRecord(row);
      counts.prepared += Number(made.verdict?.prepared ?? false);
      counts.executed += Number(made.verdict?.executed ?? false);
      counts.empty += Number(made.verdict?.empty ?? false);
      counts.unchecked += Number(made.verdict?.prepared === false && !made.verdict.executed);
      const invalid = made.verdict?.invalid;
      if (invalid) {
        counts.failed++;
        if (onInvalid === "fail") throw invalidRow(row.place, invalid);
        const tally = onInvalid === "keep" && made.record ? keptInvalid : dropped;
        tally.add(invalid.kind, row.place, invalid.detail);
        if (tally === dropped) continue;
      }
      if (!made.record) {
        dropped.add(made.drop.reason, row.place, made.drop.detail);
        continue;
      }
      counts.short += Number(made.leftOut > 0);
      const record = { id: newId(row.id), ...made.record };
      const names = splitBy === "row" ? [record.id] : made.groups;
      kept.push({
        group: groups.add(names),
        split: resplit ? null : part.split,
        place: row.place,
      });
      await lengths.add(record);
      await spool.add(JSON.stringify(record));
    }
    files.push({ file: part.file, split: part.split, rows });
  }

  const { tokens, characters } = await lengths.finish();
  const { valRatio = 0.1, testRatio = 0 } = options;
  const splits = assignSplits(kept, groups, { seed, valRatio, testRatio });
  for (const [i, split] of splits.entries()) {
    const detail = "its schema is also in a file for evaluation";
    if (split === null) dropped.add("shared_schema", kept[i].place, detail);
  }
  const rows = splits.filter((split) => split !== null).length;
  if (rows === 0) throw nothingLeft(source.path ?? dataset.name, dropped.toJSON());
  const describe = (wanted: (split: Split | null) => boolean): SplitReport => {
    const indices = splits.keys().filter((i) => wanted(splits[i])).toArray();
    return {
      rows: indices.length,
      schemas: new Set(indices.map((i) => groups.find(kept[i].group))).size,
      tokens: tokens && spreadOf(indices.map((i) => tokens[i])),
      characters: spreadOf(indices.map((i) => characters[i])),
    };
  };
  const all = describe((split) => split !== null);
  const report: DataReport = {
    dataset: dataset.name,
    options: { seed, val_ratio: valRatio, test_ratio: testRatio, ...options.reported },
    files,
    rows: { read: counts.read, kept: rows, dropped: dropped.total },
    splits: Object.fromEntries(
      SPLITS.filter((name) => splits.includes(name))
        .map((name) => [name, describe((split) => split === name)]),
    ),
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
    shortened_schemas: counts.short,
    notes: notesOn(splits, { valRatio, testRatio, dropped: dropped.toJSON() }),
  };
  await distribute(spool, splits, outDir);
  await writeFileAtomic(
    join(outDir, "data_report.json"),
    `${JSON.stringify(report, null, 2)}\n`,
  );
  return report;
}

async function* partRows(part: DatasetPart, maxRows = Infinity) {
  if (maxRows <= 0) return;
  let rows = 0;
  for await (const row of part.rows()) {
    yield row;
    if (++rows >= maxRows) return;
  }
}

/** Ids as they are; those that an earlier row has get a number. */
function idMaker(): (id: string) => string {
  const taken = new Set<string>();
  return (id) => {
    let unique = id;
    for (let n = 2; taken.has(unique); n++) unique = `${id}-${n}`;
    taken.add(unique);
    return unique;
  };
}

function invalidRow({ file, row }: Place, invalid: { kind: InvalidKind; detail: string }) {
  return new FormatError(
    `Cannot use ${file}: row ${row} is wrong (${invalid.kind}): ${invalid.detail} ` +
      "Correct it, or leave such rows out with --on_invalid drop",
    { file, line: row },
  );
}

function nothingLeft(from: string, dropped: DataReport["dropped"]): FormatError {
  const [reason, first] = Object.entries(dropped)[0] ?? [];
  const why = first ? `; most are out for ${reason}: ${first.examples[0].detail}` : "";
  return new FormatError(
    `Cannot build from ${from}: no row is left${why}; check --dataset and --source`,
    { file: from },
  );
}

function notesOn(
  splits: readonly (Split | null)[],
  { valRatio, testRatio, dropped }: {
    valRatio: number;
    testRatio: number;
    dropped: DataReport["dropped"];
  },
): string[] {
  const notes: string[] = [];
  for (const [split, ratio] of [["val", valRatio], ["test", testRatio]] as const) {
    if (ratio > 0 && !splits.includes(split)) {
      notes.push(
        `There is no ${split} split, for all rows are about one schema; ` +
          "--split_by row divides them all the same.",
      );
    }
  }
  if (dropped.shared_schema) {
    notes.push(
      `${dropped.shared_schema.count} rows were left out, for their schema is in a file for ` +
        "evaluation too; --resplit divides all rows anew.",
    );
  }
  return notes;
}
