import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { reshape, type Scope, sizeOf, type Tensor } from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { add } from "../../src/ops/elementwise.ts";
import { type Linear, linear } from "../../src/ops/linear.ts";
import { rmsnorm } from "../../src/ops/rmsnorm.ts";
import { swiglu } from "../../src/ops/swiglu.ts";
import { type Parameter, Tape } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { checkOp, seededValues, testDevice } from "./harness.ts";

const [ROWS, WIDTH, RANK] = [9, 12, 2];

function parameter(scope: Scope, name: string, tensor: Tensor): Parameter {
  return { name, tensor, gradient: scope.zeros(tensor.shape), decay: true };
}

/** A residual block: a norm, two frozen linear layers with LoRA, and a gate. */
interface Block {
  readonly norm: Tensor;
  readonly up: Linear;
  readonly down: Linear;
}

/** Blocks with seeded weights, and their trainable tensors as parameters. */
function createBlocks(scope: Scope, count: number, dropoutSeed: number | null) {
  const parameters: Parameter[] = [];
  let seed = 0;
  const trainable = (name: string, shape: number[]) => {
    const tensor = scope.upload(seededValues(sizeOf(shape), ++seed), shape);
    parameters.push(parameter(scope, name, tensor));
    return tensor;
  };
  const layer = (name: string): Linear => {
    const values = scope.upload(seededValues(WIDTH * WIDTH, ++seed), [WIDTH, WIDTH]);
    const parts = [{ rowBegin: 0, rowCount: WIDTH, values }];
    const [a, b] = [trainable(`${name}.A`, [RANK, WIDTH]), trainable(`${name}.B`, [WIDTH, RANK])];
    const dropout = dropoutSeed === null ? null : { probability: 0.3, seed: dropoutSeed + seed };
    return {
      weight: { kind: "dense", name, rows: WIDTH, columns: WIDTH, dtype: "f32", parts },
      lora: { a, b, rank: RANK, scaling: 0.5, dropout },
    };
  };
  const blocks = Array.from({ length: count }, (_, i): Block => ({
    norm: trainable(`${i}.norm`, [WIDTH]),
    up: layer(`${i}.up`),
    down: layer(`${i}.down`),
  }));
  return { blocks, parameters };
}

function runBlock(tape: Tape, x: Tensor, { norm, up, down }: Block): Tensor {
  const normed = rmsnorm(tape, x, norm, 1e-5);
  const hidden = swiglu(tape, linear(tape, normed, up), normed);
  return add(tape, x, linear(tape, hidden, down));
}

type Nesting = "none" | "each block" | "blocks in a block";

function runBlocks(tape: Tape, x: Tensor, blocks: readonly Block[], nesting: Nesting): Tensor {
  const each = (x: Tensor) =>
    blocks.reduce(
      (x, block) =>
        nesting === "none"
          ? runBlock(tape, x, block)
          : tape.checkpoint(x, (x) => runBlock(tape, x, block)),
      x,
    );
  return nesting === "blocks in a block" ? tape.checkpoint(x, each) : each(x);
}

/** Output, gradients and peak memory of a pass through four blocks. */
async function pass(
  device: Device,
  options: { nesting: Nesting; dropoutSeed?: number | null; trainInput?: boolean },
) {
  const { nesting, dropoutSeed = null, trainInput = false } = options;
  using scope = device.scope("model");
  const { blocks, parameters } = createBlocks(scope, 4, dropoutSeed);
  const x = scope.upload(seededValues(ROWS * WIDTH, 50), [ROWS, WIDTH]);
  if (trainInput) parameters.push(parameter(scope, "x", x));
  device.resetPeak();
  using step = device.scope("step");
  const tape = new Tape(step, parameters);
  const y = runBlocks(tape, x, blocks, nesting);
  tape.backward(y, step.upload(seededValues(ROWS * WIDTH, 51), [ROWS, WIDTH]));
  const peakBytes = device.peakBytes;
  const output = await device.readF32(y);
  const gradients: Record<string, Float32Array> = {};
  for (const { name, gradient } of parameters) gradients[name] = await device.readF32(gradient);
  return { output, gradients, peakBytes };
}

for (const nesting of ["each block", "blocks in a block"] as const) {
  for (const trainInput of [false, true]) {
    Deno.test(`tape: with checkpoints (${nesting}), ${trainInput ? "a trained" : "a fixed"} input has the same gradients bit for bit`, async () => {
      const device = await testDevice();
      const before = device.liveBytes;
      const plain = await pass(device, { nesting: "none", trainInput });
      const checkpointed = await pass(device, { nesting, trainInput });
      assertEquals(checkpointed.output, plain.output);
      assertEquals(checkpointed.gradients, plain.gradients);
      for (const [name, gradient] of Object.entries(plain.gradients)) {
        assert(gradient.some((value) => value !== 0), `${name} has no gradient`);
      }
      assertEquals(device.liveBytes, before);
    });
  }
}

Deno.test("tape: dropout is the same in the recomputation, and another seed is another mask", async () => {
  const device = await testDevice();
  const plain = await pass(device, { nesting: "none", dropoutSeed: 7 });
  const checkpointed = await pass(device, { nesting: "each block", dropoutSeed: 7 });
  assertEquals(checkpointed.output, plain.output);
  assertEquals(checkpointed.gradients, plain.gradients);
  const other = await pass(device, { nesting: "each block", dropoutSeed: 8 });
  assert(other.output.some((value, i) => value !== plain.output[i]));
});

Deno.test("tape: checkpoints need less memory", async () => {
  const device = await testDevice();
  const plain = await pass(device, { nesting: "none" });
  const checkpointed = await pass(device, { nesting: "each block" });
  assert(checkpointed.peakBytes < plain.peakBytes);
});

Deno.test("tape: a checkpointed block runs once forward and once more backward, and keeps only its result", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.upload(Float32Array.of(1, 2));
  const tape = new Tape(scope, [parameter(scope, "x", x)]);
  let runs = 0;
  const bytes = scope.byteLength;
  const y = tape.checkpoint(x, (x) => {
    runs++;
    return add(tape, add(tape, x, x), x);
  });
  assertEquals([runs, scope.byteLength - bytes], [1, y.storage.capacity]);
  tape.backward(y);
  assertEquals([runs, scope.byteLength - bytes], [2, y.storage.capacity]);
});

Deno.test("tape: a block that throws leaves the tape and the memory as they were", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const x = scope.zeros([2]);
  const p = parameter(scope, "x", x);
  const tape = new Tape(scope, [p]);
  const bytes = device.liveBytes;
  const fails = () =>
    tape.checkpoint(x, (x) => {
      add(tape, x, x);
      throw new RangeError("in the block");
    });
  assertThrows(fails, RangeError, "in the block");
  assertEquals(device.liveBytes, bytes);
  assert(tape.scope === scope && tape.recording);
  tape.backward(add(tape, x, x), 3);
  assertEquals(await device.readF32(p.gradient), Float32Array.of(6, 6));
});

Deno.test("tape: a value used many times has the sum of the gradients", () =>
  checkOp({
    inputs: { a: [2, 3] },
    run(tape, { a }) {
      const twice = add(tape, a, a);
      return add(tape, add(tape, twice, a), twice);
    },
    reference: ({ a }) => a.map((value) => 5 * value),
  }));

Deno.test("tape: views share the gradient of what they view", () =>
  checkOp({
    inputs: { a: [2, 6], b: [3, 4] },
    run(tape, { a, b }) {
      const sum = add(tape, reshape(a, [3, 4]), b);
      return add(tape, reshape(add(tape, reshape(sum, [12]), reshape(a, [12])), [2, 6]), a);
    },
    reference: ({ a, b }) => a.map((value, i) => 3 * value + b[i]),
  }));

Deno.test("tape: a weight that is itself computed gets its whole gradient and nothing else", async () => {
  const device = await testDevice();
  {
    // Leaves buffers with content behind, so that a gradient not cleared is seen.
    using used = device.scope("used");
    for (let i = 0; i < 20; i++) used.upload(new Float32Array(64).fill(1e6));
  }
  await checkOp({
    inputs: { x: [3, 7], w: [7], v: [7] },
    run: (tape, { x, w, v }) => rmsnorm(tape, x, add(tape, w, v), 1e-5),
    reference: ({ x, w, v }) => reference.rmsnorm(x, reference.add(w, v), 1e-5),
  });
});

Deno.test("tape: gradients of parameters add up over passes, as accumulation needs", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const p = parameter(scope, "p", scope.upload(Float32Array.of(1, 2)));
  for (const seed of [1, 10]) {
    using step = device.scope("step");
    const tape = new Tape(step, [p]);
    tape.backward(add(tape, p.tensor, step.zeros([2])), seed);
  }
  assertEquals(await device.readF32(p.gradient), Float32Array.of(11, 11));
});

Deno.test("tape: a seed per element, or one number for all", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const p = parameter(scope, "p", scope.zeros([3]));
  for (const seed of [scope.upload(Float32Array.of(1, 2, 3)), -2]) {
    const tape = new Tape(scope, [p]);
    tape.backward(add(tape, p.tensor, p.tensor), seed);
  }
  assertEquals(await device.readF32(p.gradient), Float32Array.of(-2, 0, 2));
});

Deno.test("tape: a backward pass gives back all gradients and values but its result and the parameters' gradients", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { blocks, parameters } = createBlocks(scope, 2, 3);
  using step = device.scope("step");
  const x = step.upload(seededValues(ROWS * WIDTH, 1), [ROWS, WIDTH]);
  const bytes = step.byteLength;
  const tape = new Tape(step, parameters);
  const y = runBlocks(tape, x, blocks, "none");
  tape.backward(y);
  // What operations save beside their output, such as norms' scales, goes with the scope.
  const saved = step.byteLength - bytes - y.storage.capacity;
  assert(saved < 3 * blocks.length * 256 + 1, `${saved} bytes are left`);
});

Deno.test("tape: without parameters nothing is recorded, and blocks keep only their result", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { blocks } = createBlocks(scope, 1, null);
  const x = scope.upload(seededValues(ROWS * WIDTH, 1), [ROWS, WIDTH]);
  const tape = new Tape(scope);
  assert(!tape.recording);
  const bytes = scope.byteLength;
  const y = tape.checkpoint(x, (x) => runBlock(tape, x, blocks[0]));
  assertEquals(scope.byteLength - bytes, y.storage.capacity);
  assert(!tape.requiresGradient(y));
  assertThrows(() => tape.backward(y), ShapeError, "no trainable parameter leads to it");
});

Deno.test("tape: a frozen branch gets no gradient and costs no memory", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const frozen = scope.upload(Float32Array.of(1, 2));
  const p = parameter(scope, "p", scope.upload(Float32Array.of(3, 4)));
  const tape = new Tape(scope, [p]);
  const branch = add(tape, frozen, frozen);
  assert(!tape.requiresGradient(frozen) && !tape.requiresGradient(branch));
  assertEquals([tape.gradientTarget(frozen), tape.gradientTarget(branch)], [null, null]);
  const y = add(tape, branch, p.tensor);
  assert(tape.requiresGradient(y));
  const bytes = device.liveBytes;
  tape.accumulate(frozen, y);
  assertEquals(device.liveBytes, bytes);
  assertThrows(() => tape.backward(branch), ShapeError, "no trainable parameter leads to it");
  tape.backward(y);
  assertEquals(await device.readF32(p.gradient), Float32Array.of(1, 1));
});

Deno.test("tape: a checkpointed block without anything trainable has no gradient to give", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [frozen, p] = [
    scope.upload(Float32Array.of(1, 2)),
    parameter(scope, "p", scope.upload(Float32Array.of(3, 4))),
  ];
  const tape = new Tape(scope, [p]);
  const bytes = device.liveBytes;
  const branch = tape.checkpoint(frozen, (x) => add(tape, x, x));
  const y = add(tape, branch, p.tensor);
  tape.backward(y);
  assertEquals(await device.readF32(p.gradient), Float32Array.of(1, 1));
  assert(branch.storage.released);
  assertEquals(device.liveBytes - bytes, y.storage.capacity);
});

Deno.test("tape: it goes backward once", async () => {
  using scope = (await testDevice()).scope("test");
  const p = parameter(scope, "p", scope.zeros([2]));
  const tape = new Tape(scope, [p]);
  const y = add(tape, p.tensor, p.tensor);
  tape.backward(y);
  assertThrows(() => tape.backward(y), ShapeError, "no trainable parameter leads to it");
});
