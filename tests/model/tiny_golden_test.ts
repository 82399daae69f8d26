import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import type { Scope, Tensor } from "../../src/device/tensor.ts";
import { loadAdapter } from "../../src/model/adapter.ts";
import { generate } from "../../src/model/generate.ts";
import { sequenceInput } from "../../src/model/input.ts";
import { loadModel } from "../../src/model/load.ts";
import { targetLosses } from "../../src/model/loss.ts";
import type { Model } from "../../src/model/model.ts";
import { dequantizeNf4, nf4Quantizer, nf4Tables } from "../../src/ops/nf4.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { Tape } from "../../src/ops/tape.ts";
import type { DenseDType } from "../../src/ops/weight.ts";
import { trainStep } from "../../src/train/step.ts";
import { type Golden, readGolden } from "../golden.ts";
import { assertWithin } from "../ops/harness.ts";
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
  rowsOf,
  singleSequence,
  TINY,
  trainableOf,
} from "./support.ts";

const LENGTH = 40;

/** The logits of each sequence of `golden` at its positions, end to end. */
async function logitsAtPositions(model: Model, golden: Golden): Promise<number[]> {
  const ids = golden.i32("input_ids"), positions = golden.i32("positions");
  const logits: number[] = [];
  for (let begin = 0; begin < ids.length; begin += LENGTH) {
    const whole = await logitsOf(model, ids.subarray(begin, begin + LENGTH));
    logits.push(...rowsOf(whole, positions, model.config.vocabularySize));
  }
  return logits;
}

Deno.test("tiny: logits, hidden states and losses agree with transformers", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const golden = await readGolden(join(TINY, "forward.safetensors"));
    assertWithin("logits", await logitsAtPositions(model, golden), golden.f32("logits"), 1e-4);

    const ids = golden.i32("input_ids");
    using scope = device.scope("test");
    const tape = new Tape(scope);
    const table = model.weights.get("model.embed_tokens.weight")!;
    assert(table.kind === "embedding");
    const embedded = embedding(tape, table.table, Uint32Array.from(ids));
    assertWithin("embeddings", await device.readF32(embedded), golden.f32("hidden.0"), 1e-4);
    const input = sequenceInput(scope, singleSequence(ids), model.config.slidingWindow);
    const hidden = model.network.forward(tape, input);
    assertWithin("hidden", await device.readF32(hidden), golden.f32("hidden.2"), 1e-4);

    const losses = async (labels: Int32Array) => {
      const batch = labelledBatch(ids, labels, LENGTH);
      const values = await device.readF32(targetLosses(tape, hidden, model.network.output, batch));
      return [values.reduce((sum, value) => sum + value, 0) / values.length];
    };
    assertWithin("loss over all", await losses(ids), golden.f32("loss_all"), 1e-4);
    assertWithin("loss", await losses(golden.i32("labels")), golden.f32("loss_masked"), 1e-4);
  }));

Deno.test("tiny: the window is what makes the last logits", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const ids = (await readGolden(join(TINY, "forward.safetensors"))).i32("input_ids");
    const windowed = await logitsOf(model, ids), whole = await logitsOf(model, ids, null);
    const edge = 16 * model.config.vocabularySize;
    assertEquals(whole.subarray(0, edge), windowed.subarray(0, edge));
    const apart = Math.max(
      ...whole.subarray(edge).map((value, i) => Math.abs(value - windowed[edge + i])),
    );
    assert(apart > 0.1, `without the window, logits are only ${apart} apart`);
  }));

Deno.test("tiny: the greedy ids of transformers, with the cache and in one batch", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const cases: { prompt_ids: number[]; greedy_ids: number[] }[] = JSON.parse(
      await Deno.readTextFile(join(TINY, "greedy.json")),
    );
    const prompts = cases.map(({ prompt_ids }) => prompt_ids);
    const generations = await generate(model, prompts, { maxNewTokens: 24 });
    assertEquals(
      generations,
      cases.map(({ greedy_ids }) => ({ ids: greedy_ids, finishReason: "length" as const })),
    );
  }));

/** bitsandbytes restores some zeros as -0. */
function positiveZero(values: Float32Array): Float32Array {
  return values.map((value) => value + 0);
}

Deno.test("tiny: logits and a restored weight of the bitsandbytes checkpoint", () =>
  leavesNothing(async (device) => {
    const golden = await readGolden(join(BNB_BASE, "expected.safetensors"));
    const expected = golden.f32("logits_f32_with_dequantized_weights");
    // Quantised here as it loads, the model is the same one.
    for (const directory of [BNB_BASE, BASE]) {
      using model = await loadModel(device, directory, NF4);
      assertWithin(directory, await logitsAtPositions(model, golden), expected, 1e-4);
      using scope = device.scope("test");
      const { weight } = model.linears.get("model.layers.0.mlp.down_proj")!;
      assert(weight.kind === "nf4");
      const restored = await device.readF32(dequantizeNf4(scope, weight));
      const weightOfTheirs = golden.f32("dequant.layers.0.down_proj");
      assertEquals(positiveZero(restored), positiveZero(weightOfTheirs));
    }
  }));

/** The first `count` bytes of a tensor. */
async function bytesOf(device: Device, tensor: Tensor, count: number): Promise<Uint8Array> {
  return new Uint8Array(await device.readBytes(tensor)).slice(0, count);
}

/** The float32 values with their distance counted in representable numbers. */
function ulpsApart(a: Float32Array, b: Float32Array): number {
  const ordered = (values: Float32Array) =>
    Array.from(
      new Int32Array(values.slice().buffer),
      (bits) => bits < 0 ? -(bits & 0x7fffffff) : bits,
    );
  const [x, y] = [ordered(a), ordered(b)];
  return Math.max(...x.map((value, i) => Math.abs(value - y[i])));
}

function quantize(scope: Scope, weight: QuantizeInput, doubleQuant: boolean) {
  const { shape: [rows, columns], dtype, bytes } = weight;
  const tables = nf4Tables(scope);
  const quantizer = nf4Quantizer(scope, { name: "w", rows, columns, dtype, doubleQuant, tables });
  const words = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  words.set(bytes);
  quantizer.append(scope.upload(words), rows * columns);
  return quantizer.finish();
}

interface QuantizeInput {
  readonly shape: readonly [number, number];
  readonly dtype: DenseDType;
  readonly bytes: Uint8Array;
}

Deno.test("tiny: NF4 vectors on the GPU, bytes as bitsandbytes'", () =>
  leavesNothing(async (device) => {
    const stored = await readStored(join(TINY, "nf4_vectors.safetensors"));
    const found = new Map(stored.map((tensor) => [tensor.name, tensor]));
    const names = [...found.keys()].filter((name) => name.endsWith(".input"));
    assertEquals(names.length, 6);
    const f32 = (name: string) => new Float32Array(found.get(name)!.bytes.buffer);
    for (const input of names) {
      const { shape, dtype, bytes } = found.get(input)!;
      const weight = {
        shape: shape as [number, number],
        dtype: dtype.toLowerCase() as DenseDType,
        bytes,
      };
      for (const mode of ["plain", "dq"]) {
        using scope = device.scope("test");
        const key = `${input.slice(0, -".input".length)}.${mode}`;
        const quantized = await quantize(scope, weight, mode === "dq");
        for (
          const [part, tensor] of [["", quantized.codes], [".absmax", quantized.absmax]] as const
        ) {
          const expected = found.get(`${key}.weight${part}`)!.bytes;
          assertEquals(await bytesOf(device, tensor, expected.length), expected, `${key}${part}`);
        }
        if (quantized.nested) {
          const state = found.get(`${key}.weight.quant_state.bitsandbytes__nf4`)!.bytes;
          const { nested_offset } = JSON.parse(new TextDecoder().decode(state));
          const expected = Float32Array.of(nested_offset, ...f32(`${key}.weight.nested_absmax`));
          const apart = ulpsApart(await device.readF32(quantized.nested), expected);
          assert(apart <= 1, `${key}: nested values are ${apart} ulps apart`);
        }
        if (!found.has(`${key}.dequant_f32`)) continue; // kept for the small ones only
        const restored = await device.readF32(dequantizeNf4(scope, quantized));
        assertEquals(positiveZero(restored), positiveZero(f32(`${key}.dequant_f32`)), key);
      }
    }
  }));

Deno.test("tiny: rank-stabilised LoRA with patterns: logits, loss and gradients as PEFT's", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    using adapter = await loadAdapter(model, join(TINY, "lora"));
    adapter.attach(model);
    const expected = await readGolden(join(TINY, "lora/expected.safetensors"));
    assertWithin("logits", await logitsAtPositions(model, expected), expected.f32("logits"), 1e-4);

    using scope = device.scope("test");
    const trainable = trainableOf(scope, adapter.parameters(scope));
    const batch = labelledBatch(expected.i32("input_ids"), expected.i32("labels"), LENGTH);
    const { loss } = await trainStep({
      ...PLAIN_STEP,
      model,
      adapter,
      trainable,
      batches: [batch],
    });
    assertWithin("loss", [loss], expected.f32("loss"), 1e-4);
    const golden = await readGolden(join(TINY, "lora/grads.safetensors"));
    assertEquals(trainable.parameters.map(({ name }) => name).sort(), golden.names.toSorted());
    for (const { name, gradient } of trainable.parameters) {
      assertRelative(name, await device.readF32(gradient), golden.f32(name), 1e-3);
    }
  }));

Deno.test("tiny: W + scaling · B · A is the weight that PEFT merges", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    using adapter = await loadAdapter(model, join(TINY, "lora"));
    const expected = await readGolden(join(TINY, "lora/expected.safetensors"));
    for (
      const [path, name] of [
        ["model.layers.0.self_attn.q_proj", "merged.layers.0.q_proj"],
        ["model.layers.1.mlp.down_proj", "merged.layers.1.down_proj"],
      ]
    ) {
      const { a, b, rank, scaling } = adapter.pairs.get(path)!;
      const [wide, tall] = [await device.readF32(a), await device.readF32(b)];
      const columns = a.shape[1];
      const weight = model.linears.get(path)!.weight;
      assert(weight.kind === "dense" && weight.dtype === "bf16");
      const bits = new Uint16Array(await device.readBytes(weight.parts[0].values));
      const merged = Float32Array.from(bits, (value, i) => {
        const row = Math.floor(i / columns), column = i % columns;
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += tall[row * rank + r] * wide[r * columns + column];
        return new Float32Array(Uint32Array.of(value << 16).buffer)[0] + scaling * sum;
      });
      assertWithin(name, merged, expected.f32(name), 1e-6);
    }
  }));
