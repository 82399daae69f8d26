/**
 * The architectures, by the `model_type` of `config.json`.
 * @module
 */
import { FormatError } from "../errors.ts";
import { mistral } from "./mistral.ts";
import type { Architecture } from "./network.ts";

const architectures: readonly Architecture[] = [mistral];

/**
 * The architecture of that name, which `file` asks for. Throws {@linkcode FormatError} listing those
 * there are.
 */
export function architectureOf(modelType: string, file: string): Architecture {
  const found = architectures.find((architecture) => architecture.modelType === modelType);
  if (found) return found;
  const known = architectures.map((architecture) => architecture.modelType).join(", ");
  throw new FormatError(
    `Cannot use ${file}: its model_type is "${modelType}", supported are ${known}; ` +
      "choose such a base model",
    { file },
  );
}
