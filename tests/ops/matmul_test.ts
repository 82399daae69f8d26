import { assert, assertEquals, assertThrows } from "@std/assert";
import { byteLengthOf, type Scope } from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../src/formats/half.ts";
import { dequantizeNf4, doubleDequantize, doubleQuantize, quantizeNf4 } from "../nf4_reference.ts";
import type { ProductOptions } from "../../src/ops/gemm.ts";
import {
  multiplyByWeight,
  multiplyByWeightTransposed,
  multiplyTransposed,
} from "../../src/ops/matmul.ts";
import { nf4Tables } from "../../src/ops/nf4.ts";
import { type DenseDType, splitRows, type Weight } from "../../src/ops/weight.ts";
import * as reference from "../reference.ts";
import {
  assertClose,
  GuardedScope,
  seededValues,
  testDevice,
  testDeviceAsGpu,
  TOLERANCE,
} from "./harness.ts";

type Shape = readonly [rows: number, columns: number];

/** A weight on the GPU, and the values it stands for. */
interface TestWeight {
  readonly weight: Weight;
  readonly values: Float32Array;
}

function denseWeight(
  scope: Scope,
  [rows, columns]: Shape,
  options: { dtype: DenseDType; rowsPerPart?: number; values?: Float32Array },
): TestWeight {
  const { dtype, rowsPerPart = rows + 1 } = options;
  const given = options.values ?? seededValues(rows * columns, rows + columns);
  const data = dtype === "f32" ? given : dtype === "f16" ? encodeF16(given) : encodeBf16(given);
  const maxBytes = rowsPerPart * byteLengthOf([columns], dtype);
  const parts = splitRows({ rows, columns, dtype }, maxBytes).map(({ rowBegin, rowCount }) => {
    const part = data.slice(rowBegin * columns, (rowBegin + rowCount) * columns);
    return { rowBegin, rowCount, values: scope.upload(part, [rowCount, columns], { dtype }) };
  });
  const values = data instanceof Float32Array
    ? data
    : dtype === "f16"
    ? decodeF16(data)
    : decodeBf16(data);
  return { weight: { kind: "dense", name: "w", rows, columns, dtype, parts }, values };
}

function nf4Weight(scope: Scope, [rows, columns]: Shape, double: boolean): TestWeight {
  const { packed, absmax } = quantizeNf4(seededValues(rows * columns, rows).map((v) => v ** 3));
  const nested = doubleQuantize(absmax);
  const weight: Weight = {
    kind: "nf4",
    name: "w",
    rows,
    columns,
    dtype: "f32",
    codes: scope.upload(packed),
    absmax: scope.upload(double ? nested.absmax : absmax),
    nested: double
      ? scope.upload(Float32Array.of(nested.nestedOffset, ...nested.nestedAbsmax))
      : null,
    tables: nf4Tables(scope),
  };
  const scales = double ? doubleDequantize(nested) : absmax;
  return { weight, values: dequantizeNf4({ packed, absmax: scales }, { count: rows * columns }) };
}

const FORMATS: Record<string, (scope: Scope, shape: Shape) => TestWeight> = {
  "f32": (scope, shape) => denseWeight(scope, shape, { dtype: "f32" }),
  "f32 in parts of 6 rows": (scope, shape) =>
    denseWeight(scope, shape, { dtype: "f32", rowsPerPart: 6 }),
  "f16": (scope, shape) => denseWeight(scope, shape, { dtype: "f16" }),
  "f16 in parts of 16 rows": (scope, shape) =>
    denseWeight(scope, shape, { dtype: "f16", rowsPerPart: 16 }),
  "bf16": (scope, shape) => denseWeight(scope, shape, { dtype: "bf16" }),
  "bf16 in parts of 10 rows": (scope, shape) =>
    denseWeight(scope, shape, { dtype: "bf16", rowsPerPart: 10 }),
  "NF4": (scope, shape) => nf4Weight(scope, shape, false),
  "double-quantised NF4": (scope, shape) => nf4Weight(scope, shape, true),
};

const DEVICES = { "": testDevice, ", as on a GPU": testDeviceAsGpu };

/** Runs a product and compares it with the reference. */
async function checkProduct(
  scope: GuardedScope,
  n: number,
  { weight, values }: TestWeight,
  options: ProductOptions & { transposed: boolean },
): Promise<void> {
  const { transposed, alpha = 1, accumulate = 0 } = options;
  const { device } = scope;
  const { rows, columns } = weight;
  const [depth, width] = transposed ? [rows, columns] : [columns, rows];
  const before = seededValues(n * width, 3);
  const input = seededValues(n * depth, 4);
  const x = scope.upload(input, [n, depth], { label: "x" });
  const c = scope.upload(before, [n, width], { label: "c" });
  if (transposed) multiplyByWeightTransposed(device, { x, weight, c }, options);
  else multiplyByWeight(device, { x, weight, c }, options);
  const factor = transposed ? reference.transpose(values, rows, columns) : values;
  const sizes = { m: n, n: width, k: depth, scale: alpha };
  const product = reference.multiply(input, factor, sizes);
  const expected = accumulate ? reference.add(product, before) : product;
  const what = `x [${n}, ${depth}] by ${transposed ? "W" : "Wᵀ"}`;
  assertClose(what, await device.readF32(c), expected, TOLERANCE.forward);
}

// Around the sizes of tiles and panels, and NF4 blocks that begin within a row.
const SHAPES: readonly (readonly [n: number, ...Shape])[] = [
  [1, 1, 1],
  [1, 65, 33],
  [3, 7, 65],
  [8, 16, 8],
  [16, 32, 64],
  [17, 33, 31],
  [9, 72, 136],
  [33, 64, 66],
  [65, 65, 129],
  // Few rows: one by one and in fours, with and without whole NF4 blocks.
  [1, 70, 128],
  [2, 33, 64],
  [3, 16, 256],
  [4, 5, 192],
  [4, 9, 100],
  [5, 7, 64],
  // Panels of whole NF4 blocks.
  [9, 70, 64],
  [40, 130, 192],
];

for (const [suffix, open] of Object.entries(DEVICES)) {
  for (const [format, create] of Object.entries(FORMATS)) {
    Deno.test(`matmul: by weights in ${format} and transposed${suffix}`, async () => {
      using scope = new GuardedScope(await open(), "test");
      // Waited for together, because each read takes a fixed time on some adapters.
      await Promise.all(SHAPES.flatMap(([n, ...shape]) => {
        const weight = create(scope, shape);
        return [false, true].flatMap((transposed) => [
          checkProduct(scope, n, weight, { transposed }),
          checkProduct(scope, n, weight, { transposed, alpha: -0.75, accumulate: 1 }),
        ]);
      }));
      await scope.checkGuards();
    });
  }
}

Deno.test("matmul: NF4 weights restored by the product give the sums of restored panels, to the bit", async () => {
  const [device, gpu] = [await testDevice(), await testDeviceAsGpu()];
  for (const transposed of [false, true]) {
    const sums = await Promise.all([device, gpu].map(async (on) => {
      using scope = on.scope("test");
      const { weight } = nf4Weight(scope, [130, 192], true);
      const [depth, width] = transposed ? [130, 192] : [192, 130];
      const x = scope.upload(seededValues(40 * depth, 4), [40, depth]);
      const c = scope.empty([40, width]);
      const product = transposed ? multiplyByWeightTransposed : multiplyByWeight;
      product(on, { x, weight, c });
      return await on.readF32(c);
    }));
    assertEquals(sums[0], sums[1]);
  }
});

Deno.test("matmul: more outputs than workgroups fit along an axis", async () => {
  using scope = new GuardedScope(await testDeviceAsGpu(), "test");
  for (const format of ["f32", "NF4"]) {
    await checkProduct(scope, 1, FORMATS[format](scope, [70_000, 64]), { transposed: false });
  }
  await scope.checkGuards();
});

Deno.test("matmul: a product worked out by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const { weight } = denseWeight(scope, [2, 3], { dtype: "f32", values });
  const forward = scope.empty([1, 2]);
  const x = scope.upload(Float32Array.of(1, 0, -1), [1, 3]);
  multiplyByWeight(device, { x, weight, c: forward });
  assertEquals(await device.readF32(forward), Float32Array.of(-2, -2));
  const backward = scope.empty([1, 3]);
  const dy = scope.upload(Float32Array.of(10, 1), [1, 2]);
  multiplyByWeightTransposed(device, { x: dy, weight, c: backward });
  assertEquals(await device.readF32(backward), Float32Array.of(14, 25, 36));
  const gradient = scope.empty([2, 3]);
  multiplyTransposed(device, { a: dy, b: x, c: gradient });
  assertEquals(await device.readF32(gradient), Float32Array.of(10, 0, -10, 1, 0, -1));
});

for (const [suffix, open] of Object.entries(DEVICES)) {
  Deno.test(`multiplyTransposed: whole matrices, both the wider and the narrower first${suffix}`, async () => {
    const device = await open();
    using scope = new GuardedScope(device, "test");
    for (
      const [k, m, n] of [
        [1, 1, 1],
        [3, 5, 7],
        [5, 4, 8],
        [7, 16, 64],
        [17, 8, 33],
        [33, 68, 12],
        [64, 65, 66],
        [65, 132, 68],
      ]
    ) {
      const [a, b, before] = [
        seededValues(k * m, 1),
        seededValues(k * n, 2),
        seededValues(m * n, 3),
      ];
      const operands = { a: scope.upload(a, [k, m]), b: scope.upload(b, [k, n]) };
      const [aT, bT] = [reference.transpose(a, k, m), reference.transpose(b, k, n)];
      const c = scope.upload(before, [m, n], { label: "c" });
      multiplyTransposed(device, { ...operands, c });
      const what = `[${k}, ${m}]ᵀ by [${k}, ${n}]`;
      const product = reference.multiply(aT, bT, { m, n, k });
      assertClose(what, await device.readF32(c), product, TOLERANCE.forward);
      device.write(c, before);
      multiplyTransposed(device, { ...operands, c }, { alpha: 2, accumulate: 1 });
      const sum = reference.add(product.map((value) => 2 * value), before);
      assertClose(`${what}, added`, await device.readF32(c), sum, TOLERANCE.forward);
    }
    await scope.checkGuards();
  });

  Deno.test(`multiplyTransposed: a stretch of columns, as for one part of a weight${suffix}`, async () => {
    const device = await open();
    using scope = new GuardedScope(device, "test");
    const [k, wide] = [9, 40];
    const a = seededValues(k * wide, 1);
    for (const [aColumn, m, n] of [[0, 7, 18], [1, 7, 18], [33, 7, 18], [4, 8, 20], [20, 20, 12]]) {
      const b = seededValues(k * n, 2);
      const c = scope.empty([m, n], { label: "c" });
      const operands = { a: scope.upload(a, [k, wide]), aColumn, b: scope.upload(b, [k, n]), c };
      multiplyTransposed(device, operands);
      const columns = reference.transpose(a, k, wide).slice(aColumn * k, (aColumn + m) * k);
      const expected = reference.multiply(columns, reference.transpose(b, k, n), { m, n, k });
      assertClose(`from ${aColumn}`, await device.readF32(c), expected, TOLERANCE.forward);
    }
    await scope.checkGuards();
  });

  Deno.test(`multiplyTransposed: a stretch of columns that is packed first${suffix}`, async () => {
    const device = await open();
    using scope = new GuardedScope(device, "test");
    const [k, wide, aColumn, m, n] = [70, 148, 64, 76, 68];
    const [a, b] = [seededValues(k * wide, 1), seededValues(k * n, 2)];
    const c = scope.empty([m, n], { label: "c" });
    const operands = { a: scope.upload(a, [k, wide]), aColumn, b: scope.upload(b, [k, n]), c };
    multiplyTransposed(device, operands);
    const columns = reference.transpose(a, k, wide).slice(aColumn * k, (aColumn + m) * k);
    const expected = reference.multiply(columns, reference.transpose(b, k, n), { m, n, k });
    assertClose("packed", await device.readF32(c), expected, TOLERANCE.forward);
    await scope.checkGuards();
  });
}

/** Small whole numbers, whose sums of products are exact in f32 in any order. */
function digits(count: number, seed: number): Float32Array {
  return seededValues(count, seed).map((value) => Math.trunc(value * 4));
}

Deno.test("matmul: a weight too large to be unpacked at once, in two parts, exactly", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  // 64 MiB as f32 and half of that in bf16; neither parts nor rows end on a whole tile.
  const [rows, columns] = [4100, 4100];
  const values = digits(rows * columns, 1);
  const options = { dtype: "bf16", rowsPerPart: 4090, values } as const;
  const { weight } = denseWeight(scope, [rows, columns], options);
  const x = digits(columns, 2);
  const [y, dx] = [scope.empty([1, rows]), scope.empty([1, columns])];
  multiplyByWeight(device, { x: scope.upload(x, [1, columns]), weight, c: y });
  multiplyByWeightTransposed(device, { x: scope.upload(x, [1, rows]), weight, c: dx });
  const forward = new Float32Array(rows), backward = new Float32Array(columns);
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    forward[row] += x[column] * values[i];
    backward[column] += x[row] * values[i];
  }
  assertEquals(await device.readF32(y), forward);
  assertEquals(await device.readF32(dx), backward);
  await scope.checkGuards();
});

Deno.test("multiplyTransposed: more rows than are packed at once, exactly", async () => {
  const device = await testDevice();
  using scope = new GuardedScope(device, "test");
  const [k, m, n] = [1030, 64, 8192]; // 1,024 rows of 8,192 columns are packed at once
  const [a, b, before] = [digits(k * m, 1), digits(k * n, 2), digits(m * n, 3)];
  const c = scope.upload(before, [m, n], { label: "c" });
  const operands = { a: scope.upload(a, [k, m]), b: scope.upload(b, [k, n]), c };
  multiplyTransposed(device, operands, { alpha: 2, accumulate: 1 });
  const found = await device.readF32(c);
  for (const [row, column] of [[0, 0], [63, 8191], [17, 4000], [40, 63], [5, 64]]) {
    let sum = before[row * n + column];
    for (let i = 0; i < k; i++) sum += 2 * a[i * m + row] * b[i * n + column];
    assertEquals(found[row * n + column], sum, `[${row}, ${column}]`);
  }
  await scope.checkGuards();
});

Deno.test("matmul: nothing is left behind, and infinities and NaN stay in their rows", async () => {
  const device = await testDevice();
  const before = device.liveBytes;
  {
    using scope = device.scope("test");
    const values = Float32Array.of(1, 1, 1, -1);
    const { weight } = denseWeight(scope, [2, 2], { dtype: "f32", values });
    const x = scope.upload(Float32Array.of(1, 2, Infinity, 1, NaN, 1, 3e38, 3e38), [4, 2]);
    const c = scope.empty([4, 2]);
    multiplyByWeight(device, { x, weight, c });
    const y = await device.readF32(c);
    assertEquals(y.subarray(0, 4), Float32Array.of(3, -1, Infinity, Infinity));
    assert(y.subarray(4, 6).every(Number.isNaN));
    assertEquals(y.subarray(6), Float32Array.of(Infinity, 0));
  }
  assertEquals(device.liveBytes, before);
});

Deno.test("matmul: shapes and dtypes that do not fit are refused", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const { weight } = denseWeight(scope, [4, 6], { dtype: "f32" });
  const zeros = (...shape: number[]) => scope.zeros(shape);
  const forward = (x: number[], c: number[]) => () =>
    multiplyByWeight(device, { x: zeros(...x), weight, c: zeros(...c) });
  assertThrows(forward([2, 4], [2, 4]), ShapeError, "[any, 6] f32");
  assertThrows(forward([2, 6], [2, 6]), ShapeError, "[2, 4] f32");
  assertThrows(forward([2, 6], [3, 4]), ShapeError, "[2, 4] f32");
  const backward = (x: number[], c: number[]) => () =>
    multiplyByWeightTransposed(device, { x: zeros(...x), weight, c: zeros(...c) });
  assertThrows(backward([2, 6], [2, 6]), ShapeError, "[any, 4] f32");
  assertThrows(backward([2, 4], [2, 4]), ShapeError, "[2, 6] f32");
  const words = scope.zeros([2, 6], { dtype: "u32" });
  const c = zeros(2, 4);
  assertThrows(() => multiplyByWeight(device, { x: words, weight, c }), ShapeError, "f32");
  const gradient = (a: number[], b: number[], c: number[], aColumn = 0) => () =>
    multiplyTransposed(device, { a: zeros(...a), aColumn, b: zeros(...b), c: zeros(...c) });
  assertThrows(gradient([2, 3], [3, 4], [3, 4]), ShapeError, "[2, any]");
  assertThrows(gradient([2, 3], [2, 4], [3, 5]), ShapeError, "[any, 4]");
  assertThrows(gradient([2, 3], [2, 4], [4, 4]), ShapeError, "no 4 columns from 0 on");
  assertThrows(gradient([2, 3], [2, 4], [2, 4], 2), ShapeError, "no 2 columns from 2 on");
});
