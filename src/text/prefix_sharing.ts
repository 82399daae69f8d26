/**
 * Examples whose prompts begin alike, as those about one schema do: a pass needs that beginning only
 * once.
 * @module
 */
import type { Random } from "../data/random.ts";
import type { TokenizedExample } from "./example.ts";

/** Examples that share their first `prefix` tokens. */
export interface PrefixGroup {
  readonly prefix: number;
  readonly examples: readonly TokenizedExample[];
}

/** Examples share a beginning only where it is at least this part of the longer one of them. */
const WORTH_SHARING = 0.5;

/**
 * Tokens at the beginning of both examples whose rows can be the same: the row before a target has to
 * predict it, and rows of two examples predict different ones.
 */
export function sharedPrefix(a: TokenizedExample, b: TokenizedExample): number {
  const most = Math.min(a.targetStart, b.targetStart) - 1;
  let length = 0;
  while (length < most && a.ids[length] === b.ids[length]) length++;
  return length;
}

function isWorthSharing(prefix: number, a: TokenizedExample, b: TokenizedExample): boolean {
  return prefix > 0 && prefix >= WORTH_SHARING * Math.max(a.ids.length, b.ids.length);
}

/** Cuts examples, in their order, into groups that share the beginning of the group's first one. */
export function prefixGroups(examples: readonly TokenizedExample[]): PrefixGroup[] {
  const groups: { prefix: number; examples: TokenizedExample[] }[] = [];
  for (const example of examples) {
    const group = groups.at(-1);
    const first = group?.examples[0];
    const shared = first ? sharedPrefix(first, example) : 0;
    if (first && isWorthSharing(shared, first, example)) {
      const { prefix } = group;
      group.prefix = group.examples.length === 1 ? shared : Math.min(prefix, shared);
      group.examples.push(example);
    } else groups.push({ prefix: 0, examples: [example] });
  }
  return groups;
}

/**
 * Which examples begin alike: a number for each, the same for two that are linked by examples each of
 * which shares enough with the next one.
 */
export function prefixClusters(examples: readonly TokenizedExample[]): Uint32Array {
  const sorted = Array.from(examples, (_, index) => index)
    .sort((a, b) => compareTokens(examples[a].ids, examples[b].ids) || a - b);
  const clusters = new Uint32Array(examples.length);
  let cluster = 0;
  for (let i = 1; i < sorted.length; i++) {
    const [before, example] = [examples[sorted[i - 1]], examples[sorted[i]]];
    if (!isWorthSharing(sharedPrefix(before, example), before, example)) cluster++;
    clusters[sorted[i]] = cluster;
  }
  return clusters;
}

function compareTokens(a: Uint32Array, b: Uint32Array): number {
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
  while (rest.length >= size) full.push(rest.splice(0, size));
  if (rng) rng.shuffle(full);
  else {
    const places = new Uint32Array(order.length);
    order.forEach((example, place) => places[example] = place);
    full.sort(([a], [b]) => places[a] - places[b]);
  }
  return Uint32Array.from([...full.flat(), ...rest]);
}
