import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import type { Scope } from "../../src/device/tensor.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { dynamicMap } from "../../src/formats/dynamic_map.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { adamwStep, clipGradients, createMoments } from "../../src/ops/adamw.ts";
import type { BlockMoments } from "../../src/ops/adamw_8bit.ts";
import type { Parameter } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, GuardedScope, seededValues, testDevice, TOLERANCE } from "./harness.ts";

const GOLDEN = join(import.meta.dirname!, "../golden/tiny/adamw_8bit.safetensors");
const SIGNED = dynamicMap({ signed: true }), UNSIGNED = dynamicMap({ signed: false });
const BETAS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

function parameterOf(scope: Scope, weight: Float32Array, gradient: Float32Array): Parameter {
  const tensor = scope.upload(weight, [weight.length], { label: "w" });
  return { name: "w", tensor, gradient: scope.upload(gradient, [weight.length]), decay: true };
}

function blockMoments(scope: Scope, parameter: Parameter): BlockMoments {
  const [moments] = createMoments(scope, [parameter], { kind: "8bit", min8bitSize: 1 });
  assert(moments.kind === "8bit");
  return moments;
}

const bytesOf = async (device: Device, { m, v }: BlockMoments, count: number) => ({
  m: new Uint8Array(await device.readBytes(m)).subarray(0, count),
  v: new Uint8Array(await device.readBytes(v)).subarray(0, count),
});

/**
 * Asserts that codes are those nearest to `values` / the block's largest. A value so near to the middle
 * between two that f32 cannot tell may have either.
 */
function assertNearest(
  codes: Uint8Array,
  values: Float64Array,
  { absmax, map }: { absmax: Float32Array; map: Float32Array },
): void {
  for (let i = 0; i < values.length; i++) {
    const x = values[i] / (absmax[Math.floor(i / 256)] || 1);
    const apart = (code: number) => Math.abs(map[code] - x);
    let nearest = Infinity;
    for (let code = 0; code < 256; code++) nearest = Math.min(nearest, apart(code));
    const slack = 1e-6 * Math.abs(x) + 1e-12;
    assert(apart(codes[i]) <= nearest + slack, `${i}: ${x} became ${map[codes[i]]}`);
  }
}

const STATES = [["m", 1, "mAbsmax"], ["v", 2, "vAbsmax"]] as const;

/** Asserts |actual - expected| <= tolerance · (1 + |expected|) for each element. */
function assertNear(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  assertEquals(actual.length, expected.length);
  const wrong = actual.findIndex((value, i) =>
    !(Math.abs(value - expected[i]) <= tolerance * (1 + Math.abs(expected[i])))
  );
  assert(wrong < 0, `${wrong}: ${actual[wrong]} is not ${expected[wrong]}`);
}

for (const count of [1, 3, 255, 256, 257, 511, 1030]) {
  Deno.test(`adamw 8bit: steps of ${count} elements from any state, in plain loops`, async () => {
    const device = await testDevice();
    using scope = new GuardedScope(device, "test");
    const weight = seededValues(count, 1);
    const parameter = parameterOf(scope, weight, weight);
    const moments = blockMoments(scope, parameter);
    const random = (seed: number, values: number) =>
      Uint8Array.from(seededValues(count, seed), (x) => (x + 1) * values);
    device.write(moments.m, random(2, 128));
    device.write(moments.v, random(3, 128));
    const blocks = Math.ceil(count / 256);
    device.write(moments.mAbsmax, seededValues(blocks, 4).map(Math.abs));
    device.write(moments.vAbsmax, seededValues(blocks, 5).map((x) => x * x));
    for (const step of [4, 5]) {
      const before = await bytesOf(device, moments, count);
      const oldM = await device.readF32(moments.mAbsmax);
      const oldV = await device.readF32(moments.vAbsmax);
      const state = {
        weight: Float64Array.from(await device.readF32(parameter.tensor)),
        m: Float64Array.from(before.m, (code, i) => SIGNED[code] * oldM[Math.floor(i / 256)]),
        v: Float64Array.from(before.v, (code, i) => UNSIGNED[code] * oldV[Math.floor(i / 256)]),
      };
      const gradient = seededValues(count, 10 * step);
      device.write(parameter.gradient, gradient);
      using stepScope = device.scope("step");
      const clipping = clipGradients(stepScope, [parameter], 0.5);
      const settings = { learningRate: 0.01, weightDecay: 0.1, step };
      adamwStep([parameter], [moments], clipping, { ...settings, device });
      const { factor } = reference.clipping([gradient], 0.5);
      reference.adamw(state, gradient.map((value) => value * factor), { ...settings, ...BETAS });

      assertClose("w", await device.readF32(parameter.tensor), state.weight, TOLERANCE.forward);
      const after = await bytesOf(device, moments, count);
      for (
        const [name, tensor, map] of [
          ["m", moments.mAbsmax, SIGNED],
          ["v", moments.vAbsmax, UNSIGNED],
        ] as const
      ) {
        const absmax = await device.readF32(tensor);
        const largest = Float64Array.from(
          { length: blocks },
          (_, b) => Math.max(...state[name].subarray(256 * b, 256 * b + 256).map(Math.abs)),
        );
        assertClose(`${name} absmax`, absmax, largest, TOLERANCE.forward);
        assertNearest(after[name], state[name], { absmax, map });
      }
    }
    await scope.checkGuards();
  });
}

Deno.test("adamw 8bit: four steps of bitsandbytes' AdamW8bit", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  using file = await openFile(GOLDEN);
  const golden = await openSafetensors(file);
  assertEquals(SIGNED, await golden.readF32("signed_map"));
  assertEquals(UNSIGNED, await golden.readF32("unsigned_map"));
  const weight = await golden.readF32("weight.0");
  const count = weight.length;
  const parameter = parameterOf(scope, weight, weight);
  const [moments] = createMoments(scope, [parameter], { kind: "8bit" });
  assert(moments.kind === "8bit");
  const tipped = new Set<number>();
  for (const step of [1, 2, 3, 4]) {
    device.write(parameter.gradient, await golden.readF32(`gradient.${step}`));
    const clipping = clipGradients(scope, [parameter], 0);
    const settings = { learningRate: 0.01, weightDecay: 0.1, step };
    adamwStep([parameter], [moments], clipping, { ...settings, device });
    if (!golden.tensors.has(`weight.${step}`)) continue;
    const codes = await bytesOf(device, moments, count);
    for (const [name, state, tensor] of STATES) {
      const absmax = await golden.readF32(`absmax${state}.${step}`);
      assertNear(await device.readF32(moments[tensor]), absmax, 1e-6);
      const theirs = await golden.read(`state${state}.${step}`);
      codes[name].forEach((code, i) => {
        if (code !== theirs[i]) tipped.add(i);
        assert(Math.abs(code - theirs[i]) <= 1, `step ${step}: ${code}, not ${theirs[i]}, at ${i}`);
      });
    }
    // An update rounded in another order can tip a value that lies between two codes.
    assert(tipped.size <= 2, `${tipped.size} elements have other codes`);
    const others = (value: number, i: number) => tipped.has(i) ? 0 : value;
    const actual = (await device.readF32(parameter.tensor)).map(others);
    assertNear(actual, (await golden.readF32(`weight.${step}`)).map(others), 1e-5);
  }
});

Deno.test("adamw 8bit: more than 65,535 blocks", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const count = 65_536 * 256 + 5;
  const ones = new Float32Array(count).fill(1);
  const parameter = parameterOf(scope, ones, ones);
  const moments = blockMoments(scope, parameter);
  const clipping = clipGradients(scope, [parameter], 0);
  const settings = { learningRate: 0.25, weightDecay: 0, step: 1 };
  adamwStep([parameter], [moments], clipping, { ...settings, device });
  const weight = await device.readF32(parameter.tensor);
  assert(weight.every((value) => Math.abs(value - 0.75) < 1e-6));
  const { m, v } = await bytesOf(device, moments, count);
  assert(m.every((code) => code === 255) && v.every((code) => code === 255));
});

for (const [what, bad] of [["NaN", NaN], ["infinite", Infinity], ["overflowing", 1e30]] as const) {
  Deno.test(`adamw 8bit: one ${what} gradient changes no weight and no moment`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    const weight = seededValues(300, 1), gradient = seededValues(300, 2);
    gradient[299] = bad;
    const parameter = parameterOf(scope, weight, gradient);
    const moments = blockMoments(scope, parameter);
    const codes = Uint8Array.from({ length: 300 }, (_, i) => i);
    const absmax = Float32Array.of(0.5, 2);
    for (const name of ["m", "v"] as const) device.write(moments[name], codes);
    for (const name of ["mAbsmax", "vAbsmax"] as const) device.write(moments[name], absmax);
    const clipping = clipGradients(scope, [parameter], 1);
    const settings = { learningRate: 0.1, weightDecay: 0.1, step: 1 };
    adamwStep([parameter], [moments], clipping, { ...settings, device });
    assertEquals(await device.readF32(parameter.tensor), weight);
    assertEquals(await bytesOf(device, moments, 300), { m: codes, v: codes });
    assertEquals(await device.readF32(moments.mAbsmax), absmax);
    assertEquals(await device.readF32(moments.vAbsmax), absmax);
  });
}

Deno.test("adamw 8bit: a step of zero gradients leaves moments of zero, and no NaN", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const weight = seededValues(300, 1);
  const parameter = parameterOf(scope, weight, new Float32Array(300));
  const moments = blockMoments(scope, parameter);
  for (const step of [1, 2]) {
    const clipping = clipGradients(scope, [parameter], 1);
    const settings = { learningRate: 0.1, weightDecay: 0, step };
    adamwStep([parameter], [moments], clipping, { ...settings, device });
  }
  assertEquals(await device.readF32(parameter.tensor), weight);
  assertEquals(await device.readF32(moments.mAbsmax), new Float32Array(2));
  const { m, v } = await bytesOf(device, moments, 300);
  assert(m.every((code) => SIGNED[code] === 0) && v.every((code) => UNSIGNED[code] === 0));
});

Deno.test("8-bit moments take a quarter, where they are used: not for small tensors or embeddings", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const parameter = (name: string, shape: number[], isEmbedding = false): Parameter => {
    const [tensor, gradient] = [scope.empty(shape), scope.empty(shape)];
    return { name, tensor, gradient, decay: true, isEmbedding };
  };
  const parameters = [
    parameter("matrix", [64, 64]),
    parameter("small", [63, 65]),
    parameter("embedding", [1024, 64], true),
    parameter("odd", [1031, 7]),
  ];
  const kindsOf = (options: Parameters<typeof createMoments>[2]) =>
    createMoments(scope, parameters, options).map(({ kind }) => kind);
  assertEquals(kindsOf({ kind: "8bit" }), ["8bit", "f32", "f32", "8bit"]);
  assertEquals(kindsOf({ kind: "8bit", min8bitSize: 1 }), ["8bit", "8bit", "f32", "8bit"]);
  assertEquals(kindsOf({}), ["f32", "f32", "f32", "f32"]);
  const bytes = (kind: "8bit" | "f32") => {
    using own = device.scope("moments");
    createMoments(own, [parameter("large", [4096, 16])], { kind });
    return own.byteLength;
  };
  assert(bytes("8bit") < 0.29 * bytes("f32"), `${bytes("8bit")} of ${bytes("f32")} bytes`);
});
