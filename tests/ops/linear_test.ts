import { assertThrows } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import type { Tensor } from "../../src/device/tensor.ts";
import { linear } from "../../src/ops/linear.ts";
import { Tape } from "../../src/ops/tape.ts";
import type { DenseWeight } from "../../src/ops/weight.ts";
import * as reference from "../reference.ts";
import { checkOp, testDevice } from "./harness.ts";

function dense(values: Tensor): DenseWeight {
  const [rows, columns] = values.shape;
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  return { kind: "dense", name: "test.weight", rows, columns, dtype: "f32", parts };
}

for (const [n, o, i] of [[1, 1, 1], [3, 5, 7], [17, 33, 65], [33, 40, 12]]) {
  Deno.test(`linear: x [${n}, ${i}] by a trainable weight [${o}, ${i}], and gradients`, () =>
    checkOp({
      inputs: { x: [n, i], w: [o, i] },
      run: (tape, { x, w }) => linear(tape, x, { weight: dense(w), lora: null }),
      reference: ({ x, w }) => reference.multiply(x, w, { m: n, n: o, k: i }),
    }));

  Deno.test(`linear: the same with LoRA of rank 3`, () =>
    checkOp({
      inputs: { x: [n, i], a: [3, i], b: [o, 3], w: [o, i] },
      run: (tape, { x, a, b, w }) => {
        const lora = { a, b, rank: 3, scaling: 0.75, dropout: null };
        return linear(tape, x, { weight: dense(w), lora });
      },
      reference: ({ x, a, b, w }) => {
        const hidden = reference.multiply(x, a, { m: n, n: 3, k: i });
        const update = reference.multiply(hidden, b, { m: n, n: o, k: 3, scale: 0.75 });
        return reference.add(reference.multiply(x, w, { m: n, n: o, k: i }), update);
      },
    }));
}

Deno.test("linear: a residual is added, with and without LoRA, and gets the gradient", async () => {
  const [n, o, i] = [5, 7, 6];
  const product = ({ x, w, residual }: Record<string, Float64Array>) =>
    reference.add(reference.multiply(x, w, { m: n, n: o, k: i }), residual);
  await checkOp({
    inputs: { x: [n, i], w: [o, i], residual: [n, o] },
    run: (tape, { x, w, residual }) =>
      linear(tape, x, { weight: dense(w), lora: null }, { residual }),
    reference: product,
  });
  await checkOp({
    inputs: { x: [n, i], w: [o, i], residual: [n, o], a: [2, i], b: [o, 2] },
    run: (tape, { x, w, residual, a, b }) => {
      const lora = { a, b, rank: 2, scaling: 0.5, dropout: null };
      return linear(tape, x, { weight: dense(w), lora }, { residual });
    },
    reference({ a, b, ...inputs }) {
      const hidden = reference.multiply(inputs.x, a, { m: n, n: 2, k: i });
      const update = reference.multiply(hidden, b, { m: n, n: o, k: 2, scale: 0.5 });
      return reference.add(product(inputs), update);
    },
  });
});

Deno.test("linear: a residual of another shape is refused", async () => {
  using scope = (await testDevice()).scope("test");
  const layer = { weight: dense(scope.zeros([3, 4])), lora: null };
  const run = () =>
    linear(new Tape(scope), scope.zeros([2, 4]), layer, { residual: scope.zeros([2, 4]) });
  assertThrows(run, ShapeError, "residual");
});

Deno.test("linear: an input of another width is refused", async () => {
  using scope = (await testDevice()).scope("test");
  const layer = { weight: dense(scope.zeros([2, 4])), lora: null };
  assertThrows(() => linear(new Tape(scope), scope.zeros([3, 5]), layer), ShapeError, "[any, 4]");
});
