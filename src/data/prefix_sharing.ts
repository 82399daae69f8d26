/**
 * Sequences whose prompts begin alike, as those about one schema do: a pass needs that beginning only
 * once.
 * @module
 */
import type { Random } from "./random.ts";

/** Tokens of which those from `targetStart` on are to be predicted, the first of them by its prompt. */
export interface PromptedTokens {
  readonly ids: ArrayLike<number>;
  readonly targetStart: number;
}

/** Sequences that share their first `prefix` tokens. */
export interface PrefixGroup<Sequence> {
  readonly prefix: number;
  readonly members: readonly Sequence[];
}

/** Sequences share a beginning only where it is at least this part of the longer prompt. */
const WORTH_SHARING = 0.5;

/**
 * Tokens at the beginning of both whose rows can be the same: the row before a target has to predict
 * it, and those of two sequences predict different ones.
 */
export function sharedPrefix(a: PromptedTokens, b: PromptedTokens): number {
  const most = Math.min(a.targetStart, b.targetStart) - 1;
  let length = 0;
  while (length < most && a.ids[length] === b.ids[length]) length++;
  return length;
}

function isWorthSharing(prefix: number, a: PromptedTokens, b: PromptedTokens): boolean {
  return prefix > 0 && prefix >= WORTH_SHARING * Math.max(a.targetStart, b.targetStart);
}

/**
 * Cuts sequences, in their order, into groups that share the beginning of the group's first one. One
 * that shares so little with a group that this would need more rows begins another group.
 */
export function prefixGroups<Sequence extends PromptedTokens>(
  sequences: readonly Sequence[],
): PrefixGroup<Sequence>[] {
  const groups: { prefix: number; members: Sequence[] }[] = [];
  for (const sequence of sequences) {
    const group = groups.at(-1);
    const first = group?.members[0];
    const shared = first ? sharedPrefix(first, sequence) : 0;
    if (first && isWorthSharing(shared, first, sequence)) {
      const { prefix, members: { length } } = group;
      const joint = length === 1 ? shared : Math.min(prefix, shared);
      if (length * joint >= (length - 1) * prefix) {
        group.prefix = joint;
        group.members.push(sequence);
        continue;
      }
    }
    groups.push({ prefix: 0, members: [sequence] });
  }
  return groups;
}

/** Each sequence as a group of its own, which shares nothing. */
export function separately<Sequence>(sequences: readonly Sequence[]): PrefixGroup<Sequence>[] {
  return sequences.map((sequence) => ({ prefix: 0, members: [sequence] }));
}

/**
 * Which sequences begin alike: a number for each. In the order of their tokens, those that share
 * enough with the first of a cluster belong to it.
 */
export function prefixClusters(sequences: readonly PromptedTokens[]): Uint32Array {
  const sorted = Array.from(sequences, (_, index) => index)
    .sort((a, b) => compareTokens(sequences[a].ids, sequences[b].ids) || a - b);
  const clusters = new Uint32Array(sequences.length);
  let cluster = 0;
  let first = sequences[sorted[0]];
  for (const index of sorted) {
    const sequence = sequences[index];
    const isFirst = sequence === first;
    if (!isFirst && !isWorthSharing(sharedPrefix(first, sequence), first, sequence)) {
      cluster++;
      first = sequence;
    }
    clusters[index] = cluster;
  }
  return clusters;
}

function compareTokens(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/**
 * Arranges an epoch's `order` of examples so that batches of `size` are of one cluster as far as they
 * can: those of a cluster keep their order, what fills no whole batch comes together in mixed ones.
 * Full batches are shuffled by `rng`, or come in the order of their first examples without it; one
 * that is not full is the last. Returns a new order.
 */
export function arrangeByCluster(
  order: Uint32Array,
  clusters: Uint32Array,
  { size, rng }: { readonly size: number; readonly rng: Random | null },
): Uint32Array {
  const open = new Map<number, number[]>();
  const full: number[][] = [];
  for (const example of order) {
    const batch = open.get(clusters[example]) ?? [];
    batch.push(example);
    if (batch.length === size) {
      full.push(batch);
      open.delete(clusters[example]);
    } else open.set(clusters[example], batch);
  }
  const rest = [...open.values()].flat();
  const mixed = Math.floor(rest.length / size);
  for (let i = 0; i < mixed; i++) full.push(rest.slice(i * size, (i + 1) * size));
  if (rng) rng.shuffle(full);
  else {
    const places = new Uint32Array(order.length);
    order.forEach((example, place) => places[example] = place);
    full.sort(([a], [b]) => places[a] - places[b]);
  }
  return Uint32Array.from([...full.flat(), ...rest.slice(mixed * size)]);
}
