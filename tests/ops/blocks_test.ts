import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { type Scope, sizeOf, type Tensor } from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { byRows, chain } from "../../src/ops/blocks.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { add } from "../../src/ops/elementwise.ts";
import { type Linear, linear } from "../../src/ops/linear.ts";
import { rmsnorm } from "../../src/ops/rmsnorm.ts";
import { swiglu } from "../../src/ops/swiglu.ts";
import { type Parameter, Tape, type TapeOptions } from "../../src/ops/tape.ts";
import { seededValues, testDevice } from "./harness.ts";

const [ROWS, WIDTH, INNER, RANK] = [23, 12, 20, 2];

interface Layer {
  readonly norm: Tensor;
  readonly mix: Linear;
  readonly up: Linear;
  readonly gate: Linear;
  readonly down: Linear;
}

/** Layers shaped like a transformer's, with LoRA on all of their frozen weights. */
function createLayers(scope: Scope, count: number, dropout: number) {
  const parameters: Parameter[] = [];
  let seed = 0;
  const trainable = (name: string, shape: number[]) => {
    const tensor = scope.upload(seededValues(sizeOf(shape), ++seed), shape);
    parameters.push({ name, tensor, gradient: scope.zeros(shape), decay: true });
    return tensor;
  };
  const layer = (name: string, [columns, rows]: [number, number]): Linear => {
    const values = scope.upload(seededValues(rows * columns, ++seed), [rows, columns]);
    const parts = [{ rowBegin: 0, rowCount: rows, values }];
    const a = trainable(`${name}.A`, [RANK, columns]), b = trainable(`${name}.B`, [rows, RANK]);
    const mask = dropout > 0 ? { probability: dropout, seed } : null;
    return {
      weight: { kind: "dense", name, rows, columns, dtype: "f32", parts },
      lora: { a, b, rank: RANK, scaling: 0.5, dropout: mask },
    };
  };
  const layers = Array.from({ length: count }, (_, i): Layer => ({
    norm: trainable(`${i}.norm`, [WIDTH]),
    mix: layer(`${i}.mix`, [WIDTH, WIDTH]),
    gate: layer(`${i}.gate`, [WIDTH, INNER]),
    up: layer(`${i}.up`, [WIDTH, INNER]),
    down: layer(`${i}.down`, [INNER, WIDTH]),
  }));
  return { layers, parameters };
}

/** A frozen layer without an adapter. */
function denseLinear(scope: Scope, rows: number): Linear {
  const values = scope.upload(seededValues(rows * WIDTH, 60), [rows, WIDTH]);
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  const weight = {
    kind: "dense",
    name: "head",
    rows,
    columns: WIDTH,
    dtype: "f32",
    parts,
  } as const;
  return { weight, lora: null };
}

function runLayer(tape: Tape, x: Tensor, layer: Layer, maxRows: number): Tensor {
  const h = linear(tape, rmsnorm(tape, x, layer.norm, 1e-5), layer.mix, { residual: x });
  return byRows(tape, h, maxRows, (h) => {
    const gated = swiglu(tape, linear(tape, h, layer.gate), linear(tape, h, layer.up));
    return linear(tape, gated, layer.down, { residual: h, isBlockResult: true });
  });
}

interface PassOptions extends TapeOptions {
  readonly maxRows?: number;
  readonly dropout?: number;
  readonly trainInput?: boolean;
  /**
   * "plain" builds the pass from plain operations, without blocks, "checkpoints" from blocks that all run
   * once more, also the last. Default "chain".
   */
  readonly build?: "chain" | "checkpoints" | "plain";
  /** Follows the blocks by a loss over so many classes. */
  readonly classes?: number;
}

function runLayers(
  tape: Tape,
  x: Tensor,
  { layers, build, maxRows }: Pick<PassOptions, "build"> & { layers: Layer[]; maxRows: number },
): Tensor {
  const blocks = layers.map((layer) => (x: Tensor) => runLayer(tape, x, layer, maxRows));
  if (build === "chain") return chain(tape, x, blocks);
  return blocks.reduce((x, block) => build === "plain" ? block(x) : tape.checkpoint(x, block), x);
}

async function pass(device: Device, options: PassOptions) {
  const { maxRows = ROWS, dropout = 0, trainInput = false, ...others } = options;
  const { build = "chain", classes, ...tapeOptions } = others;
  using scope = device.scope("model");
  const { layers, parameters } = createLayers(scope, 3, dropout);
  const x = scope.upload(seededValues(ROWS * WIDTH, 50), [ROWS, WIDTH]);
  if (trainInput) {
    parameters.push({ name: "x", tensor: x, gradient: scope.zeros(x.shape), decay: true });
  }
  const head = classes && denseLinear(scope, classes);
  device.resetPeak();
  using step = device.scope("step");
  const tape = new Tape(step, parameters, tapeOptions);
  let y = runLayers(tape, x, { layers, build, maxRows });
  if (head) {
    const ids = step.upload(Uint32Array.from({ length: ROWS }, (_, i) => i % head.weight.rows));
    y = tape.checkpoint(y, (y) => crossEntropy(tape, linear(tape, y, head), ids));
  }
  tape.backward(y, step.upload(seededValues(sizeOf(y.shape), 51), y.shape));
  const { peakBytes } = device;
  const gradients: Record<string, Float32Array> = {};
  for (const { name, gradient } of parameters) gradients[name] = await device.readF32(gradient);
  return { output: await device.readF32(y), gradients, peakBytes };
}

/** Largest difference between two passes' gradients, relative to each one's largest value. */
function largestDifference(a: Record<string, Float32Array>, b: Record<string, Float32Array>) {
  return Math.max(
    ...Object.entries(a).map(([name, values]) => {
      const largest = Math.max(...values.map(Math.abs));
      assert(largest > 0, `${name} has no gradient`);
      return Math.max(...values.map((value, i) => Math.abs(value - b[name][i]))) / largest;
    }),
  );
}

for (const trainInput of [false, true]) {
  const input = trainInput ? "a trained" : "a fixed";
  Deno.test(`chain: ${input} input has the gradients of plain operations bit for bit`, async () => {
    const device = await testDevice();
    const before = device.liveBytes;
    const plain = await pass(device, { build: "plain", trainInput, dropout: 0.3 });
    for (const checkpointing of [true, false]) {
      const chained = await pass(device, { checkpointing, trainInput, dropout: 0.3 });
      assertEquals(chained.output, plain.output);
      assertEquals(chained.gradients, plain.gradients);
    }
    assertEquals(device.liveBytes, before);
  });

  Deno.test(`byRows: ${input} input, few rows at a time: the same but for the order of sums`, async () => {
    const device = await testDevice();
    const before = device.liveBytes;
    const whole = await pass(device, { trainInput, dropout: 0.3 });
    // Not single rows, whose products are summed in another order.
    for (const maxRows of [3, 8, 22]) {
      const parts = await pass(device, { trainInput, dropout: 0.3, maxRows });
      assertEquals(parts.output, whole.output, "rows do not depend on each other");
      const difference = largestDifference(whole.gradients, parts.gradients);
      assert(difference < 1e-6, `${maxRows} rows at a time: gradients differ by ${difference}`);
    }
    assertEquals(device.liveBytes, before);
  });
}

Deno.test("chain: inputs kept in f16 leave the result as it is and move gradients by their rounding", async () => {
  const device = await testDevice();
  const exact = await pass(device, {});
  const rounded = await pass(device, { keepAs: "f16" });
  assertEquals(rounded.output, exact.output);
  const difference = largestDifference(exact.gradients, rounded.gradients);
  assert(difference > 0 && difference < 2 ** -8, `gradients differ by ${difference}`);
});

Deno.test("blocks: each way to keep less needs less memory than the one before", async () => {
  const device = await testDevice();
  const peaks: number[] = [];
  for (
    const options of [{ checkpointing: false }, {}, { maxRows: 4 }]
  ) peaks.push((await pass(device, options)).peakBytes);
  assert(peaks[0] > peaks[1] && peaks[1] > peaks[2], String(peaks));
});

Deno.test("chain: keeping the last block's values changes no bit and takes no more memory than to run it again", async () => {
  const device = await testDevice();
  for (const maxRows of [ROWS, 8]) {
    const options = { maxRows, dropout: 0.3, classes: 8 };
    const repeated = await pass(device, { ...options, build: "checkpoints" });
    const kept = await pass(device, options);
    assertEquals(kept.output, repeated.output);
    assertEquals(kept.gradients, repeated.gradients);
    assert(kept.peakBytes <= repeated.peakBytes, `${kept.peakBytes} > ${repeated.peakBytes}`);
  }
});

Deno.test("chain: a loss larger than a block lets the kept values raise the peak, by less than itself", async () => {
  const device = await testDevice();
  const classes = 400, logitsBytes = 4 * ROWS * classes;
  const repeated = await pass(device, { classes, build: "checkpoints" });
  const kept = await pass(device, { classes });
  const raised = kept.peakBytes - repeated.peakBytes;
  assert(raised > 0 && raised < 2 * logitsBytes, `${raised} bytes, logits ${logitsBytes}`);
});

for (const count of [1, 2, 5]) {
  Deno.test(`chain: of ${count} blocks all but the last run twice`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    const { layers, parameters } = createLayers(scope, count, 0);
    const runs = async (maxRows: number, trained: Parameter[], options: TapeOptions = {}) => {
      using step = device.scope("step");
      const x = step.upload(seededValues(ROWS * WIDTH, 1), [ROWS, WIDTH]);
      const tape = new Tape(step, trained, options);
      const seen: number[] = [];
      const blocks = layers.map((layer, i) => (x: Tensor) => {
        seen.push(i);
        return runLayer(tape, x, layer, maxRows);
      });
      const y = chain(tape, x, blocks);
      if (trained.length > 0) tape.backward(y);
      await device.sync();
      return seen;
    };
    const forward = layers.map((_, i) => i);
    const twice = [...forward, ...forward.slice(0, -1).reverse()];
    assertEquals(twice.length, 2 * count - 1);
    for (const maxRows of [ROWS, 8]) assertEquals(await runs(maxRows, parameters), twice);
    assertEquals(await runs(ROWS, parameters, { checkpointing: false }), forward);
    assertEquals(await runs(ROWS, []), forward);
  });
}

Deno.test("chain: without parameters only the result stays", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { layers } = createLayers(scope, 3, 0);
  const x = scope.upload(seededValues(ROWS * WIDTH, 1), [ROWS, WIDTH]);
  const bytes = scope.byteLength;
  const tape = new Tape(scope);
  const y = chain(tape, x, layers.map((layer) => (x: Tensor) => runLayer(tape, x, layer, 5)));
  assertEquals(scope.byteLength - bytes, y.storage.capacity);
});

Deno.test("chain: a block that returns its input is refused", async () => {
  using scope = (await testDevice()).scope("test");
  const tape = new Tape(scope);
  assertThrows(() => chain(tape, scope.zeros([2, 2]), [(x) => x]), ShapeError, "returns its input");
});

Deno.test("a block's result that is not the last value is found out, and its values cannot be read", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { layers: [{ mix }], parameters } = createLayers(scope, 1, 0);
  const x = scope.upload(seededValues(ROWS * WIDTH, 1), [ROWS, WIDTH]);
  const tape = new Tape(scope, parameters);
  const y = tape.checkpoint(x, (x) => {
    const notLast = linear(tape, x, mix, { isBlockResult: true });
    return add(tape, notLast, x);
  });
  assertThrows(() => tape.backward(y), Error);
});

Deno.test("byRows: rows are cut as evenly as can be, and know which they are", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const tape = new Tape(scope);
  const seen: [first: number, rows: number][] = [];
  const x = scope.upload(seededValues(10 * 3, 1), [10, 3]);
  const y = byRows(tape, x, 4, (x) => {
    seen.push([tape.firstRow, x.shape[0]]);
    return add(tape, x, x);
  });
  assertEquals(seen, [[0, 3], [3, 3], [6, 4]]);
  const values = await device.readF32(x);
  (await device.readF32(y)).forEach((value, i) => assertAlmostEquals(value, 2 * values[i], 0));
});
