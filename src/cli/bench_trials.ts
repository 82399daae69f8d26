/**
 * Kernels as the bench runs them: checked, then timed again and again.
 * @module
 */
import { type Scope, sizeOf, type Tensor } from "../device/tensor.ts";
import { type GradientTarget, Tape } from "../ops/tape.ts";
import { checkSamples, type Element, noise } from "./bench_measure.ts";
import type { BenchConfig } from "./bench_options.ts";

/** What a run does: useful operations where arithmetic bounds it, else bytes read and written. */
export type Work = { readonly flops: number } | { readonly bytes: number };

/** A kernel, or an operation of a few, with its operands. */
export interface KernelTrial {
  readonly name: string;
  readonly work: Work;
  run(): void;
  /** Runs it and compares with plain loops. Throws KernelError where it is off. */
  check(): Promise<void>;
}

/** The sizes of the bench that trials depend on. */
export type TrialSizes = Pick<BenchConfig, "rows" | "width" | "seed">;

/** Makes trials whose operands live in `scope`. */
export type MakeTrials = (
  scope: Scope,
  sizes: TrialSizes,
) => readonly KernelTrial[] | Promise<readonly KernelTrial[]>;

/** Elements of what operations of memory work on, more than caches hold: four times the rows. */
export function streamShape({ rows, width }: TrialSizes): [rows: number, width: number] {
  return [4 * rows, width];
}

/** What is off by more is wrong: values are of the order of 1, sums are means. */
const TOLERANCE = 2e-5;

/** Compares some elements of `actual` [rows, columns] with what they should be. */
export function checkMatrix(
  name: string,
  actual: Float32Array,
  columns: number,
  expected: Element,
): void {
  const sizes = { rows: actual.length / columns, columns, tolerance: TOLERANCE };
  const element: Element = (row, column) => actual[row * columns + column];
  checkSamples(name, sizes, { actual: element, expected });
}

/** A seeded tensor on both sides. */
export interface Values {
  readonly tensor: Tensor;
  readonly host: Float32Array;
}

/** Values in [-1, 1). */
export function noiseTensor(scope: Scope, shape: readonly number[], seed: number): Values {
  const host = noise(sizeOf(shape), seed);
  return { tensor: scope.upload(host, shape), host };
}

/** A differentiable operation to be measured. */
export interface Operation {
  readonly name: string;
  readonly apply: (tape: Tape) => Tensor;
  readonly forward: {
    readonly work: Work;
    check(name: string, result: Float32Array): void;
  };
  readonly backward?: {
    readonly work: Work;
    /** What gradients are taken of. */
    readonly inputs: readonly Tensor[];
    check(name: string, values: BackwardValues): void;
  };
}

/** What a backward pass has read and written. */
export interface BackwardValues {
  /** Of the operation. */
  readonly result: Float32Array;
  /** The gradient of the result. */
  readonly dy: Float32Array;
  /** The gradients of the inputs, in their order. */
  readonly gradients: readonly Float32Array[];
}

/** The forward pass of an operation as a trial, and its backward pass as another. */
export function operationTrials(scope: Scope, operation: Operation, seed: number): KernelTrial[] {
  const { name, apply, forward, backward } = operation;
  const { device } = scope;
  const trials: KernelTrial[] = [{
    name: backward ? `${name}, forward` : name,
    work: forward.work,
    run() {
      using inner = device.scope(name);
      apply(new Tape(inner));
    },
    async check() {
      using inner = device.scope(name);
      forward.check(this.name, await device.readF32(apply(new Tape(inner))));
    },
  }];
  if (backward) {
    const tape = new RepeatableTape(scope, backward.inputs);
    const result = apply(tape);
    const dy = noiseTensor(scope, result.shape, seed);
    trials.push({
      name: `${name}, backward`,
      work: backward.work,
      run: () => tape.goBack(dy.tensor),
      async check() {
        this.run();
        const read = (tensor: Tensor) => device.readF32(tensor);
        const gradients = await Promise.all(tape.gradients.map(read));
        backward.check(this.name, { result: await read(result), dy: dy.host, gradients });
      },
    });
  }
  return trials;
}

/** A tape for one operation that goes back as often as one likes, writing its gradients anew. */
class RepeatableTape extends Tape {
  readonly gradients: readonly Tensor[];
  #backward: ((dy: Tensor) => void) | null = null;

  constructor(scope: Scope, inputs: readonly Tensor[]) {
    const parameters = inputs.map((tensor, i) => {
      const name = `input ${i}`;
      const gradient = scope.empty(tensor.shape, { label: `d ${name}` });
      return { name, tensor, gradient, decay: false };
    });
    super(scope, parameters);
    this.gradients = parameters.map(({ gradient }) => gradient);
  }

  override record(_: Tensor, _inputs: readonly Tensor[], backward: (dy: Tensor) => void): void {
    this.#backward = backward;
  }

  override gradientTarget(tensor: Tensor): GradientTarget | null {
    const target = super.gradientTarget(tensor);
    return target && { ...target, accumulate: 0 };
  }

  goBack(dy: Tensor): void {
    this.#backward!(dy);
  }
}
