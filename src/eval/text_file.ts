/**
 * Reads whole text files.
 * @module
 */
import { FormatError } from "../errors.ts";

/** The text of a file in UTF-8. Throws {@linkcode FormatError} where it cannot be read as that. */
export async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : String(cause);
    throw new FormatError(`Cannot read ${path}: ${reason}; check the path`, { file: path }, {
      cause,
    });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(
      `Cannot read ${path}: it is not valid UTF-8; save the file as UTF-8`,
      { file: path },
      { cause },
    );
  }
}
