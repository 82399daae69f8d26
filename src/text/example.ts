/**
 * Records to token ids with their targets.
 * @module
 */
import { type InstructionRecord, isTextRecord, type TrainingRecord } from "../data/record.ts";
import { ShapeError } from "../errors.ts";
import { type AnsweredPrompt, encodeAnswered, type PromptStyle } from "./prompt.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { shortenToFit } from "./truncate.ts";

/** A record as the model sees it. */
export interface TokenizedExample {
  readonly id: string;
  /** BOS, prompt, SQL, EOS. */
  readonly ids: Uint32Array;
  /** The targets are `ids[targetStart..]`; at least 1, because nothing predicts BOS. */
  readonly targetStart: number;
  /** Whether a part of the prompt was cut out to fit. */
  readonly truncated: boolean;
}

/** A record that cannot be learned from, and why. */
export interface DroppedRecord {
  readonly id: string;
  readonly reason: string;
}

export interface TokenizeOptions {
  /** Most tokens in an example, BOS and EOS included. */
  readonly maxSeqLength: number;
  /**
   * Whether only the SQL and EOS are targets (default), or all tokens after BOS, as always in a text
   * without a prompt.
   */
  readonly completionOnly?: boolean;
  /** Default: "alpaca". */
  readonly style?: PromptStyle;
}

/**
 * Encodes prompt, SQL and EOS of one record. For the border of a completion-only example see
 * {@linkcode encodeAnswered}. A record that is too long loses the beginning of its input, then of
 * the end of its instruction, as much as it must, but never any of its SQL and EOS; one whose SQL
 * does not fit even so is dropped. A text without a prompt loses its end.
 *
 * Throws ShapeError unless `maxSeqLength` is an integer of at least 3.
 */
export function tokenizeRecord(
  record: TrainingRecord,
  tokenizer: Tokenizer,
  options: TokenizeOptions,
): TokenizedExample | DroppedRecord {
  const { maxSeqLength, completionOnly = true, style = "alpaca" } = options;
  if (!Number.isInteger(maxSeqLength) || maxSeqLength < 3) {
    throw new ShapeError(
      `Cannot tokenise with max_seq_length ${maxSeqLength}: BOS, SQL and EOS need at least 3; ` +
        `use a whole number from 3`,
    );
  }
  const { id } = record;
  if (isTextRecord(record)) {
    const ids = [...tokenizer.encode(record.text), tokenizer.eosId];
    const truncated = ids.length > maxSeqLength;
    return { id, ids: Uint32Array.from(ids.slice(0, maxSeqLength)), targetStart: 1, truncated };
  }
  const encode = (shortened: InstructionRecord) => encodeAnswered(shortened, tokenizer, { style });
  const example = (answered: AnsweredPrompt, truncated: boolean): TokenizedExample => ({
    id,
    ids: Uint32Array.from(answered.ids),
    targetStart: completionOnly ? answered.answerStart : 1,
    truncated,
  });

  const whole = encode(record);
  if (whole.ids.length <= maxSeqLength) return example(whole, false);
  const { encoded, fits } = shortenToFit(record, encode, maxSeqLength);
  if (fits) return example(encoded, true);
  return {
    id,
    reason: `its SQL with the bare prompt takes ${encoded.ids.length} tokens; ` +
      `max_seq_length is ${maxSeqLength}`,
  };
}

/** Encodes all records; `truncated` counts the examples that were cut. */
export function tokenizeRecords(
  records: readonly TrainingRecord[],
  tokenizer: Tokenizer,
  options: TokenizeOptions,
): { examples: TokenizedExample[]; truncated: number; dropped: DroppedRecord[] } {
  const examples: TokenizedExample[] = [];
  const dropped: DroppedRecord[] = [];
  for (const record of records) {
    const result = tokenizeRecord(record, tokenizer, options);
    if ("reason" in result) dropped.push(result);
    else examples.push(result);
  }
  return {
    examples,
    truncated: examples.filter((example) => example.truncated).length,
    dropped,
  };
}
