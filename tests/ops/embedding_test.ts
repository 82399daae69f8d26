import { assertEquals, assertThrows } from "@std/assert";
import type { Scope, Tensor } from "../../src/device/tensor.ts";
import { ShapeError } from "../../src/errors.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../src/formats/half.ts";
import { add } from "../../src/ops/elementwise.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { Tape } from "../../src/ops/tape.ts";
import type { DenseDType, DenseWeight } from "../../src/ops/weight.ts";
import * as reference from "../reference.ts";
import { checkOp, GuardedScope, seededValues, testDevice } from "./harness.ts";

/** A table of the rows of several tensors. */
function tableOf(tensors: readonly Tensor[], dtype: DenseDType = "f32"): DenseWeight {
  const columns = tensors[0].shape[1];
  let rows = 0;
  const parts = tensors.map((values) => {
    const part = { rowBegin: rows, rowCount: values.shape[0], values };
    rows += values.shape[0];
    return part;
  });
  return { kind: "dense", name: "embed_tokens.weight", rows, columns, dtype, parts };
}

function upload(scope: Scope, values: Float32Array, shape: number[], dtype: DenseDType): Tensor {
  if (dtype === "f32") return scope.upload(values, shape);
  const halves = dtype === "f16" ? encodeF16(values) : encodeBf16(values);
  return scope.upload(halves, shape, { dtype });
}

/** What is left of the values in this dtype. */
function rounded(values: Float32Array, dtype: DenseDType): Float32Array {
  if (dtype === "f32") return values;
  return dtype === "f16" ? decodeF16(encodeF16(values)) : decodeBf16(encodeBf16(values));
}

Deno.test("embedding: rows of a table looked up by hand", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const table = tableOf([scope.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2])]);
  const y = embedding(new Tape(scope), table, Uint32Array.of(2, 0, 2));
  assertEquals(y.shape, [3, 2]);
  assertEquals(await device.readF32(y), Float32Array.of(5, 6, 1, 2, 5, 6));
});

for (const dtype of ["f32", "f16", "bf16"] as const) {
  for (const [width, ...counts] of [[1, 1], [3, 5], [7, 2, 4, 1], [65, 6, 70]]) {
    const name = `${counts.join(" + ")} rows of ${width} ${dtype}`;
    Deno.test(`embedding: ${name} are looked up exactly`, async () => {
      const device = await testDevice();
      using scope = new GuardedScope(device, "test");
      const parts = counts.map((count, i) => seededValues(count * width, 10 + i));
      const tensors = parts.map((part, i) => upload(scope, part, [counts[i], width], dtype));
      const table = tableOf(tensors, dtype);
      const tokens = Uint32Array.from({ length: 2 * table.rows + 1 }, (_, i) => i * 5 % table.rows);
      const y = embedding(new Tape(scope), table, tokens);
      const all = parts.flatMap((part) => [...rounded(part, dtype)]);
      const expected = reference.gatherRows(all, tokens, width);
      assertEquals(await device.readF32(y), Float32Array.from(expected));
      await scope.checkGuards();
    });
  }
}

for (const [tokens, width] of [[[0], 1], [[2, 2, 2], 5], [[6, 0, 3, 2, 6, 6, 1, 3], 65]] as const) {
  Deno.test(`embedding: gradients of both parts of a table for tokens ${tokens.join(", ")}, width ${width}`, () =>
    checkOp({
      inputs: { a: [3, width], b: [4, width] },
      run: (tape, { a, b }) => embedding(tape, tableOf([a, b]), Uint32Array.from(tokens)),
      reference: ({ a, b }) => reference.gatherRows([...a, ...b], tokens, width),
    }));
}

Deno.test("embedding: a table that is itself computed has no gradient where no token is", () =>
  checkOp({
    inputs: { a: [5, 3], b: [5, 3] },
    run: (tape, { a, b }) => embedding(tape, tableOf([add(tape, a, b)]), Uint32Array.of(4, 1)),
    reference: ({ a, b }) => reference.gatherRows(reference.add(a, b), [4, 1], 3),
  }));

Deno.test("embedding: gradients of two look-ups in one table add up", () =>
  checkOp({
    inputs: { table: [4, 3] },
    run(tape, { table }) {
      const first = embedding(tape, tableOf([table]), Uint32Array.of(1, 3));
      return add(tape, first, embedding(tape, tableOf([table]), Uint32Array.of(3, 3)));
    },
    reference: ({ table }) =>
      reference.add(
        reference.gatherRows(table, [1, 3], 3),
        reference.gatherRows(table, [3, 3], 3),
      ),
  }));

Deno.test("embedding: infinities and the smallest halves come through", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const bits = Uint16Array.of(0x7c00, 0xfc00, 0x0001, 0x8001, 0x7bff, 0x0000);
  const table = tableOf([scope.upload(bits, [2, 3])], "f16");
  const y = embedding(new Tape(scope), table, Uint32Array.of(0, 1));
  assertEquals(await device.readF32(y), decodeF16(bits));
});

Deno.test("embedding: a token outside the table is refused by its number", async () => {
  using scope = (await testDevice()).scope("test");
  const table = tableOf([scope.zeros([3, 2])]);
  const run = (...tokens: number[]) => () =>
    embedding(new Tape(scope), table, Uint32Array.from(tokens));
  const says = "Cannot embed token 3: embed_tokens.weight has 3 rows";
  assertThrows(run(0, 3), ShapeError, says);
  assertThrows(run(0xffffffff), ShapeError, "token 4294967295");
});
