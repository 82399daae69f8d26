/**
 * Weights of noise for measurements.
 * @module
 */
import type { Scope, Tensor } from "../device/tensor.ts";
import { decodeBf16, encodeBf16 } from "../formats/half.ts";
import { dequantizeNf4, nf4Quantizer, nf4Tables } from "../ops/nf4.ts";
import type { DenseDType, DenseWeight, Weight } from "../ops/weight.ts";
import { noise } from "./bench_measure.ts";

/** A weight in one of the formats that products read. */
export interface BenchWeight {
  readonly format: "f32" | "bf16" | "NF4";
  readonly weight: Weight;
  /** What the weight stands for: f32 [width, width]. */
  readonly values: Tensor;
}

/** A square weight in f32. */
export function f32Weight(scope: Scope, width: number, seed: number): BenchWeight {
  const values = scope.upload(noise(width * width, seed), [width, width], { label: "w" });
  return { format: "f32", weight: denseWeight(values, "f32"), values };
}

/** A square weight in bf16. */
export function bf16Weight(scope: Scope, width: number, seed: number): BenchWeight {
  const shape = [width, width];
  const halves = encodeBf16(noise(width * width, seed));
  const stored = scope.upload(halves, shape, { dtype: "bf16", label: "w" });
  const values = scope.upload(decodeBf16(halves), shape, { label: "w" });
  return { format: "bf16", weight: denseWeight(stored, "bf16"), values };
}

/** A square weight in NF4, double-quantised. */
export async function nf4Weight(scope: Scope, width: number, seed: number): Promise<BenchWeight> {
  const { values } = f32Weight(scope, width, seed);
  const shape = { name: "w", rows: width, columns: width, dtype: "f32" } as const;
  const quantizer = nf4Quantizer(scope, { ...shape, doubleQuant: true, tables: nf4Tables(scope) });
  quantizer.append(values, width * width);
  const weight = await quantizer.finish();
  scope.release(values);
  return { format: "NF4", weight, values: dequantizeNf4(scope, weight) };
}

/** The same weight once more, elsewhere in memory. */
export function copyWeight(scope: Scope, weight: Weight): Weight {
  const copy = (tensor: Tensor) => {
    const { shape, dtype, label } = tensor;
    const target = scope.empty(shape, { dtype, label });
    scope.device.copy(tensor, target);
    return target;
  };
  if (weight.kind === "dense") {
    return {
      ...weight,
      parts: weight.parts.map((part) => ({ ...part, values: copy(part.values) })),
    };
  }
  const { codes, absmax, nested } = weight;
  return { ...weight, codes: copy(codes), absmax: copy(absmax), nested: nested && copy(nested) };
}

function denseWeight(values: Tensor, dtype: DenseDType): DenseWeight {
  const [rows, columns] = values.shape;
  const parts = [{ rowBegin: 0, rowCount: rows, values }];
  return { kind: "dense", name: "w", rows, columns, dtype, parts };
}
