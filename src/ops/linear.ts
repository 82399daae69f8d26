/**
 * The linear layer: a dense or NF4 weight, with or without a LoRA adapter.
 * @module
 */
import { expectShape, type Scope, type Tensor } from "../device/tensor.ts";
import {
  multiplyByWeight,
  multiplyByWeightTransposed,
  multiplyTransposed,
  SharedRows,
} from "./matmul.ts";
import { applyDropout, type Dropout } from "./noise.ts";
import type { Tape } from "./tape.ts";
import type { DenseWeight, Weight } from "./weight.ts";

/** A low-rank update of a weight [O, I]: `scaling · B · A`. */
export interface LoraPair {
  /** f32 [R, I]. */
  readonly a: Tensor;
  /** f32 [O, R]. */
  readonly b: Tensor;
  readonly rank: number;
  /** lora_alpha / R, or lora_alpha / √R with rank-stabilised LoRA. */
  readonly scaling: number;
  /** Zeroes inputs of the update in training; null at inference. */
  readonly dropout: Dropout | null;
}

/** A weight [O, I] and its update. `lora` changes when an adapter is attached or taken off. */
export interface Linear {
  readonly weight: Weight;
  lora: LoraPair | null;
}

/** What else a linear layer is told. */
export interface LinearOptions {
  /** Added to the result: f32 [N, O]. */
  readonly residual?: Tensor;
  /**
   * The result is the block's own (see {@linkcode Tape.checkpoint}), which nothing else in the block
   * reads. Its values are then not computed again for the backward pass.
   */
  readonly isBlockResult?: boolean;
}

/**
 * `y = x · Wᵀ + scaling · (dropout(x) · Aᵀ) · Bᵀ + residual` for `x` [N, I]: f32 [N, O].
 * Throws ShapeError. Source: Hu et al. 2021, arXiv:2106.09685.
 */
export function linear(
  tape: Tape,
  x: Tensor,
  layer: Linear,
  { residual, isBlockResult = false }: LinearOptions = {},
): Tensor {
  const { weight, lora } = layer;
  expectShape(weight.name, x, [null, weight.columns]);
  const { device } = tape;
  const rows = x.shape[0];
  const y = tape.output([rows, weight.rows], weight.name);
  if (residual) expectShape(`${weight.name} residual`, residual, y.shape);
  const wanted = !(isBlockResult && tape.skipsResult(y));
  using shared = new SharedRows(device, x);
  if (wanted) {
    if (residual) device.copy(residual, y);
    multiplyByWeight(device, { x: shared, weight, c: y }, { accumulate: residual ? 1 : 0 });
  }
  const inputs = [x, ...(residual ? [residual] : []), ...trainableParts(weight)];
  const backward = (dy: SharedRows) => {
    if (residual) tape.accumulate(residual, dy.x);
    backwardThroughWeight(tape, x, weight, dy);
  };
  if (!lora) {
    tape.record(y, inputs, (dy) => {
      using rows = new SharedRows(device, dy);
      backward(rows);
    });
    return y;
  }
  expectShape(`${weight.name} lora_A`, lora.a, [lora.rank, weight.columns]);
  expectShape(`${weight.name} lora_B`, lora.b, [weight.rows, lora.rank]);
  const a = asWeight(lora.a, "lora_A"), b = asWeight(lora.b, "lora_B");
  const dropout = lora.dropout && { ...lora.dropout, begin: tape.firstRow * weight.columns };
  const hidden = tape.output([rows, lora.rank], `${weight.name} lora hidden`);
  if (dropout) {
    using scope = device.scope("lora input");
    multiplyByWeight(device, { x: loraInput(scope, x, dropout), weight: a, c: hidden });
  } else multiplyByWeight(device, { x: shared, weight: a, c: hidden });
  if (wanted) {
    const operands = { x: hidden, weight: b, c: y };
    multiplyByWeight(device, operands, { alpha: lora.scaling, accumulate: 1 });
  }
  tape.record(y, [...inputs, lora.a, lora.b], (dy) => {
    using scope = device.scope("lora backward");
    const dHidden = scope.empty(hidden.shape);
    {
      using rows = new SharedRows(device, dy);
      backward(rows);
      multiplyByWeightTransposed(device, { x: rows, weight: b, c: dHidden }, {
        alpha: lora.scaling,
      });
    }
    const dB = tape.gradientTarget(lora.b);
    if (dB) {
      const operands = { a: dy, b: hidden, c: dB.tensor };
      multiplyTransposed(device, operands, { alpha: lora.scaling, accumulate: dB.accumulate });
    }
    const dA = tape.gradientTarget(lora.a);
    if (dA) {
      // The masked input is made again rather than kept.
      const operands = { a: dHidden, b: loraInput(scope, x, dropout), c: dA.tensor };
      multiplyTransposed(device, operands, { accumulate: dA.accumulate });
    }
    const dx = tape.gradientTarget(x);
    if (!dx) return;
    const { tensor, accumulate } = dx;
    if (!dropout) {
      multiplyByWeightTransposed(device, { x: dHidden, weight: a, c: tensor }, { accumulate });
      return;
    }
    const dInput = scope.empty(x.shape);
    multiplyByWeightTransposed(device, { x: dHidden, weight: a, c: dInput });
    applyDropout(device, { x: dInput, y: tensor, accumulate, ...dropout });
  });
  return y;
}

/** Gradients of `x` and of a trainable weight from `y = x · Wᵀ`. */
function backwardThroughWeight(tape: Tape, x: Tensor, weight: Weight, dy: SharedRows): void {
  const { device } = tape;
  const dx = tape.gradientTarget(x);
  if (dx) {
    const operands = { x: dy, weight, c: dx.tensor };
    multiplyByWeightTransposed(device, operands, { accumulate: dx.accumulate });
  }
  if (weight.kind !== "dense") return;
  for (const { values, rowBegin } of weight.parts) {
    const target = tape.gradientTarget(values);
    if (!target) continue;
    const operands = { a: dy.x, aColumn: rowBegin, b: x, c: target.tensor };
    multiplyTransposed(device, operands, { accumulate: target.accumulate });
  }
}

function loraInput(scope: Scope, x: Tensor, dropout: Dropout | null): Tensor {
  if (!dropout) return x;
  const y = scope.empty(x.shape);
  applyDropout(scope.device, { x, y, ...dropout });
  return y;
}

function trainableParts(weight: Weight): Tensor[] {
  return weight.kind === "dense" ? weight.parts.map((part) => part.values) : [];
}

function asWeight(values: Tensor, name: string): DenseWeight {
  const [rows, columns] = values.shape;
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  return { kind: "dense", name, rows, columns, dtype: "f32", parts };
}
