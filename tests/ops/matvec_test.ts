/**
 * Products of few rows with NF4 weights: every variant that this adapter can run, against sums in f64.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Scope } from "../../src/device/tensor.ts";
import type { ProductOptions } from "../../src/ops/gemm.ts";
import { isForFewRows, matvecChoices, multiplyFewRows } from "../../src/ops/matvec.ts";
import { NF4_TABLE_VALUES, nf4Tables } from "../../src/ops/nf4.ts";
import type { Nf4Weight } from "../../src/ops/weight.ts";
import { assertClose, GuardedScope, seededValues, testDevice } from "./harness.ts";

const device = await testDevice();
const choice = matvecChoices.nf4;
const variants = choice.variants.filter((variant) => variant.runsOn(device));

interface TestWeight {
  readonly weight: Nf4Weight;
  /** What the weight stands for, in f64 [rows, columns]. */
  readonly values: Float64Array;
}

/** Seeded bytes, each value as likely as the others. */
function bytes(count: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(seededValues(count, seed), (value) => Math.floor((value + 1) * 128));
}

/** A weight of seeded codes and scales; `table` holds 16 code values and 256 scale values. */
function nf4Weight(
  scope: Scope,
  [rows, columns]: readonly [rows: number, columns: number],
  { double, table = NF4_TABLE_VALUES }: { double: boolean; table?: Float32Array },
): TestWeight {
  const count = rows * columns;
  const packed = bytes(count / 2, 1);
  const blocks = count / 64;
  const small = bytes(blocks, 2);
  const plain = seededValues(blocks, 3);
  const nested = seededValues(1 + Math.ceil(blocks / 256), 4);
  const values = Float64Array.from({ length: count }, (_, i) => {
    const code = i % 2 === 0 ? packed[i >> 1] >> 4 : packed[i >> 1] & 15;
    const block = Math.floor(i / 64);
    const scale = double
      ? table[16 + small[block]] * nested[1 + Math.floor(block / 256)] + nested[0]
      : plain[block];
    return table[code] * scale;
  });
  const weight: Nf4Weight = {
    kind: "nf4",
    name: "w",
    rows,
    columns,
    dtype: "f32",
    codes: scope.upload(packed),
    absmax: scope.upload(double ? small : plain),
    nested: double ? scope.upload(nested) : null,
    tables: nf4Tables(scope, table),
  };
  return { weight, values };
}

/** Compares a product with sums in f64, relative to the largest sum of magnitudes. */
async function check(
  scope: GuardedScope,
  n: number,
  { weight, values }: TestWeight,
  options: ProductOptions = {},
): Promise<void> {
  const { alpha = 1, accumulate = 0 } = options;
  const { rows, columns } = weight;
  const input = seededValues(n * columns, 5), before = seededValues(n * rows, 6);
  const x = scope.upload(input, [n, columns], { label: "x" });
  const c = scope.upload(before, [n, rows], { label: "c" });
  multiplyFewRows(device, { x, weight, c }, options);
  const expected = Float64Array.from({ length: n * rows }, (_, i) => {
    const [row, output] = [Math.floor(i / rows), i % rows];
    let sum = 0;
    for (let k = 0; k < columns; k++) {
      sum += input[row * columns + k] * values[output * columns + k];
    }
    return alpha * sum + accumulate * before[i];
  });
  assertClose(`${n} by ${rows}×${columns}`, await device.readF32(c), expected, 1e-6);
}

/** Registers a test that runs with each variant in turn, and finds nothing left behind. */
function testEach(what: string, run: () => Promise<void>): void {
  for (const { name } of variants) {
    Deno.test(`matvec NF4, ${name}: ${what}`, async () => {
      const before = device.liveBytes;
      device.tuning = { [choice.name]: name };
      try {
        await run();
      } finally {
        device.tuning = {};
      }
      assertEquals(device.liveBytes, before);
    });
  }
}

// Outputs around 8, 16 and 32 at a time; whole words of scales and not; rows in fours and not.
const SHAPES: readonly (readonly [n: number, rows: number, columns: number])[] = [
  [1, 1, 64],
  [1, 7, 192],
  [1, 33, 256],
  [1, 9, 4096],
  [1, 129, 448],
  [2, 17, 64],
  [3, 31, 192],
  [4, 40, 256],
  [4, 3, 4096],
  [5, 8, 128],
  [9, 33, 512],
];

for (const double of [true, false]) {
  const scales = double ? "double-quantised" : "plain";
  testEach(`any number of rows and outputs, ${scales} scales`, async () => {
    using scope = new GuardedScope(device, "test");
    await Promise.all(SHAPES.flatMap(([n, ...shape]) => {
      const weight = nf4Weight(scope, shape, { double });
      return [
        check(scope, n, weight),
        check(scope, n, weight, { alpha: -0.75, accumulate: 1 }),
      ];
    }));
    await scope.checkGuards();
  });
}

testEach("every code has the value that the table names, exactly", async () => {
  using scope = new GuardedScope(device, "test");
  // Values with all 24 bits, one after the other in each place of a word.
  const table = Float32Array.from(NF4_TABLE_VALUES, (value, i) => i < 16 ? 1 / (i + 3) : value);
  const packed = Uint8Array.from({ length: 64 * 32 }, (_, i) => {
    const [output, pair] = [Math.floor(i / 32), i % 32];
    const code = (k: number) => (2 * pair + k + output) % 16;
    return code(0) << 4 | code(1);
  });
  const weight: Nf4Weight = {
    ...nf4Weight(scope, [64, 64], { double: false, table }).weight,
    codes: scope.upload(packed),
    absmax: scope.upload(new Float32Array(64).fill(1)),
  };
  const ones = Float32Array.from({ length: 64 * 64 }, (_, i) => i % 65 === 0 ? 1 : 0);
  const c = scope.empty([64, 64], { label: "c" });
  multiplyFewRows(device, { x: scope.upload(ones, [64, 64]), weight, c });
  const expected = Float32Array.from({ length: 64 * 64 }, (_, i) => {
    const [input, output] = [Math.floor(i / 64), i % 64];
    return table[(input + output) % 16];
  });
  assertEquals(await device.readF32(c), expected);
  await scope.checkGuards();
});

testEach("a product worked out by hand", async () => {
  using scope = new GuardedScope(device, "test");
  // All codes are 15, the value 1, but the first of the second row, which is 0, the value -1.
  const packed = new Uint8Array(64).fill(0xff);
  packed[32] = 0x0f;
  const weight: Nf4Weight = {
    ...nf4Weight(scope, [2, 64], { double: false }).weight,
    codes: scope.upload(packed),
    absmax: scope.upload(Float32Array.of(2, 0.5)),
  };
  const x = Float32Array.from({ length: 64 }, (_, k) => k + 1);
  const c = scope.empty([1, 2]);
  multiplyFewRows(device, { x: scope.upload(x, [1, 64]), weight, c });
  assertEquals(await device.readF32(c), Float32Array.of(2 * 2080, 0.5 * 2078));
});

Deno.test("isForFewRows: one row of dense weights, four of NF4 weights with whole blocks", () => {
  using scope = device.scope("test");
  const { weight } = nf4Weight(scope, [8, 64], { double: false });
  assertEquals([4, 5].map((rows) => isForFewRows(rows, weight)), [true, false]);
  assert(!isForFewRows(1, { ...weight, rows: 64, columns: 8 }));
  const dense = {
    kind: "dense",
    name: "w",
    rows: 8,
    columns: 64,
    dtype: "f32",
    parts: [],
  } as const;
  assertEquals([1, 2].map((rows) => isForFewRows(rows, dense)), [true, false]);
});
