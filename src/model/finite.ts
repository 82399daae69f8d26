/**
 * Keeps weights that are no numbers from being saved.
 * @module
 */
import { TrainingError } from "../errors.ts";

/**
 * Passes on the bytes of an f32 tensor, in pieces of whole elements. Throws {@linkcode TrainingError}
 * at an element that is NaN or infinite.
 */
export async function* finiteOnly(
  name: string,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    const { buffer, byteOffset, byteLength } = byteOffsetAligned(piece);
    const bad = new Float32Array(buffer, byteOffset, byteLength / 4).find((value) =>
      !Number.isFinite(value)
    );
    if (bad !== undefined) {
      throw new TrainingError(
        `Cannot save ${name}: it has the value ${bad}, so the training has diverged; nothing was ` +
          "overwritten; lower --learning_rate and start again, or resume from an earlier checkpoint",
      );
    }
    yield piece;
  }
}

function byteOffsetAligned(piece: Uint8Array): Uint8Array {
  return piece.byteOffset % 4 === 0 ? piece : piece.slice();
}
