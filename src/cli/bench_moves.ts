/**
 * Trials of operations that hardly compute: they add, choose, drop or find elements, or restore them.
 * @module
 */
import { random } from "../data/random.ts";
import type { Scope } from "../device/tensor.ts";
import { MISTRAL_7B } from "../model/synthetic.ts";
import { argmax } from "../ops/argmax.ts";
import { add } from "../ops/elementwise.ts";
import { keep } from "../ops/keep.ts";
import { applyDropout } from "../ops/noise.ts";
import { gatherRows } from "../ops/rows.ts";
import { checkSamples } from "./bench_measure.ts";
import {
  checkMatrix,
  type KernelTrial,
  noiseTensor,
  operationTrials,
  streamShape,
  type TrialSizes,
} from "./bench_trials.ts";

/** What f16 is off by at most, of values in [-1, 1). */
const F16_ROUNDING = 2 ** -12;

/** Sums of two, and rows chosen in no order. */
export function elementTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const [rows, width] = streamShape(sizes);
  const a = noiseTensor(scope, [rows, width], sizes.seed);
  const b = noiseTensor(scope, [rows, width], sizes.seed + 1);
  const bytes = a.tensor.byteLength;
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  random(sizes.seed, "rows").shuffle(order);
  const chosen = scope.upload(order);
  const at = (row: number, column: number) => row * width + column;
  return [
    ...operationTrials(scope, {
      name: `add ${rows}×${width}`,
      apply: (tape) => add(tape, a.tensor, b.tensor),
      forward: {
        work: { bytes: 3 * bytes },
        check: (name, y) =>
          checkMatrix(name, y, width, (...place) => a.host[at(...place)] + b.host[at(...place)]),
      },
    }, sizes.seed),
    ...operationTrials(scope, {
      name: `rows ${rows}×${width}`,
      apply: (tape) => gatherRows(tape, a.tensor, chosen),
      forward: {
        work: { bytes: 2 * bytes },
        check: (name, y) =>
          checkMatrix(name, y, width, (row, column) => a.host[at(order[row], column)]),
      },
    }, sizes.seed),
  ];
}

/** Dropout of half of the elements. */
export function dropoutTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const [rows, width] = streamShape(sizes);
  const x = noiseTensor(scope, [rows, width], sizes.seed);
  const y = scope.empty([rows, width], { label: "y" });
  const run = () => applyDropout(device, { x: x.tensor, y, probability: 0.5, seed: sizes.seed });
  return [{
    name: `noise (dropout) ${rows}×${width}`,
    work: { bytes: 2 * x.tensor.byteLength },
    run,
    async check() {
      run();
      const found = await device.readF32(y);
      // Each is dropped or doubled.
      checkMatrix(this.name, found, width, (row, column) => {
        const i = row * width + column;
        return Math.abs(found[i]) < Math.abs(x.host[i]) ? 0 : 2 * x.host[i];
      });
      const dropped = found.reduce((count, value) => count + Number(value === 0), 0);
      const half = { rows: 1, columns: 1, tolerance: 0.05 };
      checkSamples(`${this.name} (share)`, half, {
        actual: () => dropped / found.length,
        expected: () => 0.5,
      });
    },
  }];
}

/** The input of a block restored from f16. */
export function restoreTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const [rows, width] = streamShape(sizes);
  const x = noiseTensor(scope, [rows, width], sizes.seed);
  const kept = keep(scope, x.tensor, "f16");
  return [{
    name: `keep (from f16) ${rows}×${width}`,
    work: { bytes: (2 + 4) * rows * width },
    run() {
      using inner = device.scope("bench");
      kept.restore(inner);
    },
    async check() {
      using inner = device.scope("bench");
      const y = await device.readF32(kept.restore(inner));
      checkSamples(this.name, { rows, columns: width, tolerance: F16_ROUNDING }, {
        actual: (row, column) => y[row * width + column],
        expected: (row, column) => x.host[row * width + column],
      });
    },
  }];
}

/** The likeliest tokens of rows of logits. */
export function argmaxTrials(scope: Scope, { rows, seed }: TrialSizes): KernelTrial[] {
  const { device } = scope;
  const count = Math.ceil(rows / 2), vocabulary = MISTRAL_7B.vocabularySize;
  const logits = noiseTensor(scope, [count, vocabulary], seed);
  return [{
    name: `argmax ${count}×${vocabulary}`,
    work: { bytes: logits.tensor.byteLength },
    run() {
      using inner = device.scope("bench");
      argmax(inner, logits.tensor);
    },
    async check() {
      using inner = device.scope("bench");
      const found = await device.readU32(argmax(inner, logits.tensor));
      checkSamples(this.name, { rows: count, columns: 1, tolerance: 0 }, {
        actual: (row) => found[row],
        expected(row) {
          const values = logits.host.subarray(row * vocabulary, (row + 1) * vocabulary);
          return values.reduce((best, value, i) => value > values[best] ? i : best, 0);
        },
      });
    },
  }];
}
