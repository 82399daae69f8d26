/**
 * The keys and values of earlier rows, kept for decoding.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionSpan } from "../ops/attention.ts";
import { attentionTiles } from "../ops/attention_subgroup.ts";
import { decodingRows } from "../ops/attention_decode.ts";
import { moveRows, type RowMoves } from "../ops/rows.ts";
import { prefixGroups, separately } from "../data/prefix_sharing.ts";
import type { ModelConfig } from "./config.ts";
import type { ForwardInput, KeyValueStore } from "./network.ts";

/** New rows of one sequence: their token ids, after `length` rows that are in the cache already. */
export interface SequenceStep {
  /** Which of the cache's sequences. */
  readonly sequence: number;
  readonly ids: ArrayLike<number>;
}

/** A cache for several sequences of different lengths, side by side in one tensor per layer. */
export class KeyValueCache implements KeyValueStore {
  readonly #layers: readonly { keys: Tensor; values: Tensor }[];
  /** First row of each sequence. */
  readonly #begins: readonly number[];
  readonly #lengths: number[];
  /** Where the rows of the present pass belong. */
  #moves: RowMoves | null = null;

  /** `capacities` are the most rows that each sequence will have. Lives in `scope`. */
  constructor(
    readonly scope: Scope,
    readonly config: ModelConfig,
    readonly capacities: readonly number[],
  ) {
    let rows = 0;
    this.#begins = capacities.map((capacity) => (rows += capacity) - capacity);
    this.#lengths = capacities.map(() => 0);
    const shape = [rows, config.kvHeads, config.headSize];
    this.#layers = Array.from({ length: config.layers }, () => ({
      keys: scope.empty(shape, { label: "cached keys" }),
      values: scope.empty(shape, { label: "cached values" }),
    }));
  }

  /**
   * The input for a forward pass over new rows, at least one of each named sequence, and the row of
   * each one's last token. Sequences that begin here, beside each other, and alike share the rows of
   * that beginning. The arrays live in `scope`, which should end after the pass.
   */
  step(
    scope: Scope,
    steps: readonly SequenceStep[],
  ): { readonly input: ForwardInput; readonly lastRows: Uint32Array<ArrayBuffer> } {
    const tokens: number[] = [], positions: number[] = [];
    const from: number[] = [], to: number[] = [];
    const spans: AttentionSpan[] = [];
    // Where a prompt is one token long its pass is like that of longer ones, so that its result does
    // not depend on what else is in the batch.
    const isDecoding = steps.every(({ sequence, ids }) =>
      ids.length === 1 && this.#lengths[sequence] > 0
    );
    const areNew = steps.every(({ sequence }) => this.#lengths[sequence] === 0);
    const prompts = steps.map((step) => ({ ...step, targetStart: step.ids.length }));
    for (const { prefix, members } of areNew ? prefixGroups(prompts) : separately(prompts)) {
      const firstRow = tokens.length;
      for (const [member, { sequence, ids }] of members.entries()) {
        const keyBegin = this.#begins[sequence], length = this.#lengths[sequence];
        const keyCount = length + ids.length;
        this.#checkRoom(sequence, keyCount);
        const shared = member === 0 ? 0 : prefix;
        const queryCount = ids.length - shared;
        spans.push({ queryBegin: tokens.length, queryCount, keyBegin, keyCount });
        for (let i = 0; i < ids.length; i++) {
          to.push(keyBegin + length + i);
          from.push(i < shared ? firstRow + i : tokens.length);
          if (i < shared) continue;
          tokens.push(ids[i]);
          positions.push(length + i);
        }
        this.#lengths[sequence] = keyCount;
      }
    }
    const rows = (values: readonly number[]) => scope.upload(Uint32Array.from(values));
    this.#moves = { from: rows(from), to: rows(to) };
    const { slidingWindow } = this.config;
    const input: ForwardInput = {
      tokens: Uint32Array.from(tokens),
      positions: rows(positions),
      length: Math.max(...spans.map((span) => span.keyCount)),
      attention: {
        spans,
        slidingWindow,
        decoding: isDecoding ? decodingRows(scope, spans, slidingWindow) : undefined,
        tiles: isDecoding ? null : attentionTiles(scope, spans),
      },
      cache: this,
    };
    const lastRows = Uint32Array.from(spans, (span) => span.queryBegin + span.queryCount - 1);
    return { input, lastRows };
  }

  append(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const stored = this.#layers[layer];
    moveRows(this.scope.device, keys, stored.keys, this.#moves!);
    moveRows(this.scope.device, values, stored.values, this.#moves!);
    return stored;
  }

  #checkRoom(sequence: number, rows: number): void {
    const room = this.capacities[sequence];
    if (rows <= room) return;
    throw new RangeError(
      `Cannot cache ${rows} rows: the sequence has room for ${room}; ` +
        "make the cache for all rows to come",
    );
  }
}
