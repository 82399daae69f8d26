/**
 * A model on the GPU.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import type { Linear } from "../ops/linear.ts";
import type { Parameter } from "../ops/tape.ts";
import { type DenseWeight, weightBytes } from "../ops/weight.ts";
import type { ModelConfig } from "./config.ts";
import type { Network } from "./network.ts";

/** A weight of a model, whatever it is used for. */
export type ModelWeight =
  | { readonly kind: "linear"; readonly path: string; readonly linear: Linear }
  | { readonly kind: "embedding"; readonly table: DenseWeight }
  | { readonly kind: "vector"; readonly tensor: Tensor };

/** What a model is made of; see {@linkcode Model}. */
export interface ModelParts {
  readonly directory: string;
  readonly config: ModelConfig;
  readonly scope: Scope;
  readonly network: Network;
  readonly weights: ReadonlyMap<string, ModelWeight>;
  readonly unused: readonly string[];
}

/** A model whose weights are on the GPU until it is disposed. */
export class Model implements Disposable {
  /** The folder it was loaded from. */
  readonly directory: string;
  readonly config: ModelConfig;
  readonly network: Network;
  /** By name in the checkpoint, in the order of the forward pass. */
  readonly weights: ReadonlyMap<string, ModelWeight>;
  /** Tensors of the checkpoint that the model has no use for. */
  readonly unused: readonly string[];
  readonly scope: Scope;

  constructor({ directory, config, scope, network, weights, unused }: ModelParts) {
    this.directory = directory;
    this.config = config;
    this.scope = scope;
    this.network = network;
    this.weights = weights;
    this.unused = unused;
  }

  /** Linear layers by path, as PEFT names them ("model.layers.0.self_attn.q_proj"). */
  get linears(): ReadonlyMap<string, Linear> {
    const linears = new Map<string, Linear>();
    for (const weight of this.weights.values()) {
      if (weight.kind === "linear") linears.set(weight.path, weight.linear);
    }
    return linears;
  }

  /** Number of weights, and the bytes they take on the GPU. */
  get size(): { parameters: number; bytes: number } {
    let parameters = 0, bytes = 0;
    for (const weight of this.weights.values()) {
      if (weight.kind === "vector") {
        parameters += weight.tensor.shape[0];
        bytes += weight.tensor.byteLength;
      } else {
        const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
        parameters += matrix.rows * matrix.columns;
        bytes += weightBytes(matrix);
      }
    }
    return { parameters, bytes };
  }

  /** All weights as parameters for full fine-tuning, with gradients of zero in `scope`. */
  parameters(scope: Scope): Parameter[] {
    const parameters: Parameter[] = [];
    const add = (name: string, tensor: Tensor, kind: ModelWeight["kind"]) => {
      const gradient = scope.zeros(tensor.shape, { label: `d ${name}` });
      const [decay, isEmbedding] = [kind !== "vector", kind === "embedding"];
      parameters.push({ name, tensor, gradient, decay, isEmbedding });
    };
    for (const [name, weight] of this.weights) {
      if (weight.kind === "vector") {
        add(name, weight.tensor, weight.kind);
        continue;
      }
      const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
      if (matrix.kind !== "dense") continue;
      const { parts } = matrix;
      parts.forEach(({ values }, i) =>
        add(parts.length > 1 ? `${name}#${i}` : name, values, weight.kind)
      );
    }
    return parameters;
  }

  [Symbol.dispose](): void {
    this.scope[Symbol.dispose]();
  }
}
