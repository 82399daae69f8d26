/**
 * One check for every differentiable operation: the GPU's result against a plain f64 reference, its
 * gradients against central differences of that reference, guard words behind every buffer intact,
 * and no memory left behind.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { type DType, Scope, sizeOf, type Tensor } from "../../src/device/tensor.ts";
import { Tape } from "../../src/ops/tape.ts";

/**
 * Tolerances on |actual - expected| / (1 + largest |expected|), by what is compared.
 * - forward: f32 sums of up to a few thousand terms.
 * - gradient: the same, through two or three such sums in a row.
 */
export const TOLERANCE = { forward: 2e-6, gradient: 1e-5 } as const;

let shared: Device | null = null;

/** One device for all tests of a file: opening one takes a while on software adapters. */
export async function testDevice(): Promise<Device> {
  return shared ??= await openDevice();
}

let sharedAsGpu: Device | null = null;

/**
 * The same adapter, taken for a GPU without subgroups, for operations that choose between kernels for
 * CPU adapters and for GPUs.
 */
export async function testDeviceAsGpu(): Promise<Device> {
  if (sharedAsGpu) return sharedAsGpu;
  const { gpu, info } = await openDevice();
  return sharedAsGpu = new Device(gpu, { ...info, software: false, subgroupSize: 0 });
}

globalThis.addEventListener("unload", () => {
  shared?.[Symbol.dispose]();
  sharedAsGpu?.[Symbol.dispose]();
});

const GUARD = 0xdeadbeef;

/** A scope that writes guard words behind every tensor and can check that they are still there. */
export class GuardedScope extends Scope {
  #tensors: Tensor[] = [];

  override empty(
    shape: readonly number[],
    options: { dtype?: DType; label?: string } = {},
  ): Tensor {
    const tensor = super.empty(shape, options);
    const words = (tensor.storage.capacity - tensor.byteLength) / 4;
    if (words > 0) {
      this.device.write(whole(tensor), new Uint32Array(words).fill(GUARD), {
        offset: tensor.byteLength,
      });
      this.#tensors.push(tensor);
    }
    return tensor;
  }

  /** Asserts that no kernel wrote past the end of a tensor. */
  async checkGuards(): Promise<void> {
    const tensors = this.#tensors.filter(({ storage }) => !storage.released);
    // All at once, because each read waits a fixed time on some adapters.
    await Promise.all(tensors.map(async (tensor) => {
      const words = await this.device.readU32(whole(tensor));
      const guards = words.subarray(tensor.byteLength / 4);
      assert(guards.every((word) => word === GUARD), `${tensor.label} was written past its end`);
    }));
  }
}

function whole(tensor: Tensor): Tensor {
  return { ...tensor, byteLength: tensor.storage.capacity };
}

/** A seeded generator of values in [-1, 1), apart from the library's own. */
export function seededValues(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
}

/** An operation under test. */
export interface OpCase {
  /** Shapes of the inputs that gradients are taken for. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Values instead of seeded ones. */
  readonly values?: Readonly<Record<string, ArrayLike<number>>>;
  /** Runs the operation; `scope` is for further inputs. */
  run(tape: Tape, inputs: Record<string, Tensor>, scope: Scope): Tensor;
  /** The same in plain loops over f64. */
  reference(inputs: Record<string, Float64Array>): ArrayLike<number>;
  readonly seed?: number;
  readonly tolerance?: { readonly forward: number; readonly gradient: number };
  /** Default {@linkcode testDevice}. */
  readonly device?: Device;
}

/** Checks an operation as described at the top of this file. */
export async function checkOp(test: OpCase): Promise<void> {
  const device = test.device ?? await testDevice();
  const before = device.liveBytes;
  const tolerance = test.tolerance ?? TOLERANCE;
  {
    using scope = new GuardedScope(device, "test");
    const values = Object.entries(test.inputs).map(([name, shape], i) => {
      const given = test.values?.[name];
      const data = given
        ? Float32Array.from(given)
        : seededValues(sizeOf(shape), (test.seed ?? 1) + i);
      return { name, shape, data };
    });
    const tensors = Object.fromEntries(
      values.map(({ name, shape, data }) => [name, scope.upload(data, shape, { label: name })]),
    );
    const parameters = values.map(({ name, shape }) => ({
      name,
      tensor: tensors[name],
      gradient: scope.zeros(shape, { label: `d ${name}` }),
      decay: false,
    }));
    const inference = test.run(new Tape(scope), tensors, scope);
    const tape = new Tape(scope, parameters);
    const y = test.run(tape, tensors, scope);
    const actual = await device.readF32(y);
    assertEquals(await device.readF32(inference), actual, "recording changes the result");
    const inputs = Object.fromEntries(
      values.map(({ name, data }) => [name, Float64Array.from(data)]),
    );
    assertClose("output", actual, test.reference(inputs), tolerance.forward);

    const seed = seededValues(sizeOf(y.shape), 99);
    tape.backward(y, scope.upload(seed, y.shape));
    for (const { name, gradient } of parameters) {
      const expected = centralDifferences(inputs, name, (at) => dot(seed, test.reference(at)));
      assertClose(`d ${name}`, await device.readF32(gradient), expected, tolerance.gradient);
    }
    await scope.checkGuards();
  }
  assertEquals(device.liveBytes, before, "memory was left behind");
}

/** Asserts closeness relative to the largest expected value (see {@linkcode TOLERANCE}). */
export function assertClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assertEquals(actual.length, expected.length, `${what}: lengths differ`);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert(
      difference <= tolerance * (1 + largest),
      `${what}[${i}] is ${actual[i]}, expected ${expected[i]} (tolerance ${tolerance})`,
    );
  }
}

/** Asserts |actual - expected| <= tolerance for every element, as golden files state it. */
export function assertWithin(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assertEquals(actual.length, expected.length, `${what}: lengths differ`);
  for (let i = 0; i < expected.length; i++) {
    assert(
      Math.abs(actual[i] - expected[i]) <= tolerance,
      `${what}[${i}] is ${actual[i]}, expected ${expected[i]} (tolerance ${tolerance})`,
    );
  }
}

function centralDifferences(
  inputs: Record<string, Float64Array>,
  name: string,
  f: (inputs: Record<string, Float64Array>) => number,
): Float64Array {
  const step = 1e-5;
  return inputs[name].map((value, i) => {
    const moved = Float64Array.from(inputs[name]);
    moved[i] = value + step;
    const above = f({ ...inputs, [name]: moved });
    moved[i] = value - step;
    return (above - f({ ...inputs, [name]: moved })) / (2 * step);
  });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
