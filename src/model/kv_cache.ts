/**
 * The keys and values of earlier rows, kept for decoding.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionSpan } from "../ops/attention.ts";
import { attentionTiles } from "../ops/attention_subgroup.ts";
import { decodingRows } from "../ops/attention_decode.ts";
import { scatterRows } from "../ops/rows.ts";
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
  #slots: Tensor | null = null;

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
   * The input for a forward pass over new rows, at least one of each named sequence. Its arrays live
   * in `scope`, which should end after the pass.
   */
  step(scope: Scope, steps: readonly SequenceStep[]): ForwardInput {
    const tokens: number[] = [], positions: number[] = [], slots: number[] = [];
    const spans: AttentionSpan[] = [];
    // Where a prompt is one token long its pass is like that of longer ones, so that its result does
    // not depend on what else is in the batch.
    const isDecoding = steps.every(({ sequence, ids }) =>
      ids.length === 1 && this.#lengths[sequence] > 0
    );
    for (const { sequence, ids } of steps) {
      const keyBegin = this.#begins[sequence];
      const first = this.#lengths[sequence];
      const keyCount = first + ids.length;
      if (keyCount > this.capacities[sequence]) {
        throw new RangeError(
          `Cannot cache ${keyCount} rows: the sequence has room for ${
            this.capacities[sequence]
          }; ` +
            "make the cache for all rows to come",
        );
      }
      spans.push({ queryBegin: tokens.length, queryCount: ids.length, keyBegin, keyCount });
      for (let i = 0; i < ids.length; i++) {
        tokens.push(ids[i]);
        positions.push(first + i);
        slots.push(keyBegin + first + i);
      }
      this.#lengths[sequence] = keyCount;
    }
    this.#slots = scope.upload(Uint32Array.from(slots));
    const { slidingWindow } = this.config;
    return {
      tokens: Uint32Array.from(tokens),
      positions: scope.upload(Uint32Array.from(positions)),
      length: Math.max(...spans.map((span) => span.keyCount)),
      attention: {
        spans,
        slidingWindow,
        decoding: isDecoding ? decodingRows(scope, spans, slidingWindow) : undefined,
        tiles: isDecoding ? null : attentionTiles(scope, spans),
      },
      cache: this,
    };
  }

  append(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const stored = this.#layers[layer];
    scatterRows(this.scope.device, keys, this.#slots!, stored.keys);
    scatterRows(this.scope.device, values, this.#slots!, stored.values);
    return stored;
  }
}
