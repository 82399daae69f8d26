/**
 * The tape: it records operations during the forward pass and walks them backward. With
 * {@linkcode Tape.checkpoint} it keeps only the input of a block and computes the rest again;
 * blocks.ts builds longer passes of such blocks.
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import type { Storage } from "../device/pool.ts";
import { describe, type DType, reshape, type Scope, type Tensor } from "../device/tensor.ts";
import { accumulateInto, fill } from "./elementwise.ts";
import type { KeepFormat } from "./keep.ts";

/** A trainable tensor (f32) and the tensor its gradient is summed into. */
export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly gradient: Tensor;
  /** Whether weight decay applies: true for matrices, false for norm weights, as in transformers. */
  readonly decay: boolean;
  /** Whether it is an embedding, whose moments are never kept in 8 bits, as in transformers. */
  readonly isEmbedding?: boolean;
}

/** Where a kernel writes the gradient of an input: adding to it, or writing it for the first time. */
export interface GradientTarget {
  readonly tensor: Tensor;
  /** 1 to add, 0 to write; the kernels' `accumulate` parameter. */
  readonly accumulate: 0 | 1;
}

/** A repeatable part of a forward pass. */
export type Block = (x: Tensor) => Tensor;

/** What a tape keeps between the forward and the backward pass. */
export interface TapeOptions {
  /**
   * True (default) keeps the inputs of blocks and computes the rest again, but for the last block of a
   * chain; false keeps all that the backward pass needs, which is faster and takes far more memory.
   */
  readonly checkpointing?: boolean;
  /** The format in which the inputs of blocks are kept. Default "f32". */
  readonly keepAs?: KeepFormat;
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

/** Where the tape is: in the pass itself, in a block whose inner values are dropped, or in one that
 * is computed again. */
interface Frame {
  readonly scope: Scope;
  readonly nodes: Node[];
  readonly recording: boolean;
  /** While a block is computed again: the result that was left without values. */
  readonly replay: { skipped: Storage | null } | null;
  readonly firstRow: number;
}

/**
 * Records operations for one forward and backward pass. Tensors that operations make live in the
 * tape's current scope. Without parameters nothing is recorded (inference).
 */
export class Tape {
  readonly device: Device;
  #frame: Frame;
  // Keyed by storage, so that views share the gradient of what they view.
  #tracked = new Map<Storage, Tracked>();
  readonly options: Required<TapeOptions>;

  constructor(scope: Scope, parameters: Iterable<Parameter> = [], options: TapeOptions = {}) {
    this.device = scope.device;
    this.options = { checkpointing: true, keepAs: "f32", ...options };
    for (const { tensor, gradient } of parameters) {
      this.#tracked.set(tensor.storage, { scope: null, gradient });
    }
    const recording = this.#tracked.size > 0;
    this.#frame = { scope, nodes: [], recording, replay: null, firstRow: 0 };
  }

  /** The scope in which operations allocate now. */
  get scope(): Scope {
    return this.#frame.scope;
  }

  /** Whether a backward pass will need what operations save. */
  get recording(): boolean {
    return this.#frame.recording;
  }

  /** The row of the whole batch that row 0 is, where a block runs on some rows alone. */
  get firstRow(): number {
    return this.#frame.firstRow;
  }

  /** A tensor for an operation's output. */
  output(shape: readonly number[], label: string, dtype: DType = "f32"): Tensor {
    return this.scope.empty(shape, { label, dtype });
  }

  /** Whether a gradient with respect to this tensor is wanted. */
  requiresGradient(tensor: Tensor): boolean {
    return this.#tracked.has(tensor.storage);
  }

  /**
   * Whether an operation may leave its output `y`, which is the result of the block, without values:
   * true while a block is computed again, for then only its gradients are wanted.
   */
  skipsResult(y: Tensor): boolean {
    if (!this.#frame.replay) return false;
    this.#frame.replay.skipped = y.storage;
    return true;
  }

  /**
   * Records an operation. `backward` gets the gradient of `output` and adds to the gradients of the
   * inputs through {@linkcode gradientTarget} or {@linkcode accumulate}. It must not read `output`,
   * whose memory may be given back by then.
   */
  record(output: Tensor, inputs: readonly Tensor[], backward: (gradient: Tensor) => void): void {
    if (inputs.some((input) => this.requiresGradient(input))) this.recordBlock(output, backward);
  }

  /** Records a block, whose parameters are not told. */
  recordBlock(output: Tensor, backward: (gradient: Tensor) => void): void {
    if (!this.recording) return;
    this.#track(output);
    this.#frame.nodes.push({ output, backward });
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
   * to have what it needs. `block` must be repeatable. Throws ShapeError if it returns `x`.
   */
  checkpoint(x: Tensor, block: Block): Tensor {
    const y = this.runOnce(block, x);
    this.recordBlock(y, (gradient) => this.runAgain(block, x, gradient));
    return y;
  }

  /**
   * Walks back from `output`. `seed` is its gradient, or a number for every element's. Gradients of
   * parameters are added to their gradient tensors. All other gradients, and all recorded values but
   * `output`, are given back on the way.
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
    this.#walk(output);
  }

  /** Walks the nodes of this frame back, giving each value back once no operation will read it. */
  #walk(result?: Tensor): void {
    const { nodes, scope } = this.#frame;
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      const { gradient, scope: owner } = this.#untrack(node.output);
      if (node.output.storage !== result?.storage) scope.release(node.output);
      if (!gradient) continue;
      node.backward(reshape(gradient, node.output.shape));
      owner!.release(gradient);
    }
  }

  /**
   * The block's result, in the present scope; all else that it computes is given back and nothing is
   * recorded. Throws ShapeError if it returns `x`.
   */
  runOnce(block: Block, x: Tensor): Tensor {
    const outer = this.scope;
    using inner = this.device.scope(outer.label);
    const y = this.#within({ scope: inner, recording: false, replay: null }, () => block(x));
    if (y.storage === x.storage) {
      throw new ShapeError(`Cannot run a block on ${describe(x)}: it returns its input`);
    }
    return inner.owns(y) ? outer.adopt(y, inner) : y;
  }

  /**
   * In a backward pass: runs the block once more and walks it back from the gradient `dy` of its
   * result. Adds to the gradient of `x`, if one is wanted.
   */
  runAgain(block: Block, x: Tensor, dy: Tensor): void {
    using inner = this.device.scope(this.scope.label);
    const replay: { skipped: Storage | null } = { skipped: null };
    this.#within({ scope: inner, nodes: [], recording: true, replay }, () => {
      const y = block(x);
      if (replay.skipped && replay.skipped !== y.storage) {
        throw new ShapeError(
          `Cannot go backward from ${describe(y)}: another value was said to be the block's result`,
        );
      }
      const tracked = this.#tracked.get(y.storage);
      if (!tracked) return;
      // Nothing in the block reads its result, so nothing will add to this gradient.
      if (tracked.gradient) this.accumulate(y, dy);
      else tracked.gradient = dy;
      this.#walk();
    });
  }

  /**
   * The same for an `x` that no operation made, such as a part of another tensor: returns its
   * gradient, in the present scope, or null where the block does not pass one on.
   */
  runAgainFor(block: Block, x: Tensor, dy: Tensor): Tensor | null {
    this.#track(x);
    this.runAgain(block, x, dy);
    return this.#untrack(x).gradient;
  }

  /** Runs `run` with row 0 standing for row `firstRow` of the whole batch. */
  atRow<T>(firstRow: number, run: () => T): T {
    return this.#within({ firstRow }, run);
  }

  #within<T>(change: Partial<Frame>, run: () => T): T {
    const outer = this.#frame;
    this.#frame = { ...outer, ...change };
    try {
      return run();
    } finally {
      this.#frame = outer;
    }
  }

  #track(tensor: Tensor): void {
    this.#tracked.set(tensor.storage, { scope: this.scope, gradient: null });
  }

  #untrack(tensor: Tensor): Tracked {
    const tracked = this.#tracked.get(tensor.storage);
    this.#tracked.delete(tensor.storage);
    return tracked ?? { scope: null, gradient: null };
  }
}
