/**
 * What was made of a data set: the content of `data_report.json`.
 * @module
 */
import type { Place, RowFaultKind, Split } from "./example.ts";
import type { InvalidKind } from "./validate.ts";

/** Why a row is not in the output. */
export type DropReason =
  | RowFaultKind
  | InvalidKind
  /** The dialect's conversion refused it. */
  | "not_converted"
  /** Instruction, input and output are those of an earlier row. */
  | "duplicate"
  /** Its database or table is held back by another file for evaluation. */
  | "shared_schema";

/** Rows of one kind: how many, and the first of them. */
export interface RowCount {
  readonly count: number;
  readonly examples: readonly (Place & { readonly detail: string })[];
}

/** The spread of a length. */
export interface Lengths {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly mean: number;
}

/** Rows and lengths of one split. */
export interface SplitReport {
  readonly rows: number;
  /** Databases, or sets of tables that rows share. */
  readonly schemas: number;
  /** Tokens of prompt and answer with BOS and EOS; null without a tokenizer. */
  readonly tokens: Lengths | null;
  /** UTF-16 code units of instruction, input and output. */
  readonly characters: Lengths | null;
}

/** The report. The same input and options give the same report. */
export interface DataReport {
  readonly dataset: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly files: readonly {
    readonly file: string;
    readonly split: Split | null;
    readonly rows: number;
  }[];
  readonly rows: { readonly read: number; readonly kept: number; readonly dropped: number };
  readonly splits: Readonly<Partial<Record<Split, SplitReport>>>;
  /** All splits together. */
  readonly tokens: Lengths | null;
  readonly characters: Lengths | null;
  readonly dropped: Readonly<Partial<Record<DropReason, RowCount>>>;
  /** Rows that are wrong but were kept, because that was asked for. */
  readonly kept_invalid: Readonly<Partial<Record<InvalidKind, RowCount>>>;
  readonly validation: {
    /** Statements prepared against the schema that the model is shown. */
    readonly prepared: number;
    /** Statements run on a database. */
    readonly executed: number;
    /** Of these, how many returned no row. */
    readonly empty_results: number;
    /** Rows without a schema, which cannot be checked. */
    readonly unchecked: number;
    readonly failed: number;
  };
  /** Rows whose schema lost tables to the budget of tokens. */
  readonly shortened_schemas: number;
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** How many rows of a kind are named. */
const EXAMPLES = 5;

/** Counts rows by kind. */
export interface Tally<K extends string> {
  add(kind: K, place: Place, detail: string): void;
  readonly total: number;
  /** The kinds, the most frequent first. */
  toJSON(): Partial<Record<K, RowCount>>;
}

/** An empty tally. */
export function createTally<K extends string>(): Tally<K> {
  const counts = new Map<K, { count: number; examples: (Place & { detail: string })[] }>();
  let total = 0;
  return {
    add(kind, place, detail) {
      total++;
      const entry = counts.get(kind) ?? { count: 0, examples: [] };
      counts.set(kind, entry);
      entry.count++;
      if (entry.examples.length < EXAMPLES) entry.examples.push({ ...place, detail });
    },
    get total() {
      return total;
    },
    toJSON() {
      const sorted = [...counts].sort(([a, x], [b, y]) => y.count - x.count || (a < b ? -1 : 1));
      const byKind: Partial<Record<K, RowCount>> = {};
      for (const [kind, entry] of sorted) byKind[kind] = entry;
      return byKind;
    },
  };
}

/** The spread of `values`, each percentile by the nearest rank; null where there are none. */
export function spreadOf(values: readonly number[]): Lengths | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return {
    p50: rank(0.5),
    p95: rank(0.95),
    max: sorted[sorted.length - 1],
    mean: Math.round(mean * 10) / 10,
  };
}
