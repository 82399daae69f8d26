/**
 * Trials of operations that memory bounds: each reads and writes its operands once.
 * @module
 */
import type { Scope } from "../device/tensor.ts";
import { random } from "../data/random.ts";
import { decodeBf16, encodeBf16 } from "../formats/half.ts";
import { MISTRAL_7B } from "../model/synthetic.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { embedding } from "../ops/embedding.ts";
import { rmsnorm } from "../ops/rmsnorm.ts";
import { rope, ropeTable } from "../ops/rope.ts";
import { swiglu } from "../ops/swiglu.ts";
import { noise } from "./bench_measure.ts";
import {
  checkMatrix,
  type KernelTrial,
  noiseTensor,
  operationTrials,
  streamShape,
  type TrialSizes,
} from "./bench_trials.ts";

/** Root mean square norms of rows; the norm's weight is frozen. */
export function rmsnormTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const [rows, width] = streamShape(sizes);
  const x = noiseTensor(scope, [rows, width], sizes.seed);
  const weight = noiseTensor(scope, [width], sizes.seed + 1);
  const epsilon = MISTRAL_7B.rmsEpsilon, bytes = x.tensor.byteLength;
  const scaleOf = (row: number) => {
    let squares = 0;
    for (let c = 0; c < width; c++) squares += x.host[row * width + c] ** 2;
    return 1 / Math.sqrt(squares / width + epsilon);
  };
  return operationTrials(scope, {
    name: `rmsnorm ${rows}×${width}`,
    apply: (tape) => rmsnorm(tape, x.tensor, weight.tensor, epsilon),
    forward: {
      work: { bytes: 2 * bytes },
      check: (name, y) =>
        checkMatrix(
          name,
          y,
          width,
          (row, c) => weight.host[c] * x.host[row * width + c] * scaleOf(row),
        ),
    },
    backward: {
      work: { bytes: 3 * bytes },
      inputs: [x.tensor],
      check: (name, { dy, gradients: [dx] }) =>
        checkMatrix(name, dx, width, (row, column) => {
          const scale = scaleOf(row);
          let mean = 0;
          for (let c = 0; c < width; c++) {
            mean += weight.host[c] * dy[row * width + c] * x.host[row * width + c] / width;
          }
          const i = row * width + column;
          return scale * (weight.host[column] * dy[i] - x.host[i] * mean * scale ** 2);
        }),
    },
  }, sizes.seed + 2);
}

/** Rotary positions of heads; going back is the same the other way round. */
export function ropeTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const [rows, width] = streamShape(sizes);
  const headSize = 64, half = headSize / 2, theta = MISTRAL_7B.ropeTheta;
  const x = noiseTensor(scope, [rows, width / headSize, headSize], sizes.seed);
  const positions = scope.upload(Uint32Array.from({ length: rows }, (_, row) => row));
  const table = ropeTable(scope, { positions: rows, headSize, theta });
  return operationTrials(scope, {
    name: `rope ${rows}×${width}`,
    apply: (tape) => rope(tape, x.tensor, positions, table),
    forward: {
      work: { bytes: 2 * x.tensor.byteLength },
      check: (name, y) =>
        checkMatrix(name, y, width, (row, column) => {
          const d = column % half, isFirst = column % headSize < half;
          // As in transformers, the angle is rounded to f32.
          const angle = Math.fround(row * Math.fround(theta ** (-2 * d / headSize)));
          const i = row * width + column, sine = Math.sin(angle);
          return x.host[i] * Math.cos(angle) +
            (isFirst ? -x.host[i + half] : x.host[i - half]) * sine;
        }),
    },
  }, sizes.seed);
}

/** The gated activation. */
export function swigluTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const [rows, width] = streamShape(sizes);
  const gate = noiseTensor(scope, [rows, width], sizes.seed);
  const up = noiseTensor(scope, [rows, width], sizes.seed + 1);
  const bytes = gate.tensor.byteLength;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  return operationTrials(scope, {
    name: `swiglu ${rows}×${width}`,
    apply: (tape) => swiglu(tape, gate.tensor, up.tensor),
    forward: {
      work: { bytes: 3 * bytes },
      check: (name, y) =>
        checkMatrix(name, y, width, (row, column) => {
          const i = row * width + column, g = gate.host[i];
          return g * sigmoid(g) * up.host[i];
        }),
    },
    backward: {
      work: { bytes: 5 * bytes },
      inputs: [gate.tensor, up.tensor],
      check(name, { dy, gradients: [dGate, dUp] }) {
        checkMatrix(`${name} (gate)`, dGate, width, (row, column) => {
          const i = row * width + column, g = gate.host[i], s = sigmoid(g);
          return dy[i] * up.host[i] * s * (1 + g * (1 - s));
        });
        checkMatrix(`${name} (up)`, dUp, width, (row, column) => {
          const i = row * width + column, g = gate.host[i];
          return dy[i] * g * sigmoid(g);
        });
      },
    },
  }, sizes.seed + 2);
}

/** The loss of some rows over Mistral's vocabulary. */
export function crossEntropyTrials(scope: Scope, { rows, seed }: TrialSizes): KernelTrial[] {
  const count = Math.ceil(rows / 2), vocabulary = MISTRAL_7B.vocabularySize;
  const logits = noiseTensor(scope, [count, vocabulary], seed);
  const stream = random(seed, "targets");
  const ids = Uint32Array.from({ length: count }, () => stream.below(vocabulary));
  const targets = scope.upload(ids);
  const sumOf = (row: number) => {
    let sum = 0;
    for (let i = 0; i < vocabulary; i++) sum += Math.exp(logits.host[row * vocabulary + i]);
    return sum;
  };
  const bytes = logits.tensor.byteLength;
  return operationTrials(scope, {
    name: `cross_entropy ${count}×${vocabulary}`,
    apply: (tape) => crossEntropy(tape, logits.tensor, targets),
    forward: {
      work: { bytes },
      check: (name, losses) =>
        checkMatrix(
          name,
          losses,
          1,
          (row) => Math.log(sumOf(row)) - logits.host[row * vocabulary + ids[row]],
        ),
    },
    backward: {
      work: { bytes: 2 * bytes },
      inputs: [logits.tensor],
      check(name, { dy, gradients: [dLogits] }) {
        const gradient = (row: number, column: number) => {
          const share = Math.exp(logits.host[row * vocabulary + column]) / sumOf(row);
          return dy[row] * (share - Number(column === ids[row]));
        };
        checkMatrix(name, dLogits, vocabulary, gradient);
        const ofTargets = ids.map((id, row) => row * vocabulary + id);
        const found = Float32Array.from(ofTargets, (i) => dLogits[i]);
        checkMatrix(`${name} (targets)`, found, 1, (row) => gradient(row, ids[row]));
      },
    },
  }, seed + 1);
}

/** Rows of a bf16 table, in no order. */
export function embeddingTrials(scope: Scope, sizes: TrialSizes): KernelTrial[] {
  const [rows, width] = streamShape(sizes);
  const halves = encodeBf16(noise(rows * width, sizes.seed));
  const values = scope.upload(halves, [rows, width], { dtype: "bf16" });
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  const shape = { rows, columns: width, dtype: "bf16" } as const;
  const tokens = random(sizes.seed, "tokens").shuffle(
    Uint32Array.from({ length: rows }, (_, i) => i),
  );
  const expected = decodeBf16(halves);
  return operationTrials(scope, {
    name: `embedding ${rows}×${width} from bf16`,
    apply: (tape) => embedding(tape, { kind: "dense", name: "table", ...shape, parts }, tokens),
    forward: {
      work: { bytes: (2 + 4) * rows * width },
      check: (name, y) =>
        checkMatrix(name, y, width, (row, column) => expected[tokens[row] * width + column]),
    },
  }, sizes.seed);
}
