/**
 * What answers questions: a model on the GPU, or a server. Each backend is one file beside this one.
 * @module
 */
import type { PromptParts } from "../text/prompt.ts";
import { sqlEnd } from "../text/sql_end.ts";

/** A question as a backend gets it. */
export interface Prompt {
  /** The place of the question in its benchmark. */
  readonly index: number;
  readonly parts: PromptParts;
}

/** The SQL that answers a question. */
export interface Answer {
  readonly index: number;
  readonly sql: string;
  /** Milliseconds from asking to the whole answer; null where it is not known. */
  readonly latencyMs: number | null;
  /** Tokens that were generated; null where it is not known. */
  readonly tokens: number | null;
  /** Why there is none, where the server refused the question or the answer has no SQL. */
  readonly error?: string;
}

/** A backend. Its prompt, its template and its way to choose tokens are its own. */
export interface Predictor extends Disposable {
  /** What answers, for reports: `ollama sqlora:latest`. */
  readonly name: string;
  /** Yields one answer to each prompt, in any order. Ends early with what `signal` was aborted with. */
  answer(prompts: readonly Prompt[], signal: AbortSignal): AsyncIterable<Answer>;
}

/**
 * The SQL in what a model wrote: what is in a fenced block if there is one, up to the
 * semicolon that ends the first statement, or to a heading with which a model goes on talking to itself.
 */
export function extractSql(text: string): string {
  const fenced = /```(?:sqlite|sql)?[ \t]*\r?\n?([\s\S]*?)(?:```|$)/i.exec(text);
  const body = (fenced ? fenced[1] : text).split(/\n[^\S\n]*###|<\/s>/)[0]
    .replace(/^\s*(?:SQL(?: query)?|Answer|### Response)\s*:\s*/i, "");
  const end = sqlEnd(body);
  return (end < 0 ? body : body.slice(0, end - 1)).trim();
}
