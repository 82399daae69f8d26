/**
 * The keys and values of earlier rows, kept for decoding.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
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
    const window = this.config.slidingWindow ?? Infinity;
    const tokens: number[] = [], positions: number[] = [], slots: number[] = [];
    const keyBegin: number[] = [], keyEnd: number[] = [];
    for (const { sequence, ids } of steps) {
      const begin = this.#begins[sequence];
      const first = this.#lengths[sequence];
      if (first + ids.length > this.capacities[sequence]) {
        throw new RangeError(
          `Cannot cache ${first + ids.length} rows: the sequence has room for ` +
            `${this.capacities[sequence]}; make the cache for all rows to come`,
        );
      }
      for (let i = 0; i < ids.length; i++) {
        const position = first + i;
        tokens.push(ids[i]);
        positions.push(position);
        slots.push(begin + position);
        keyBegin.push(begin + Math.max(0, position - window + 1));
        keyEnd.push(begin + position + 1);
      }
      this.#lengths[sequence] += ids.length;
    }
    const upload = (values: number[]) => scope.upload(Uint32Array.from(values));
    this.#slots = upload(slots);
    return {
      tokens: Uint32Array.from(tokens),
      positions: upload(positions),
      length: Math.max(...positions) + 1,
      ranges: { keyBegin: upload(keyBegin), keyEnd: upload(keyEnd) },
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
