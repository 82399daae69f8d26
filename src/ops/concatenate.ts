/**
 * Joining vectors.
 * @module
 */
import { ShapeError } from "../errors.ts";
import { expectShape, type Tensor } from "../device/tensor.ts";
import type { Tape } from "./tape.ts";

/** The f32 vectors end to end. Throws {@linkcode ShapeError} if there are none. */
export function concatenate(tape: Tape, vectors: readonly Tensor[]): Tensor {
  if (vectors.length === 0) throw new ShapeError("Cannot concatenate: there are no vectors");
  for (const vector of vectors) expectShape("concatenate", vector, [null]);
  const { device } = tape;
  const y = tape.output([vectors.reduce((sum, { shape }) => sum + shape[0], 0)], "concatenation");
  let targetOffset = 0;
  for (const vector of vectors) {
    device.copy(vector, y, { targetOffset });
    targetOffset += vector.byteLength;
  }
  tape.record(y, vectors, (dy) => {
    using scope = device.scope("concatenation backward");
    let sourceOffset = 0;
    for (const vector of vectors) {
      const part = scope.empty(vector.shape);
      device.copy(dy, part, { sourceOffset, byteLength: part.byteLength });
      tape.accumulate(vector, part);
      sourceOffset += vector.byteLength;
    }
  });
  return y;
}
