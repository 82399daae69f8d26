/**
 * A scored answer, as it stands in `predictions.jsonl`.
 * @module
 */
import { FormatError } from "../errors.ts";
import { readJsonl } from "../data/jsonl.ts";
import { isJsonObject } from "../formats/json.ts";
import type { Question, Verdict } from "./benchmark.ts";
import type { Fault } from "./executor.ts";
import type { Answer } from "./predictor.ts";
import type { PartialScores } from "./spider/match.ts";

/** One line of `predictions.jsonl`. What a benchmark does not judge is null. */
export interface ScoredPrediction {
  readonly id: string;
  readonly db_id: string | null;
  readonly question: string | null;
  readonly gold: string;
  readonly pred: string;
  readonly parsed: boolean | null;
  readonly exact: boolean | null;
  readonly exec: boolean | null;
  readonly hardness: string | null;
  readonly partial: PartialScores | null;
  readonly latency_ms: number | null;
  readonly error: string | null;
  readonly error_kind: Fault["kind"] | null;
  /** It runs without an error. */
  readonly runs: boolean | null;
  /** It names only what the schema has. */
  readonly schema: boolean | null;
  readonly tokens: number | null;
  /** Whether its database has rows. */
  readonly has_rows: boolean;
}

/** The line for an answer and its verdict. */
export function scoredPrediction(
  { id, dbId, question, gold }: Question,
  answer: Answer,
  verdict: Verdict,
): ScoredPrediction {
  return {
    id,
    db_id: dbId,
    question,
    gold,
    pred: answer.sql,
    parsed: verdict.parsed,
    exact: verdict.exact,
    exec: verdict.exec,
    hardness: verdict.hardness,
    partial: verdict.partial,
    latency_ms: answer.latencyMs,
    error: verdict.fault?.message ?? verdict.parseFault,
    error_kind: verdict.fault?.kind ?? null,
    runs: verdict.runs,
    schema: verdict.schema,
    tokens: answer.tokens,
    has_rows: verdict.hasRows,
  };
}

/** What can be right or wrong about an answer, in the order of reports. */
export const METRICS = ["exact", "exec", "parsed", "runs", "schema"] as const;
export type Metric = typeof METRICS[number];

/** Reads the `predictions.jsonl` of a run. Throws {@linkcode FormatError} where it is none. */
export async function readScored(path: string): Promise<ScoredPrediction[]> {
  const scored: ScoredPrediction[] = [];
  for await (const { line, value } of readJsonl(path)) {
    const whole = isJsonObject(value) && typeof value.id === "string" &&
      typeof value.gold === "string" && typeof value.pred === "string" &&
      METRICS.every((metric) => typeof value[metric] === "boolean" || value[metric] === null);
    if (!whole) {
      throw new FormatError(
        `Cannot compare with ${path}: line ${line} is no scored prediction; give the folder of a ` +
          "finished run of deno task eval",
        { file: path, line },
      );
    }
    scored.push(value as unknown as ScoredPrediction);
  }
  return scored;
}
