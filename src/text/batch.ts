/**
 * Records to token ids with their targets, and examples to ragged batches: rows without padding.
 * @module
 */
import type { InstructionRecord } from "../data/record.ts";
import { random } from "../data/random.ts";
import { ShapeError, TrainingError } from "../errors.ts";
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
  /** Whether only the SQL and EOS are targets (default), or all tokens after BOS. */
  readonly completionOnly?: boolean;
  /** Default: "alpaca". */
  readonly style?: PromptStyle;
}

/**
 * Encodes prompt, SQL and EOS of one record. For the border of a completion-only example see
 * {@linkcode encodeAnswered}. A record that is too long loses the beginning of its input, then of
 * the end of its instruction, as much as it must, but never any of its SQL and EOS; one whose SQL
 * does not fit even so is dropped.
 *
 * Throws RangeError unless `maxSeqLength` is an integer of at least 3.
 */
export function tokenizeRecord(
  record: InstructionRecord,
  tokenizer: Tokenizer,
  options: TokenizeOptions,
): TokenizedExample | DroppedRecord {
  const { maxSeqLength, completionOnly = true, style = "alpaca" } = options;
  if (!Number.isInteger(maxSeqLength) || maxSeqLength < 3) {
    throw new RangeError(
      `Cannot tokenise with max_seq_length ${maxSeqLength}: BOS, SQL and EOS need at least 3; ` +
        `use a whole number from 3`,
    );
  }
  const { id } = record;
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

/**
 * Encodes all records; `truncated` counts the examples that were cut. Throws TrainingError where no
 * record is left.
 */
export function tokenizeRecords(
  records: readonly InstructionRecord[],
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
  if (examples.length === 0) {
    const first = dropped.length > 0 ? ` (${dropped[0].id}: ${dropped[0].reason})` : "";
    throw new TrainingError(
      `Cannot train: none of the ${records.length} records fits${first}; raise max_seq_length`,
    );
  }
  return {
    examples,
    truncated: examples.filter((example) => example.truncated).length,
    dropped,
  };
}

/**
 * The order in which an epoch (from 0) takes `count` examples: 0, 1, 2, … or, with `shuffle`, a
 * permutation that depends on `count`, `seed` and `epoch` alone.
 */
export function epochOrder(
  count: number,
  options: { readonly seed: number; readonly epoch: number; readonly shuffle: boolean },
): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  return options.shuffle ? random(options.seed, "order", options.epoch).shuffle(order) : order;
}

/**
 * Groups examples, in order and each into the first group that has room, so that no group holds more
 * than `maxSeqLength` tokens. Sequences stay separate in a batch, so they do not see each other.
 *
 * Throws ShapeError for an example that is longer by itself.
 */
export function packExamples(
  examples: readonly TokenizedExample[],
  maxSeqLength: number,
): TokenizedExample[][] {
  const groups: TokenizedExample[][] = [];
  // A tournament tree over the room in each group, the unopened ones too: room[1] is the most.
  let leaves = 1;
  while (leaves < examples.length) leaves *= 2;
  const room = new Float64Array(2 * leaves).fill(maxSeqLength);
  for (const example of examples) {
    const { length } = example.ids;
    if (length > maxSeqLength) {
      throw new ShapeError(
        `Cannot pack ${example.id}: it has ${length} tokens and a group ${maxSeqLength}; ` +
          `tokenise with the same max_seq_length`,
      );
    }
    let node = 1;
    while (node < leaves) node = room[2 * node] >= length ? 2 * node : 2 * node + 1;
    const group = groups[node - leaves];
    if (group) group.push(example);
    else groups[node - leaves] = [example];
    room[node] -= length;
    for (node >>= 1; node >= 1; node >>= 1) {
      room[node] = Math.max(room[2 * node], room[2 * node + 1]);
    }
  }
  return groups;
}

/** Sequences laid end to end, N rows in all, without padding. */
export interface RaggedBatch {
  /** [N] token ids. */
  readonly tokens: Uint32Array;
  /** [N] index of the row inside its sequence. */
  readonly positions: Uint32Array;
  /** [M] rows whose output predicts a target, ascending. */
  readonly targetRows: Uint32Array;
  /** [M] the token that each of them must predict. */
  readonly targetIds: Uint32Array;
  /** Rows [start, end) of each example. */
  readonly sequences: readonly {
    readonly id: string;
    readonly start: number;
    readonly end: number;
  }[];
}

/** Lays examples end to end. Throws ShapeError for a `targetStart` outside [1, length]. */
export function packBatch(examples: readonly TokenizedExample[]): RaggedBatch {
  let rows = 0;
  let targets = 0;
  for (const { id, ids, targetStart } of examples) {
    if (!Number.isInteger(targetStart) || targetStart < 1 || targetStart > ids.length) {
      throw new ShapeError(
        `Cannot batch ${id}: its targets start at ${targetStart} of ${ids.length} tokens; ` +
          `nothing predicts the first token, so start at 1 or later`,
      );
    }
    rows += ids.length;
    targets += ids.length - targetStart;
  }
  const tokens = new Uint32Array(rows);
  const positions = new Uint32Array(rows);
  const targetRows = new Uint32Array(targets);
  const targetIds = new Uint32Array(targets);
  let start = 0;
  let target = 0;
  const sequences = examples.map(({ id, ids, targetStart }) => {
    const end = start + ids.length;
    tokens.set(ids, start);
    for (let i = 0; i < ids.length; i++) positions[start + i] = i;
    for (let i = targetStart; i < ids.length; i++) {
      // The row before a token predicts it.
      targetRows[target] = start + i - 1;
      targetIds[target] = ids[i];
      target++;
    }
    const sequence = { id, start, end };
    start = end;
    return sequence;
  });
  return { tokens, positions, targetRows, targetIds, sequences };
}
