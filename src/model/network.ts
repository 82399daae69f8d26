/**
 * What an architecture is made from and what it gives back.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import type { AttentionRows } from "../ops/attention.ts";
import type { Linear } from "../ops/linear.ts";
import type { Tape } from "../ops/tape.ts";
import type { DenseWeight } from "../ops/weight.ts";
import type { ModelConfig } from "./config.ts";

/**
 * Hands an architecture its weights by their names in the checkpoint, one after the other, so that
 * no more than one is on its way at a time.
 */
export interface WeightSource {
  /** The scope of the model, for tensors that live as long as it. */
  readonly scope: Scope;
  /** The linear layer `path.weight` [outputs, inputs]; quantised as the model was asked to be. */
  linear(path: string, outputs: number, inputs: number): Promise<Linear>;
  /** The linear layer that gives the logits; never quantised, as in transformers. */
  outputLinear(path: string, outputs: number, inputs: number): Promise<Linear>;
  /** The table `path.weight` [rows, columns]. */
  embedding(path: string, rows: number, columns: number): Promise<DenseWeight>;
  /** The vector `path.weight` [length], f32. */
  vector(path: string, length: number): Promise<Tensor>;
}

/** Rows of one or more sequences, laid end to end. */
export interface ForwardInput {
  /** [N] token ids. */
  readonly tokens: Uint32Array;
  /** [N] index inside the sequence; u32. */
  readonly positions: Tensor;
  /** The highest position plus 1. */
  readonly length: number;
  readonly attention: AttentionRows;
  /** Gives attention the keys and values of earlier rows; null in training. */
  readonly cache: KeyValueStore | null;
  /** NEFTune in training: one scale per row [N], and a seed. */
  readonly noise?: { readonly scales: Tensor; readonly seed: number };
}

/** Keeps keys and values of a layer [N, K, D] and returns all that its queries may see. */
export interface KeyValueStore {
  append(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor };
}

/** A model whose forward pass can be run. */
export interface Network {
  /** The hidden states after the last norm: f32 [N, C]. */
  forward(tape: Tape, input: ForwardInput): Tensor;
  /** From hidden states to logits [V, C]. */
  readonly output: Linear;
}

/** A forward-only description of a model family. */
export interface Architecture {
  /** As in `config.json`. */
  readonly modelType: string;
  build(config: ModelConfig, weights: WeightSource): Promise<Network>;
}
