/**
 * Scored predictions for tests.
 * @module
 */
import type { ScoredPrediction } from "../../src/eval/scored.ts";

/** A wrong answer that ran, but for `fields`. */
export function scoredAs(fields: Partial<ScoredPrediction>): ScoredPrediction {
  return {
    id: "1",
    db_id: "shop",
    question: "How many?",
    gold: "SELECT 1",
    pred: "SELECT 2",
    parsed: true,
    exact: false,
    exec: false,
    hardness: null,
    partial: null,
    latency_ms: null,
    error: null,
    error_kind: null,
    runs: true,
    schema: true,
    tokens: null,
    has_rows: true,
    ...fields,
  };
}
