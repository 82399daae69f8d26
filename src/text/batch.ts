/**
 * Examples to ragged batches: rows without padding.
 * @module
 */
import { random } from "../data/random.ts";
import { ShapeError } from "../errors.ts";
import type { TokenizedExample } from "./example.ts";
import { type PrefixGroup, prefixGroups, separately } from "../data/prefix_sharing.ts";

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
  readonly sequences: readonly BatchSequence[];
}

/** The rows of an example: [start, end), and before these, if it has one, the shared `prefix`. */
export interface BatchSequence {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  /** Rows of an earlier sequence that are the beginning of this one too. */
  readonly prefix?: { readonly start: number; readonly end: number };
}

/** How examples are laid into a batch. */
export interface BatchLayout {
  /** Neighbours that begin alike share the rows of that beginning. */
  readonly sharePrefixes?: boolean;
}

/** Tokens of a sequence of a batch, those of a shared prefix included. */
export function sequenceLength({ start, end, prefix }: BatchSequence): number {
  return end - start + (prefix ? prefix.end - prefix.start : 0);
}

/** The rows that these examples take in a batch. */
export function batchRows(
  examples: readonly TokenizedExample[],
  layout: BatchLayout = {},
): number {
  return rowsOf(groupsOf(examples, layout));
}

type Group = PrefixGroup<TokenizedExample>;

function groupsOf(
  examples: readonly TokenizedExample[],
  { sharePrefixes = false }: BatchLayout,
): Group[] {
  return sharePrefixes ? prefixGroups(examples) : separately(examples);
}

function rowsOf(groups: readonly Group[]): number {
  let rows = 0;
  for (const { prefix, members } of groups) {
    for (const { ids } of members) rows += ids.length;
    rows -= prefix * (members.length - 1);
  }
  return rows;
}

/** Lays examples end to end. Throws ShapeError for a `targetStart` outside [1, length]. */
export function packBatch(
  examples: readonly TokenizedExample[],
  layout: BatchLayout = {},
): RaggedBatch {
  let targets = 0;
  for (const { id, ids, targetStart } of examples) {
    if (!Number.isInteger(targetStart) || targetStart < 1 || targetStart > ids.length) {
      throw new ShapeError(
        `Cannot batch ${id}: its targets start at ${targetStart} of ${ids.length} tokens; ` +
          `nothing predicts the first token, so start at 1 or later`,
      );
    }
    targets += ids.length - targetStart;
  }
  const groups = groupsOf(examples, layout);
  const rows = rowsOf(groups);
  const batch = {
    tokens: new Uint32Array(rows),
    positions: new Uint32Array(rows),
    targetRows: new Uint32Array(targets),
    targetIds: new Uint32Array(targets),
    sequences: [] as BatchSequence[],
  };
  let start = 0;
  let target = 0;
  for (const { prefix: length, members } of groups) {
    const prefix = { start, end: start + length };
    for (const [member, { id, ids, targetStart }] of members.entries()) {
      const isFirst = member === 0;
      // Row r of the batch holds token r - origin of the example.
      const origin = isFirst ? start : start - length;
      const end = origin + ids.length;
      batch.tokens.set(isFirst ? ids : ids.subarray(length), start);
      for (let row = start; row < end; row++) batch.positions[row] = row - origin;
      for (let i = targetStart; i < ids.length; i++) {
        // The row before a token predicts it.
        batch.targetRows[target] = origin + i - 1;
        batch.targetIds[target] = ids[i];
        target++;
      }
      batch.sequences.push(isFirst ? { id, start, end } : { id, start, end, prefix });
      start = end;
    }
  }
  return batch;
}
