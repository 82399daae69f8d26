/**
 * The weights of a model that has learned nothing yet.
 * @module
 */
import { random } from "../data/random.ts";
import { encodeBf16 } from "../formats/half.ts";
import type { SafetensorsEntry } from "../formats/safetensors.ts";
import type { ModelConfig } from "./config.ts";
import { tensorShapes } from "./tensor_shapes.ts";

/**
 * The weights as bf16, as transformers initialises a Mistral model: matrices of normal numbers around
 * 0 with the standard deviation `spread` (its `initializer_range`), which follow from `seed` and the
 * name of each; norms 1.
 */
export function randomWeights(
  config: ModelConfig,
  { seed, spread }: { readonly seed: number; readonly spread: number },
): SafetensorsEntry[] {
  return tensorShapes(config).map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const { normal } = random(seed, "initial weights", name.replace(/\.weight$/, ""));
    const value = shape.length === 1 ? () => 1 : () => normal() * spread;
    const values = Float32Array.from({ length }, value);
    return { name, dtype: "BF16", shape, bytes: new Uint8Array(encodeBf16(values).buffer) };
  });
}
