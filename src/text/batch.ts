/**
 * Examples to ragged batches: rows without padding.
 * @module
 */
import { random } from "../data/random.ts";
import { ShapeError } from "../errors.ts";
import type { TokenizedExample } from "./example.ts";

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
