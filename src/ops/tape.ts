/**
 * The tape: it records operations during the forward pass and walks them backward. With
 * {@linkcode Tape.checkpoint} it keeps only the input of a block and computes the rest again.
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import type { Storage } from "../device/pool.ts";
import { describe, type DType, reshape, type Scope, type Tensor } from "../device/tensor.ts";
import { accumulateInto, fill } from "./elementwise.ts";

/** A trainable tensor (f32) and the tensor its gradient is summed into. */
export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly gradient: Tensor;
  /** Whether weight decay applies: true for matrices, false for norm weights, as in transformers. */
  readonly decay: boolean;
}

/** What the tape knows of a tensor that needs a gradient. */
interface Tracked {
  /** Where its gradient is allocated: the scope the tensor lives in. Null for parameters. */
  readonly scope: Scope | null;
  gradient: Tensor | null;
}

interface Node {
  readonly output: Tensor;
  readonly backward: (gradient: Tensor) => void;
}

/** Where a kernel writes the gradient of an input: adding to it, or writing it for the first time. */
export interface GradientTarget {
  readonly tensor: Tensor;
  /** 1 to add, 0 to write; the kernels' `accumulate` parameter. */
  readonly accumulate: 0 | 1;
}

/**
 * Records operations for one forward and backward pass. Tensors that operations make live in the
 * tape's current scope. Without parameters nothing is recorded (inference).
 */
export class Tape {
  readonly device: Device;
  #scope: Scope;
  #nodes: Node[] = [];
  #recording: boolean;
  // Keyed by storage, so that views share the gradient of what they view.
  #tracked = new Map<Storage, Tracked>();

  constructor(scope: Scope, parameters: Iterable<Parameter> = []) {
    this.device = scope.device;
    this.#scope = scope;
    for (const { tensor, gradient } of parameters) {
      this.#tracked.set(tensor.storage, { scope: null, gradient });
    }
    this.#recording = this.#tracked.size > 0;
  }

  /** The scope in which operations allocate now. */
  get scope(): Scope {
    return this.#scope;
  }

  /** Whether a backward pass will need what operations save. */
  get recording(): boolean {
    return this.#recording;
  }

  /** A tensor for an operation's output. */
  output(shape: readonly number[], label: string, dtype: DType = "f32"): Tensor {
    return this.#scope.empty(shape, { label, dtype });
  }

  /** Whether a gradient with respect to this tensor is wanted. */
  requiresGradient(tensor: Tensor): boolean {
    return this.#tracked.has(tensor.storage);
  }

  /**
   * Records an operation. `backward` gets the gradient of `output` and adds to the gradients of the
   * inputs through {@linkcode gradientTarget} or {@linkcode accumulate}.
   */
  record(output: Tensor, inputs: readonly Tensor[], backward: (gradient: Tensor) => void): void {
    if (!this.#recording || !inputs.some((input) => this.requiresGradient(input))) return;
    this.#track(output);
    this.#nodes.push({ output, backward });
  }

  /** Where to write the gradient of `tensor`, or null if none is wanted. */
  gradientTarget(tensor: Tensor): GradientTarget | null {
    const tracked = this.#tracked.get(tensor.storage);
    if (!tracked) return null;
    const known = tracked.gradient;
    if (known) return { tensor: reshape(known, tensor.shape), accumulate: 1 };
    const gradient = tracked.scope!.empty(tensor.shape, { label: `d ${tensor.label}` });
    tracked.gradient = gradient;
    return { tensor: gradient, accumulate: 0 };
  }

  /** Adds `gradient` to the gradient of `tensor`, if one is wanted. */
  accumulate(tensor: Tensor, gradient: Tensor): void {
    const target = this.gradientTarget(tensor);
    if (!target) return;
    if (target.accumulate) accumulateInto(this.device, target.tensor, gradient);
    else this.device.copy(gradient, target.tensor);
  }

  /**
   * Runs `block` on `x` and keeps only `x` and the result: the backward pass runs `block` once more
   * to have what it needs. `block` must be repeatable.
   */
  checkpoint(x: Tensor, block: (x: Tensor) => Tensor): Tensor {
    const outer = this.#scope;
    const wasRecording = this.#recording;
    const run = (): Tensor => {
      using inner = this.device.scope(outer.label);
      this.#scope = inner;
      this.#recording = false;
      try {
        const y = block(x);
        return inner.owns(y) ? outer.adopt(y, inner) : y;
      } finally {
        this.#scope = outer;
        this.#recording = wasRecording;
      }
    };
    const y = run();
    if (!wasRecording) return y;
    this.#track(y);
    this.#nodes.push({ output: y, backward: (gradient) => this.#replay(x, block, gradient) });
    return y;
  }

  #replay(x: Tensor, block: (x: Tensor) => Tensor, gradient: Tensor): void {
    const outer = { scope: this.#scope, nodes: this.#nodes };
    using inner = this.device.scope(outer.scope.label);
    this.#scope = inner;
    this.#nodes = [];
    try {
      const y = block(x);
      if (!this.requiresGradient(y)) return;
      this.accumulate(y, gradient);
      this.#walk();
    } finally {
      this.#scope = outer.scope;
      this.#nodes = outer.nodes;
    }
  }

  /**
   * Walks back from `output`. `seed` is its gradient, or a number for every element's. Gradients of
   * parameters are added to their gradient tensors; all others are given back on the way.
   */
  backward(output: Tensor, seed: Tensor | number = 1): void {
    const target = this.gradientTarget(output);
    if (!target) {
      throw new ShapeError(
        `Cannot go backward from ${describe(output)}: no trainable parameter leads to it`,
      );
    }
    if (typeof seed === "number") fill(this.device, target.tensor, seed);
    else this.device.copy(seed, target.tensor);
    this.#walk();
  }

  #walk(): void {
    for (let node = this.#nodes.pop(); node; node = this.#nodes.pop()) {
      const tracked = this.#tracked.get(node.output.storage)!;
      if (tracked.gradient) {
        node.backward(reshape(tracked.gradient, node.output.shape));
        tracked.scope!.release(tracked.gradient);
      }
      this.#tracked.delete(node.output.storage);
    }
  }

  #track(tensor: Tensor): void {
    this.#tracked.set(tensor.storage, { scope: this.#scope, gradient: null });
  }
}
