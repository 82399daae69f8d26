/**
 * The linear layer: a dense or NF4 weight, with or without a LoRA adapter.
 * @module
 */
import { expectShape, type Scope, type Tensor } from "../device/tensor.ts";
import { multiplyByWeight, multiplyByWeightTransposed, multiplyTransposed } from "./matmul.ts";
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

/**
 * `y = x · Wᵀ + scaling · (dropout(x) · Aᵀ) · Bᵀ` for `x` [N, I]: f32 [N, O].
 * Throws ShapeError. Source: Hu et al. 2021, arXiv:2106.09685.
 */
export function linear(tape: Tape, x: Tensor, layer: Linear): Tensor {
  const { weight, lora } = layer;
  expectShape(weight.name, x, [null, weight.columns]);
  const { device } = tape;
  const rows = x.shape[0];
  const y = tape.output([rows, weight.rows], weight.name);
  multiplyByWeight(device, { x, weight, c: y });
  if (!lora) {
    tape.record(y, [x, ...trainableParts(weight)], (dy) => {
      backwardThroughWeight(tape, x, weight, dy);
    });
    return y;
  }
  expectShape(`${weight.name} lora_A`, lora.a, [lora.rank, weight.columns]);
  expectShape(`${weight.name} lora_B`, lora.b, [weight.rows, lora.rank]);
  const a = asWeight(lora.a, "lora_A"), b = asWeight(lora.b, "lora_B");
  const hidden = tape.output([rows, lora.rank], `${weight.name} lora hidden`);
  {
    using scope = device.scope("lora input");
    const input = loraInput(scope, x, lora.dropout);
    multiplyByWeight(device, { x: input, weight: a, c: hidden });
  }
  multiplyByWeight(device, { x: hidden, weight: b, c: y }, { alpha: lora.scaling, accumulate: 1 });
  tape.record(y, [x, lora.a, lora.b, ...trainableParts(weight)], (dy) => {
    backwardThroughWeight(tape, x, weight, dy);
    using scope = device.scope("lora backward");
    const dB = tape.gradientTarget(lora.b);
    if (dB) {
      const operands = { a: dy, b: hidden, c: dB.tensor };
      multiplyTransposed(device, operands, { alpha: lora.scaling, accumulate: dB.accumulate });
    }
    const dHidden = scope.empty(hidden.shape);
    multiplyByWeightTransposed(device, { x: dy, weight: b, c: dHidden }, { alpha: lora.scaling });
    const dA = tape.gradientTarget(lora.a);
    if (dA) {
      // The masked input is made again rather than kept.
      const operands = { a: dHidden, b: loraInput(scope, x, lora.dropout), c: dA.tensor };
      multiplyTransposed(device, operands, { accumulate: dA.accumulate });
    }
    const dx = tape.gradientTarget(x);
    if (!dx) return;
    const { tensor, accumulate } = dx;
    if (!lora.dropout) {
      multiplyByWeightTransposed(device, { x: dHidden, weight: a, c: tensor }, { accumulate });
      return;
    }
    const dInput = scope.empty(x.shape);
    multiplyByWeightTransposed(device, { x: dHidden, weight: a, c: dInput });
    applyDropout(device, { x: dInput, y: tensor, accumulate, ...lora.dropout });
  });
  return y;
}

/** Gradients of `x` and of a trainable weight from `y = x · Wᵀ`. */
function backwardThroughWeight(tape: Tape, x: Tensor, weight: Weight, dy: Tensor): void {
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
    const operands = { a: dy, aColumn: rowBegin, b: x, c: target.tensor };
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
