import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { countingDevice } from "../../src/device/counting.ts";
import type { Device } from "../../src/device/device.ts";
import type { Checkpoint } from "../../src/formats/checkpoint.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { buildModel, loadModel, type LoadOptions } from "../../src/model/load.ts";
import type { Model } from "../../src/model/model.ts";
import { MISTRAL_7B, syntheticCheckpoint, syntheticConfig } from "../../src/model/synthetic.ts";
import { dequantizeNf4 } from "../../src/ops/nf4.ts";
import type { DenseWeight, Nf4Weight } from "../../src/ops/weight.ts";
import { trainStep } from "../../src/train/step.ts";
import { temporaryFolder } from "../formats/support.ts";
import { readGolden } from "../golden.ts";
import { assertWithin, testDevice } from "../ops/harness.ts";
import {
  assertRelative,
  BASE,
  BNB_BASE,
  DENSE,
  labelledBatch,
  leavesNothing,
  logitsOf,
  NF4,
  PLAIN_STEP,
  readStored,
  restored,
  rowsOf,
  TINY,
  TRAINABLE,
  trainableOf,
  writeModelFolder,
} from "./support.ts";

const WEIGHTS = join(BASE, "model.safetensors");
const GATE = "model.layers.1.mlp.gate_proj.weight";

/** The bytes that a dense weight or a vector has on the GPU. */
async function bytesOnGpu(device: Device, model: Model, name: string): Promise<Uint8Array> {
  const weight = model.weights.get(name)!;
  if (weight.kind === "vector") return new Uint8Array(await device.readBytes(weight.tensor));
  const { parts } = denseWeight(model, name);
  const bytes = await Promise.all(parts.map(({ values }) => device.readBytes(values)));
  return new Uint8Array(await new Blob(bytes).arrayBuffer());
}

function denseWeight(model: Model, name: string): DenseWeight {
  const weight = model.weights.get(name)!;
  assert(weight.kind !== "vector");
  const matrix = weight.kind === "linear" ? weight.linear.weight : weight.table;
  assert(matrix.kind === "dense", `${name} is ${matrix.kind}`);
  return matrix;
}

async function assertGoldenLogits(model: Model): Promise<void> {
  const golden = await readGolden(join(TINY, "forward.safetensors"));
  const logits = await logitsOf(model, golden.i32("input_ids"));
  const chosen = rowsOf(logits, golden.i32("positions"), model.config.vocabularySize);
  assertWithin("logits", chosen, golden.f32("logits"), 1e-4);
}

function nf4Weight(model: Model, name: string): Nf4Weight {
  const weight = model.weights.get(name)!;
  assert(weight.kind === "linear" && weight.linear.weight.kind === "nf4", `${name} is not NF4`);
  return weight.linear.weight;
}

for (const dtype of ["BF16", "F32", "F16"] as const) {
  for (const shards of [1, 3]) {
    Deno.test(`a ${dtype} model in ${shards} file(s) lies on the GPU as it is stored`, () =>
      leavesNothing(async (device) => {
        using folder = temporaryFolder();
        const tensors = (await readStored(WEIGHTS)).map((tensor) => restored(tensor, dtype));
        using model = await loadModel(
          device,
          await writeModelFolder(folder.join("model"), tensors, { shards }),
          DENSE,
        );
        assertEquals(model.weights.size, tensors.length);
        for (const tensor of tensors) {
          const vector = tensor.shape.length === 1;
          const expected = vector ? restored(tensor, "F32").bytes : tensor.bytes;
          assertEquals(await bytesOnGpu(device, model, tensor.name), expected, tensor.name);
        }
        await assertGoldenLogits(model);
      }));
  }
}

Deno.test("a model that will be trained is widened to f32", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, TRAINABLE);
    for (const tensor of await readStored(WEIGHTS)) {
      const expected = restored(tensor, "F32").bytes;
      assertEquals(await bytesOnGpu(device, model, tensor.name), expected, tensor.name);
    }
    const sizes = (await readStored(WEIGHTS)).map(({ bytes }) => bytes.length / 2);
    const parameters = sizes.reduce((sum, size) => sum + size, 0);
    assertEquals(model.size, { parameters, bytes: 4 * parameters });
    using scope = device.scope("test");
    const decays = new Map(model.parameters(scope).map(({ name, decay }) => [name, decay]));
    assertEquals(decays.size, model.weights.size);
    assertEquals(decays.get("model.norm.weight"), false);
    assertEquals(decays.get("model.embed_tokens.weight"), true);
  }));

/** Loads as on a device that binds at most `bytes` at once. */
async function loadInParts(device: Device, options: LoadOptions, bytes: number): Promise<Model> {
  const settable = device as { maxBindingBytes: number };
  const limit = settable.maxBindingBytes;
  settable.maxBindingBytes = bytes;
  try {
    return await loadModel(device, BASE, options);
  } finally {
    settable.maxBindingBytes = limit;
  }
}

Deno.test("weights in several parts: the same bytes, logits and gradients", () =>
  leavesNothing(async (device) => {
    {
      using model = await loadInParts(device, DENSE, 1000);
      for (const { name, shape, bytes } of await readStored(WEIGHTS)) {
        if (shape.length === 1) continue;
        assertEquals(await bytesOnGpu(device, model, name), bytes, name);
      }
      const gate = denseWeight(model, GATE);
      assertEquals(
        gate.parts.map(({ rowBegin, rowCount }) => [rowBegin, rowCount]),
        [[0, 14], [14, 14], [28, 14], [42, 6]],
      );
      await assertGoldenLogits(model);
    }
    const golden = await readGolden(join(TINY, "forward.safetensors"));
    const batch = labelledBatch(golden.i32("input_ids"), golden.i32("labels"), 40);
    const gradients = async (model: Model) => {
      using scope = device.scope("test");
      const trainable = trainableOf(scope, model.parameters(scope));
      await trainStep({ ...PLAIN_STEP, model, adapter: null, trainable, batches: [batch] });
      const whole = new Map<string, number[]>();
      for (const { name, gradient } of trainable.parameters) {
        const key = name.split("#")[0];
        whole.set(key, [...whole.get(key) ?? [], ...await device.readF32(gradient)]);
      }
      return whole;
    };
    using parted = await loadInParts(device, TRAINABLE, 4000);
    using whole = await loadModel(device, BASE, TRAINABLE);
    const expected = await gradients(whole);
    const actual = await gradients(parted);
    assertEquals([...actual.keys()], [...expected.keys()]);
    for (const [name, gradient] of expected) {
      assertRelative(name, actual.get(name)!, gradient, 1e-5);
    }
  }));

for (const doubleQuant of [true, false]) {
  Deno.test(`quantised as it loads, doubleQuant ${doubleQuant}: only linear layers, plain or nested`, () =>
    leavesNothing(async (device) => {
      using model = await loadModel(device, BASE, { ...NF4, doubleQuant });
      for (const tensor of await readStored(WEIGHTS)) {
        const isLinear = /_proj\.weight$/.test(tensor.name);
        if (!isLinear) {
          const expected = tensor.shape.length === 1 ? restored(tensor, "F32") : tensor;
          assertEquals(await bytesOnGpu(device, model, tensor.name), expected.bytes, tensor.name);
          continue;
        }
        const weight = nf4Weight(model, tensor.name);
        assertEquals(weight.nested !== null, doubleQuant);
        assertEquals(weight.absmax.dtype, doubleQuant ? "u8" : "f32");
        assertEquals([weight.rows, weight.columns], tensor.shape);
      }
    }));
}

Deno.test("quantised as it loads is what transformers saved with bitsandbytes", () =>
  leavesNothing(async (device) => {
    using ours = await loadModel(device, BASE, NF4);
    for (const options of [NF4, DENSE]) {
      using theirs = await loadModel(device, BNB_BASE, options);
      assertEquals(ours.size, theirs.size);
      assertEquals([...ours.weights.keys()], [...theirs.weights.keys()]);
      for (const [name, weight] of ours.weights) {
        if (!/_proj\.weight$/.test(name)) {
          const expected = await bytesOnGpu(device, theirs, name);
          assertEquals(await bytesOnGpu(device, ours, name), expected, name);
          continue;
        }
        assert(weight.kind === "linear");
        const [a, b] = [nf4Weight(ours, name), nf4Weight(theirs, name)];
        for (const part of ["codes", "absmax", "nested"] as const) {
          const expected = await device.readBytes(b[part]!);
          assertEquals(await device.readBytes(a[part]!), expected, `${name} ${part}`);
        }
      }
    }
  }));

Deno.test("an NF4 checkpoint with maps of its own is restored by them", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const codeMap = Float32Array.from({ length: 16 }, (_, i) => i / 8 - 0.9);
    const scaleMap = Float32Array.from({ length: 256 }, (_, i) => (i / 255) ** 2);
    const stored = (await readStored(join(BNB_BASE, "model.safetensors"))).map((tensor) => {
      const map = tensor.name === `${GATE}.quant_map`
        ? codeMap
        : tensor.name === `${GATE}.nested_quant_map`
        ? scaleMap
        : null;
      return map ? { ...tensor, bytes: new Uint8Array(map.buffer) } : tensor;
    });
    const directory = await writeModelFolder(folder.join("model"), stored, { base: BNB_BASE });
    using changed = await loadModel(device, directory, NF4);
    using standard = await loadModel(device, BNB_BASE, NF4);
    using scope = device.scope("test");
    const restore = (model: Model, name: string) =>
      device.readF32(dequantizeNf4(scope, nf4Weight(model, name)));
    const up = GATE.replace("gate", "up");
    assertEquals(await restore(changed, up), await restore(standard, up));

    const bytesOf = (suffix: string) => stored.find(({ name }) => name === GATE + suffix)!.bytes;
    const codes = bytesOf(""), absmax = bytesOf(".absmax");
    const [nested] = new Float32Array(bytesOf(".nested_absmax").buffer);
    const [offset] = await device.readF32(nf4Weight(changed, GATE).nested!);
    const expected = Float32Array.from({ length: 48 * 32 }, (_, i) => {
      const code = i % 2 === 0 ? codes[i >> 1] >> 4 : codes[i >> 1] & 15;
      const scale = Math.fround(scaleMap[absmax[Math.floor(i / 64)]] * nested);
      return codeMap[code] * Math.fround(scale + offset);
    });
    assertWithin("restored", await restore(changed, GATE), expected, 1e-7);
  }));

/** A checkpoint of bf16 that gives out as much at once as it is asked for. */
function largeCheckpoint(config: ModelConfig): Checkpoint {
  const checkpoint = syntheticCheckpoint(config, 1);
  return {
    ...checkpoint,
    async *chunks(name, maxBytes) {
      const { shape: [rows, columns] } = checkpoint.tensors.get(name)!;
      for (let left = 2 * rows * columns; left > 0; left -= maxBytes) {
        yield new Uint8Array(Math.min(maxBytes, left)).fill(0x3c);
      }
    },
  };
}

Deno.test("while a model is quantised, the GPU holds one stretch more than the model", async () => {
  const device = await testDevice();
  // Three matrices of 42 MB (three stretches of 16 MiB each) that become 11 MB each.
  const config = {
    ...MISTRAL_7B,
    hiddenSize: 1024,
    intermediateSize: 20480,
    layers: 1,
    heads: 2,
    kvHeads: 1,
    vocabularySize: 64,
  };
  using checkpoint = largeCheckpoint(config);
  device.resetPeak();
  const before = device.liveBytes;
  using model = await buildModel(device, { directory: "synthetic", config, checkpoint }, NF4);
  const peak = device.peakBytes - before;
  const { bytes } = model.size;
  assert(bytes > 32e6 && checkpoint.byteLength > 120e6);
  assert(peak <= bytes + 18 * 2 ** 20, `the peak is ${peak} for a model of ${bytes}`);
  assert(device.heldBytes - before <= peak, "buffers are kept beyond the peak");
});

Deno.test("while a model is loaded, the driver holds no more copies than a few stretches", async () => {
  using device = countingDevice(await testDevice());
  const { queue } = device.gpu;
  let onTheirWay = 0, most = 0;
  queue.writeBuffer = (_buffer, _offset, data) =>
    void (most = Math.max(most, onTheirWay += data.byteLength));
  queue.onSubmittedWorkDone = () => Promise.resolve(onTheirWay = 0).then(() => undefined);
  const config = syntheticConfig({ num_hidden_layers: 1, vocab_size: 64 });
  using checkpoint = largeCheckpoint(config);
  using _ = await buildModel(device, { directory: "synthetic", config, checkpoint }, {
    quantization: "none",
  });
  assert(checkpoint.byteLength > 400e6);
  assert(most > 60e6 && most <= 80 * 2 ** 20, `${most} bytes were on their way`);
});
