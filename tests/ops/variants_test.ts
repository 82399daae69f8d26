/**
 * Every variant of the product kernels gives the product, at sizes around those of its tiles.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Tensor } from "../../src/device/tensor.ts";
import { KernelError } from "../../src/errors.ts";
import { product } from "../../src/ops/gemm.ts";
import { productChoices, transposedChoice } from "../../src/ops/gemm_variants.ts";
import {
  multiplyByWeight,
  multiplyByWeightTransposed,
  multiplyTransposed,
} from "../../src/ops/matmul.ts";
import { matvecChoices } from "../../src/ops/matvec.ts";
import { nf4Quantizer, nf4Tables } from "../../src/ops/nf4.ts";
import { packRows } from "../../src/ops/pack_rows.ts";
import { packDense } from "../../src/ops/panels.ts";
import { dequantizeNf4 } from "../../src/ops/nf4.ts";
import { type Choice, chosenVariant } from "../../src/ops/variants.ts";
import type { Weight } from "../../src/ops/weight.ts";
import * as reference from "../reference.ts";
import {
  assertClose,
  GuardedScope,
  seededValues,
  testDevice,
  testDeviceAsGpu,
  TOLERANCE,
} from "./harness.ts";

const device = await testDevice();

/** Registers a test for each variant, in which the device uses it for all `choices`. */
function testEach(choices: readonly Choice[], what: string, check: () => Promise<void>): void {
  for (const variant of choices[0].variants) {
    const ignore = !variant.runsOn(device);
    const name = `${choices[0].name}: ${variant.name} ${what}`;
    Deno.test({
      name: ignore ? `${name} (this adapter cannot run it)` : name,
      ignore,
      async fn() {
        const before = device.liveBytes;
        device.tuning = Object.fromEntries(choices.map(({ name }) => [name, variant.name]));
        try {
          await check();
        } finally {
          device.tuning = {};
        }
        assertEquals(device.liveBytes, before);
      },
    });
  }
}

testEach(productChoices, "multiplies batches of any shape", async () => {
  using scope = new GuardedScope(device, "test");
  const [count, share] = [4, 2];
  await Promise.all(
    [[1, 1, 1], [7, 65, 9], [9, 72, 136], [33, 128, 20], [41, 20, 12], [41, 32, 12], [64, 64, 64], [
      130,
      193,
      35,
    ]].map(
      async ([m, n, k]) => {
        const a = seededValues(count * m * k, 1), b = seededValues(count / share * n * k, 2);
        const before = seededValues(count * m * n, 3);
        const rows = packRows(
          scope,
          { tensor: scope.upload(a, [count * m, k]), stride: k, batch: m * k },
          { rows: m, depth: k, count },
        );
        const panels = packDense(
          scope,
          { tensor: scope.upload(b, [count / share * n, k]), stride: k, batch: n * k },
          { rows: m, transposed: false, depth: k, columnBegin: 0, columnCount: n },
          { count: count / share },
        );
        const products = Array.from({ length: count }, (_, i) =>
          reference.multiply(
            a.subarray(i * m * k, (i + 1) * m * k),
            b.subarray(Math.floor(i / share) * n * k),
            { m, n, k },
          )).flatMap((values) => [...values]);
        for (const [alpha, accumulate] of [[1, 0], [-0.75, 1]] as const) {
          const c = scope.upload(before, [count, m, n], { label: "c" });
          const view = { tensor: c, stride: n, batch: m * n };
          product(device, { a: rows, panels, share, columns: n, c: view }, { alpha, accumulate });
          const expected = products.map((value, i) => alpha * value + accumulate * before[i]);
          const actual = await device.readF32(c);
          assertClose(`${count} × ${m}×${n}×${k}`, actual, expected, TOLERANCE.forward);
        }
      },
    ),
  );
  await scope.checkGuards();
});

testEach(productChoices, "multiplies by NF4 weights, both ways", async () => {
  using scope = new GuardedScope(device, "test");
  const tables = nf4Tables(scope);
  for (const [n, rows, columns] of [[7, 70, 64], [33, 24, 192], [50, 130, 128]]) {
    const { weight, values } = await nf4Weight(scope, { rows, columns, tables });
    await checkRows(scope, n, { weight, values });
    const dy = seededValues(n * rows, 6);
    const c = scope.empty([n, columns], { label: "c" });
    multiplyByWeightTransposed(device, { x: scope.upload(dy, [n, rows]), weight, c });
    const w = reference.transpose(values, rows, columns);
    const expected = reference.multiply(dy, w, { m: n, n: columns, k: rows });
    assertClose(`${n} by W`, await device.readF32(c), expected, TOLERANCE.forward);
  }
  await scope.checkGuards();
});

testEach([transposedChoice], "multiplies any shape", async () => {
  using scope = new GuardedScope(device, "test");
  for (const [k, m, n] of [[1, 1, 1], [17, 8, 33], [33, 68, 12], [64, 65, 66], [65, 132, 68]]) {
    const a = seededValues(k * m, 1), b = seededValues(k * n, 2), before = seededValues(m * n, 3);
    const c = scope.upload(before, [m, n], { label: "c" });
    const operands = { a: scope.upload(a, [k, m]), b: scope.upload(b, [k, n]), c };
    multiplyTransposed(device, operands, { alpha: 2, accumulate: 1 });
    const [aT, bT] = [reference.transpose(a, k, m), reference.transpose(b, k, n)];
    const sum = reference.add(reference.multiply(aT, bT, { m, n, k, scale: 2 }), before);
    assertClose(`[${k}, ${m}]ᵀ by [${k}, ${n}]`, await device.readF32(c), sum, TOLERANCE.forward);
  }
  await scope.checkGuards();
});

/** A double-quantised weight, and the values it stands for. */
async function nf4Weight(
  scope: GuardedScope,
  { rows, columns, tables }: { rows: number; columns: number; tables: Tensor },
): Promise<{ weight: Weight; values: Float32Array }> {
  const shape = { name: "w", rows, columns, dtype: "f32" } as const;
  const quantizer = nf4Quantizer(scope, { ...shape, doubleQuant: true, tables });
  quantizer.append(scope.upload(seededValues(rows * columns, 5)), rows * columns);
  const weight = await quantizer.finish();
  return { weight, values: await device.readF32(dequantizeNf4(scope, weight)) };
}

/** Compares rows by a weight with the reference. */
async function checkRows(
  scope: GuardedScope,
  n: number,
  { weight, values }: { weight: Weight; values: ArrayLike<number> },
): Promise<void> {
  const { rows, columns } = weight;
  const x = seededValues(n * columns, 4);
  const c = scope.empty([n, rows], { label: "c" });
  multiplyByWeight(device, { x: scope.upload(x, [n, columns]), weight, c });
  const expected = reference.multiply(x, values, { m: n, n: rows, k: columns });
  assertClose(`${n} by ${rows}×${columns}`, await device.readF32(c), expected, TOLERANCE.forward);
}

testEach([matvecChoices.dense], "multiplies a row by any weight", async () => {
  using scope = new GuardedScope(device, "test");
  for (const [rows, columns] of [[1, 1], [70, 33], [5, 300], [129, 64]]) {
    const values = seededValues(rows * columns, 5);
    const parts = [{
      rowBegin: 0,
      rowCount: rows,
      values: scope.upload(values, [rows, columns]),
    }];
    const weight: Weight = { kind: "dense", name: "w", rows, columns, dtype: "f32", parts };
    await checkRows(scope, 1, { weight, values });
  }
  await scope.checkGuards();
});

testEach([matvecChoices.nf4], "multiplies rows by any weight", async () => {
  using scope = new GuardedScope(device, "test");
  const tables = nf4Tables(scope);
  for (const [n, rows, columns] of [[1, 3, 64], [1, 70, 320], [3, 33, 128], [4, 129, 192]]) {
    const { weight, values } = await nf4Weight(scope, { rows, columns, tables });
    await checkRows(scope, n, { weight, values });
  }
  await scope.checkGuards();
});

Deno.test("chosenVariant: the default without tuning, and what the tuning names with it", async () => {
  const choice = productChoices[0];
  const gpu = await testDeviceAsGpu();
  assertEquals(chosenVariant(gpu, choice).name, "tiled-64x64-8x4");
  gpu.tuning = { [choice.name]: "tiled-16x64-8x4", gemm_tn: "tiled-16x64-4x4" };
  try {
    assertEquals(chosenVariant(gpu, choice).name, "tiled-16x64-8x4");
    assertEquals(chosenVariant(gpu, productChoices[1]).name, "tiled-64x64-8x4");
    assertEquals(chosenVariant(gpu, transposedChoice).name, "tiled-16x64-4x4");
  } finally {
    gpu.tuning = {};
  }
});

Deno.test("chosenVariant: a name that is unknown, or that the adapter cannot run, is an error", async () => {
  const gpu = await testDeviceAsGpu();
  for (const name of ["tiled-1x1-8x4", "subgroup-32x64"]) {
    gpu.tuning = { gemm_8_rows: name };
    const error = assertThrows(() => chosenVariant(gpu, productChoices[0]), KernelError);
    gpu.tuning = {};
    assert(
      error.message.startsWith(`Cannot use ${name} for gemm_8_rows: ${gpu.info.name} can run`),
    );
    assert(error.message.includes("tiled-128x128-8x8") && !/subgroup-8x/.test(error.message));
  }
});
