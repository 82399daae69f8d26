/**
 * A look at a data set without writing anything.
 * @module
 */
import {
  type Dataset,
  type DatasetSource,
  type Example,
  isFault,
  type RowFaultKind,
  type Split,
} from "./example.ts";
import { openRecordMaker, type RecordOptions } from "./open_maker.ts";
import type { InstructionRecord } from "./record.ts";
import { createTally, type RowCount } from "./report.ts";
import type { Verdict } from "./validate.ts";

/** One file of a data set. */
export interface InspectedFile {
  readonly file: string;
  readonly split: Split | null;
  /** Null for a data set that has no files. */
  readonly bytes: number | null;
  readonly rows: number;
  /** Rows that are no examples. */
  readonly faults: Readonly<Partial<Record<RowFaultKind, RowCount>>>;
}

/** What {@linkcode inspectDataset} found. */
export interface Inspection {
  readonly files: readonly InspectedFile[];
  /** The first example as a record; null where there is none. */
  readonly record: InstructionRecord | null;
  /** What the check of its SQL found. */
  readonly verdict: Verdict | null;
}

/** How to look. */
export interface InspectOptions extends Omit<RecordOptions, "timeoutMs"> {
  /** Rows to read of each file at most. Default: all. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
}

/**
 * Counts the rows of each file and makes a record of the first example.
 * Throws FormatError for files that cannot be read, ConfigError where the source is incomplete.
 */
export async function inspectDataset(
  dataset: Dataset,
  source: DatasetSource,
  options: InspectOptions = {},
): Promise<Inspection> {
  const { maxRows = Infinity, signal } = options;
  const files: InspectedFile[] = [];
  let first: Example | null = null;
  for (const { file, split, rows } of await dataset.open(source)) {
    const faults = createTally<RowFaultKind>();
    let count = 0;
    for await (const row of rows()) {
      signal?.throwIfAborted();
      count++;
      if (isFault(row)) faults.add(row.fault, row.place, row.detail);
      else first ??= row;
      if (count >= maxRows) break;
    }
    const bytes = dataset.hasFiles ? (await Deno.stat(file)).size : null;
    files.push({ file, split, bytes, rows: count, faults: faults.toJSON() });
  }
  if (first === null) return { files, record: null, verdict: null };
  using maker = await openRecordMaker(dataset.name, options);
  const { record, verdict } = await maker.makeRecord(first);
  return { files, record: record && { id: first.id, ...record }, verdict };
}
