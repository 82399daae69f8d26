/**
 * Keeps answers as they come, so that a run that was killed goes on where it ended.
 * @module
 */
import { join } from "node:path";
import { openResumeLog } from "../formats/resume_log.ts";
import type { Answer } from "./predictor.ts";

const NAME = "answers.jsonl";

/** The answers of a run that is not finished. */
export interface AnswerLog extends Disposable {
  /** Those of the run before, by the index of the question. */
  readonly answers: ReadonlyMap<number, Answer>;
  add(answer: Answer): Promise<void>;
  /** Removes the file, once its content is in `predictions.jsonl`. */
  finish(): Promise<void>;
}

/**
 * Opens `answers.jsonl` in `folder`. `key` says what was asked and of whom: answers under another key
 * are not taken over.
 */
export async function openAnswerLog(folder: string, key: string): Promise<AnswerLog> {
  const { entries, ...log } = await openResumeLog<Answer>(join(folder, NAME), key);
  return { answers: entries, ...log };
}
