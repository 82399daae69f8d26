/**
 * What a benchmark is: questions with gold queries, and the rules by which answers are scored.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import type { PromptWording } from "../data/question.ts";
import type { PromptParts } from "../text/prompt.ts";
import { type Fault, goldFailed } from "./executor.ts";
import type { PartialScores } from "./spider/match.ts";

/** The benchmarks, as `--benchmark` names them. */
export const BENCHMARKS = ["spider", "cspider", "bird", "wikisql", "internal", "demo"] as const;
export type BenchmarkName = typeof BENCHMARKS[number];

/** A question to be answered and scored. */
export interface Question {
  /** Unique in its benchmark, and the same in every run over the same file. */
  readonly id: string;
  /** The database, or the table of WikiSQL; null where a record of one's own names none. */
  readonly dbId: string | null;
  /** Null where only gold queries were given. */
  readonly question: string | null;
  readonly gold: string;
  /** What a model is given; null where there is no question. */
  readonly prompt: PromptParts | null;
}

/**
 * The verdict on one answer. Null stands for what a benchmark does not judge, and for all that cannot
 * be judged where the gold query is broken and the official evaluator would end.
 */
export interface Verdict {
  /** The grammar of the benchmark can read it. */
  readonly parsed: boolean | null;
  /** Spider: exact set match. WikiSQL: logical form. Internal, demo: the same text, normalised. */
  readonly exact: boolean | null;
  /** Its rows are those of the gold query, by the rule of the benchmark. */
  readonly exec: boolean | null;
  /** It runs without an error. */
  readonly runs: boolean | null;
  /** It names only tables and columns that the schema has. */
  readonly schema: boolean | null;
  /** The group that results are broken down by: hardness, difficulty, the kind of query. */
  readonly hardness: string | null;
  readonly partial: PartialScores | null;
  /** Why it is not right. */
  readonly fault: Fault | null;
  /** Why the grammar of the benchmark cannot read it, where this is not the fault. */
  readonly parseFault: string | null;
  /** Whether the database has rows, without which equal results prove nothing. */
  readonly hasRows: boolean;
}

/** A benchmark that is open for scoring. */
export interface Benchmark extends Disposable {
  readonly name: BenchmarkName;
  readonly questions: readonly Question[];
  /** The values of {@linkcode Verdict.hardness} in the order in which reports show them. */
  readonly groups: readonly string[];
  /** What `exact` and `exec` mean here, for reports. */
  readonly labels: { readonly exact: string; readonly exec: string };
  /**
   * Throws {@linkcode FormatError} where the gold query of the question at `index` cannot be read or
   * run, or its database is missing or damaged.
   */
  checkGold(index: number): Promise<void>;
  /**
   * Scores an answer to the question at `index`. Throws {@linkcode FormatError} where its database is
   * missing or damaged.
   */
  score(index: number, prediction: string): Promise<Verdict>;
  /** The SQL of an answer that is not text but a structure (WikiSQL's own predictions). */
  readonly render?: (index: number, structure: unknown) => string;
}

/** How questions are put to a model; records of one's own have their own prompts. */
export interface PromptForm {
  /** How the instruction is worded. */
  readonly wording: PromptWording;
  /** How a schema is written; see `formatDdl`. */
  readonly schemaStyle: "full" | "compact";
}

/** Where questions, gold queries and databases are. */
export interface BenchmarkSource extends PromptForm {
  /** The file of questions. */
  readonly data: string | null;
  /** A file of gold queries, one a line with a tab and its db_id; instead of `data` or over it. */
  readonly gold: string | null;
  /** The file of schemas, where it is not beside the questions. */
  readonly tables: string | null;
  /**
   * The folder of databases, where it is not beside the questions. Those of records of one's own, and
   * those of the demo, can be SQL scripts.
   */
  readonly dbDir: string | null;
  /** One database for all questions. */
  readonly db: string | null;
  /** Only so many questions, from the first. */
  readonly maxSamples: number | null;
  /** Milliseconds for a query. */
  readonly timeoutMs: number;
}

/** Which faults mean that a query did run, or names what is there. */
export function outcomeFlags(fault: Fault | null): { runs: boolean; schema: boolean } {
  const kind = fault?.kind ?? "wrong_result";
  return {
    runs: kind === "wrong_result" || kind === "gold_failed",
    schema: !["unknown_table", "unknown_column", "syntax", "empty"].includes(kind),
  };
}

/** The verdict on any answer to a question whose gold query is broken. */
export function unjudged(error: FormatError, hasRows: boolean): Verdict {
  return {
    parsed: null,
    exact: null,
    exec: null,
    runs: null,
    schema: null,
    hardness: null,
    partial: null,
    fault: goldFailed(error),
    parseFault: null,
    hasRows,
  };
}

/** Adds to what `work` throws which question it was about; a damaged database is a FormatError. */
export async function aboutQuestion<T>(
  { id, dbId }: Question,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const damaged = error instanceof SqlError && error.kind === "database";
    if (!damaged && !(error instanceof FormatError)) throw error;
    const about = dbId === null ? id : `${id}, about ${dbId}`;
    const place = error instanceof FormatError ? error : {};
    throw new FormatError(`Cannot score ${about}: ${error.message}`, place, { cause: error });
  }
}
