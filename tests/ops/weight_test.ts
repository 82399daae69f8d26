import { assert, assertEquals } from "@std/assert";
import { byteLengthOf } from "../../src/device/tensor.ts";
import { splitRows, weightBytes } from "../../src/ops/weight.ts";
import { testDevice } from "./harness.ts";

Deno.test("splitRows: parts follow one another, cover all rows and fit the limit", () => {
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const [rows, columns] of [[1, 1], [2, 9], [7, 5], [64, 33], [1001, 3]]) {
      for (const maxBytes of [72, 256, 4096]) {
        const parts = splitRows({ rows, columns, dtype }, maxBytes);
        let next = 0;
        for (const [i, { rowBegin, rowCount }] of parts.entries()) {
          assertEquals(rowBegin, next);
          next += rowCount;
          const last = i === parts.length - 1;
          assert(last || rowCount % 2 === 0, "16-bit rows may start within a word");
          const pair = byteLengthOf([2, columns], dtype);
          const bytes = byteLengthOf([rowCount, columns], dtype);
          assert(bytes <= Math.max(maxBytes, pair), `${bytes} bytes in a part of ${maxBytes}`);
        }
        assertEquals(next, rows);
      }
    }
  }
});

Deno.test("splitRows: one part where all fits, and pairs of rows where not even those do", () => {
  const shape = { rows: 5, columns: 100, dtype: "f32" } as const;
  assertEquals(splitRows(shape, 2400), [{ rowBegin: 0, rowCount: 5 }]);
  assertEquals(splitRows(shape, 10).map(({ rowCount }) => rowCount), [2, 2, 1]);
});

Deno.test("weightBytes: the bytes of dense parts, and of NF4 codes and scales", async () => {
  using scope = (await testDevice()).scope("test");
  const part = (rowBegin: number, rowCount: number) => ({
    rowBegin,
    rowCount,
    values: scope.zeros([rowCount, 3], { dtype: "f16" }),
  });
  const shape = { name: "w", rows: 6, columns: 3, dtype: "f16" } as const;
  assertEquals(weightBytes({ kind: "dense", ...shape, parts: [part(0, 4), part(4, 2)] }), 36);
  const nf4 = {
    kind: "nf4",
    ...shape,
    codes: scope.zeros([9], { dtype: "u8" }),
    absmax: scope.zeros([1], { dtype: "u8" }),
    tables: scope.zeros([272]),
  } as const;
  assertEquals(weightBytes({ ...nf4, nested: null }), 16);
  assertEquals(weightBytes({ ...nf4, nested: scope.zeros([2]) }), 24);
});
