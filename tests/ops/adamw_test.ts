import { assert, assertEquals } from "@std/assert";
import { type Scope, sizeOf } from "../../src/device/tensor.ts";
import { adamwStep, clipGradients, createMoments } from "../../src/ops/adamw.ts";
import type { Parameter } from "../../src/ops/tape.ts";
import * as reference from "../reference.ts";
import { assertClose, GuardedScope, seededValues, testDevice, TOLERANCE } from "./harness.ts";

function parameter(
  scope: Scope,
  name: string,
  values: { weight: Float32Array; gradient: Float32Array; decay?: boolean; shape?: number[] },
): Parameter {
  const { weight, gradient, decay = true, shape = [weight.length] } = values;
  return {
    name,
    tensor: scope.upload(weight, shape, { label: name }),
    gradient: scope.upload(gradient, shape, { label: `d ${name}` }),
    decay,
  };
}

const BETAS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

Deno.test("adamw: a first step worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const values = { weight: Float32Array.of(1, -2), gradient: Float32Array.of(0.5, -100) };
  const parameters = [parameter(scope, "w", values)];
  const moments = createMoments(scope, parameters);
  const clipping = clipGradients(scope, parameters, 0);
  const options = { learningRate: 0.1, weightDecay: 0.5, step: 1, device };
  adamwStep(parameters, moments, clipping, options);
  // The first step moves by the learning rate against the gradient's sign, after a decay of 5 %.
  const weight = await device.readF32(parameters[0].tensor);
  assertClose("weight", weight, [0.95 - 0.1, -1.9 + 0.1], TOLERANCE.forward);
  assertClose("m", await device.readF32(moments[0].m), [0.05, -10], TOLERANCE.forward);
  assertClose("v", await device.readF32(moments[0].v), [0.00025, 10], TOLERANCE.forward);
});

for (
  const { maxNorm, weightDecay } of [
    { maxNorm: 0, weightDecay: 0 },
    { maxNorm: 1, weightDecay: 0.01 },
    { maxNorm: 1e6, weightDecay: 0.3 },
  ]
) {
  Deno.test(`adamw: 20 steps with a largest norm of ${maxNorm} and a decay of ${weightDecay}`, async () => {
    const device = await testDevice();
    using scope = new GuardedScope(device, "test");
    const shapes = { a: [7, 11], b: [1], c: [65] };
    const parameters = Object.entries(shapes).map(([name, shape], i) => {
      const weight = seededValues(sizeOf(shape), i);
      const gradient = new Float32Array(weight.length);
      return parameter(scope, name, { weight, gradient, shape, decay: name !== "c" });
    });
    const moments = createMoments(scope, parameters);
    const states = await Promise.all(parameters.map(async ({ tensor }) => ({
      weight: Float64Array.from(await device.readF32(tensor)),
      m: new Float64Array(sizeOf(tensor.shape)),
      v: new Float64Array(sizeOf(tensor.shape)),
    })));
    for (let step = 1; step <= 20; step++) {
      const learningRate = 0.02 / step;
      const gradients = parameters.map(({ gradient }, i) => {
        const values = seededValues(sizeOf(gradient.shape), 100 * step + i);
        device.write(gradient, values.map((value) => value * 10 ** (i - 1)));
        return values.map((value) => value * 10 ** (i - 1));
      });
      using stepScope = device.scope("step");
      const clipping = clipGradients(stepScope, parameters, maxNorm);
      adamwStep(parameters, moments, clipping, { learningRate, weightDecay, step, device });
      const { norm, factor } = reference.clipping(gradients, maxNorm);
      assertClose("clipping", await device.readF32(clipping), [norm, factor], TOLERANCE.forward);
      states.forEach((state, i) => {
        const decay = parameters[i].decay ? weightDecay : 0;
        const clipped = Float64Array.from(gradients[i], (value) => value * factor);
        reference.adamw(state, clipped, { learningRate, weightDecay: decay, step, ...BETAS });
      });
    }
    for (const [i, { name, tensor }] of parameters.entries()) {
      const { weight, m, v } = states[i];
      assertClose(name, await device.readF32(tensor), weight, TOLERANCE.forward);
      assertClose(`${name} m`, await device.readF32(moments[i].m), m, TOLERANCE.forward);
      assertClose(`${name} v`, await device.readF32(moments[i].v), v, TOLERANCE.forward);
    }
    await scope.checkGuards();
  });
}

Deno.test("adamw: other betas and epsilon are used", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const gradient = seededValues(30, 2);
  const parameters = [parameter(scope, "w", { weight: seededValues(30, 1), gradient })];
  const weight = Float64Array.from(seededValues(30, 1));
  const state = { weight, m: new Float64Array(30), v: new Float64Array(30) };
  const moments = createMoments(scope, parameters);
  const clipping = clipGradients(scope, parameters, 0);
  const settings = { learningRate: 0.1, weightDecay: 0, beta1: 0.5, beta2: 0.75, epsilon: 0.1 };
  for (const step of [1, 2, 3]) {
    adamwStep(parameters, moments, clipping, { ...settings, step, device });
    reference.adamw(state, gradient, { ...settings, step });
  }
  const actual = await device.readF32(parameters[0].tensor);
  assertClose("weight", actual, state.weight, TOLERANCE.forward);
});

Deno.test("clipGradients: 3 and 4 in two tensors have a norm of 5", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const weight = Float32Array.of(0);
  const parameters = [3, -4].map((gradient) =>
    parameter(scope, "w", { weight, gradient: Float32Array.of(gradient) })
  );
  const clip = async (maxNorm: number) =>
    await device.readF32(clipGradients(scope, parameters, maxNorm));
  assertClose("clipped", await clip(1), [5, 0.2], TOLERANCE.forward);
  assertEquals(await clip(6), Float32Array.of(5, 1));
  assertEquals(await clip(0), Float32Array.of(5, 1));
});

for (const count of [65535, 65536, 65537, 3 * 65536 + 70]) {
  Deno.test(`clipGradients: a norm over ${count} elements, next to others`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    const gradients = [seededValues(5, 1), seededValues(count, 2), seededValues(3, 3)];
    const parameters = gradients.map((gradient) =>
      parameter(scope, "w", { weight: gradient, gradient })
    );
    const { norm, factor } = reference.clipping(gradients, 0.5);
    const actual = await device.readF32(clipGradients(scope, parameters, 0.5));
    assertClose("clipping", [actual[0] / norm, actual[1] / factor], [1, 1], TOLERANCE.forward);
  });
}

Deno.test("clipGradients: more than a workgroup's worth of tensors", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const gradients = Array.from({ length: 131 }, (_, i) => Float32Array.of(i));
  const parameters = gradients.map((gradient) =>
    parameter(scope, "w", { weight: gradient, gradient })
  );
  const [norm] = await device.readF32(clipGradients(scope, parameters, 0));
  assertClose("norm", [norm], [reference.clipping(gradients, 0).norm], TOLERANCE.forward);
});

Deno.test("clipGradients: no gradient at all has norm 0 and is not scaled", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const zeros = new Float32Array(70);
  const parameters = [parameter(scope, "w", { weight: zeros, gradient: zeros })];
  assertEquals(await device.readF32(clipGradients(scope, parameters, 1)), Float32Array.of(0, 1));
});

for (const [what, bad] of [["NaN", NaN], ["infinite", -Infinity], ["overflowing", 1e30]] as const) {
  Deno.test(`adamw: one ${what} gradient changes no weight and no moment`, async () => {
    const device = await testDevice();
    using scope = device.scope("test");
    const weight = seededValues(70, 1);
    const bads = seededValues(70, 2);
    bads[68] = bad;
    const parameters = [
      parameter(scope, "good", { weight, gradient: seededValues(70, 3) }),
      parameter(scope, "bad", { weight, gradient: bads }),
    ];
    const moments = createMoments(scope, parameters);
    for (const { m, v } of moments) [m, v].forEach((tensor) => device.write(tensor, weight));
    for (const maxNorm of [0, 1]) {
      const clipping = clipGradients(scope, parameters, maxNorm);
      const options = { learningRate: 0.1, weightDecay: 0.1, step: 1, device };
      adamwStep(parameters, moments, clipping, options);
      const [norm, factor] = await device.readF32(clipping);
      assert(!Number.isFinite(norm));
      assertEquals(factor, 0);
    }
    for (const [i, { tensor }] of parameters.entries()) {
      for (const kept of [tensor, moments[i].m, moments[i].v]) {
        assertEquals(await device.readF32(kept), weight);
      }
    }
  });
}
