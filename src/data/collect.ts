/**
 * Reads the rows of a data set, makes records of them and keeps these on the disk.
 * @module
 */
import { FormatError } from "../errors.ts";
import { countLengths, type CountTokens } from "./count_lengths.ts";
import type { DatasetPart, Place, Row, Split } from "./example.ts";
import { isFault } from "./example.ts";
import type { MadeRecord } from "./make_record.ts";
import { createTally, type DropReason, type Tally } from "./report.ts";
import { createGroups, type Groups, type SplitRow } from "./split.ts";
import type { Spool } from "./spool.ts";
import type { InvalidKind, Verdict } from "./validate.ts";
import type { Example } from "./example.ts";

/** What to do with rows whose SQL is wrong. */
export type OnInvalid = "drop" | "keep" | "fail";

/** How far a build is. */
export interface BuildProgress {
  readonly file: string;
  /** Rows read so far, of all files. */
  readonly rows: number;
  readonly dropped: number;
}

/** How rows are read and what becomes of them. */
export interface CollectOptions {
  /** Rows to read of each file at most. Default: all. */
  readonly maxRows?: number;
  /** `"row"` divides row by row, for a data set about one schema. Default `"schema"`. */
  readonly splitBy?: "schema" | "row";
  /** Divide all rows anew, whatever files they are from. Default false. */
  readonly resplit?: boolean;
  /** Default `"drop"`. */
  readonly onInvalid?: OnInvalid;
  /** Tokens of prompts with their answers. Default: lengths are told in characters only. */
  readonly countTokens?: CountTokens;
  readonly onProgress?: (progress: BuildProgress) => void;
  readonly signal?: AbortSignal;
}

/** A record that is written unless its split says otherwise. */
export interface KeptRow extends SplitRow {
  readonly place: Place;
}

/** What was read. The records are in the spool, in the order of `rows`. */
export interface Collected {
  readonly files: readonly { file: string; split: Split | null; rows: number }[];
  readonly rows: readonly KeptRow[];
  readonly groups: Groups;
  readonly dropped: Tally<DropReason>;
  readonly keptInvalid: Tally<InvalidKind>;
  readonly counts: Readonly<Counts>;
  /** Of each record; null where nothing counts them. */
  readonly tokens: readonly number[] | null;
  readonly characters: readonly number[];
}

/** Rows of all files together. */
interface Counts {
  read: number;
  prepared: number;
  executed: number;
  empty: number;
  unchecked: number;
  failed: number;
  shortened: number;
}

/**
 * Reads `parts` to their ends. Throws FormatError for a file that cannot be read and, with
 * `onInvalid: "fail"`, for the first row whose SQL is wrong; the reason of `signal` where it is aborted.
 */
export async function collect(
  parts: readonly DatasetPart[],
  { makeRecord, spool }: {
    readonly makeRecord: (example: Example) => Promise<MadeRecord>;
    readonly spool: Spool;
  },
  options: CollectOptions,
): Promise<Collected> {
  const { splitBy = "schema", resplit = false, onInvalid = "drop", signal, onProgress } = options;
  const files: { file: string; split: Split | null; rows: number }[] = [];
  const kept: KeptRow[] = [];
  const groups = createGroups();
  const dropped = createTally<DropReason>();
  const keptInvalid = createTally<InvalidKind>();
  const counts: Counts = {
    read: 0,
    prepared: 0,
    executed: 0,
    empty: 0,
    unchecked: 0,
    failed: 0,
    shortened: 0,
  };
  const lengths = countLengths(options.countTokens);
  const newId = idMaker();

  async function take(row: Row, split: Split | null): Promise<void> {
    const { place } = row;
    if (isFault(row)) return dropped.add(row.fault, place, row.detail);
    const made = await makeRecord(row);
    if (made.verdict) count(counts, made.verdict);
    const invalid = made.verdict?.invalid;
    if (invalid && onInvalid === "fail") throw invalidRow(place, invalid);
    if (invalid && onInvalid === "drop") return dropped.add(invalid.kind, place, invalid.detail);
    if (!made.record) return dropped.add(made.drop.reason, place, made.drop.detail);
    if (invalid) keptInvalid.add(invalid.kind, place, invalid.detail);
    counts.shortened += Number(made.leftOut > 0);
    const record = { id: newId(row.id), ...made.record };
    const group = groups.add(splitBy === "row" ? [record.id] : made.groups);
    kept.push({ group, split: resplit ? null : split, place });
    await lengths.add(record);
    await spool.add(JSON.stringify(record));
  }

  for (const part of parts) {
    let rows = 0;
    for await (const row of part.rows()) {
      signal?.throwIfAborted();
      await take(row, part.split);
      rows++;
      counts.read++;
      onProgress?.({ file: part.file, rows: counts.read, dropped: dropped.total });
      if (rows >= (options.maxRows ?? Infinity)) break;
    }
    files.push({ file: part.file, split: part.split, rows });
  }
  return { files, rows: kept, groups, dropped, keptInvalid, counts, ...await lengths.finish() };
}

function count(counts: Counts, { prepared, executed, empty, invalid }: Verdict): void {
  counts.prepared += Number(prepared);
  counts.executed += Number(executed);
  counts.empty += Number(empty);
  counts.unchecked += Number(!prepared && !executed && !invalid);
  counts.failed += Number(invalid !== null);
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

function invalidRow(
  { file, row }: Place,
  { kind, detail }: NonNullable<Verdict["invalid"]>,
): FormatError {
  return new FormatError(
    `Cannot use ${file}: row ${row} is wrong (${kind}): ${detail}; ` +
      "correct it, or leave such rows out with --on_invalid drop",
    { file, line: row },
  );
}
