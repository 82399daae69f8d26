/**
 * Random access to the bytes of a file: all that the format readers know of the outside world. The shape of the interface is hyparquet's `AsyncBuffer`.
 * @module
 */
import { FormatError } from "../errors.ts";

/** Bytes that can be read in any order. */
export interface ByteSource {
  /** The path, or what messages call the bytes. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * A copy of the bytes from `start` up to, not including, `end` (default: the end).
   * Rejects with {@linkcode FormatError} where the source does not have them all.
   */
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Git-LFS pointers are smaller than this by their specification. */
const LFS_POINTER_LIMIT = 1024;
const LFS_POINTER_START = "version https://git-lfs.github.com/spec/";

/**
 * Opens a regular file for random access; `using` closes it.
 * Throws {@linkcode FormatError} where it is missing, unreadable, not a regular file, or a Git-LFS
 * pointer in place of the file.
 */
export async function openFile(path: string): Promise<ByteSource & Disposable> {
  using stack = new DisposableStack();
  const { file, byteLength } = await open(path, stack);
  const source: ByteSource = {
    name: path,
    byteLength,
    // deno-lint-ignore require-await
    async slice(start, end = byteLength) {
      checkRange(source, start, end);
      const bytes = new Uint8Array(end - start);
      readAt(file, start, bytes, path);
      return bytes.buffer;
    },
  };
  if (byteLength < LFS_POINTER_LIMIT && isLfsPointer(new Uint8Array(await source.slice(0)))) {
    throw lfsPointerError(path);
  }
  const owner = stack.move();
  return { ...source, [Symbol.dispose]: () => owner.dispose() };
}

/** Whether the bytes of a file are a Git-LFS pointer, which stands for a file kept elsewhere. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  return bytes.byteLength < LFS_POINTER_LIMIT &&
    new TextDecoder().decode(bytes).startsWith(LFS_POINTER_START);
}

/** The error for a pointer in place of the file at `path`. */
export function lfsPointerError(path: string): FormatError {
  return new FormatError(
    `Cannot read ${path}: it is a Git-LFS pointer, not the file itself; run \`git lfs pull\` in ` +
      "its folder, or fetch it from the Hub again",
    { file: path },
  );
}

async function open(path: string, stack: DisposableStack) {
  try {
    // Asked first, for opening a named pipe would wait for who writes to it.
    if ((await Deno.stat(path)).isFile) {
      const file = stack.use(await Deno.open(path, { read: true }));
      return { file, byteLength: (await file.stat()).size };
    }
  } catch (error) {
    const reason = openFailure(error);
    if (!reason) throw error;
    throw new FormatError(`Cannot open ${path}: ${reason}`, { file: path }, { cause: error });
  }
  throw new FormatError(`Cannot open ${path}: it is not a file; give the path of a file`, {
    file: path,
  });
}

function openFailure(error: unknown): string | null {
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
    return "there is no such file; check the path";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission is denied; make the file readable for this user";
  }
  if (error instanceof Deno.errors.FilesystemLoop) {
    return "its links lead in a circle; give the path of a file";
  }
  return null;
}

/**
 * Fills `bytes` from `offset`. Seeking and reading are synchronous, because a file has one position
 * and two slices may be under way at once.
 */
function readAt(file: Deno.FsFile, offset: number, bytes: Uint8Array, path: string): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < bytes.byteLength) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) {
      throw new FormatError(
        `Cannot read ${path}: it ended at byte ${offset + filled}, ` +
          `${bytes.byteLength - filled} bytes early; it was shortened while open, write it again`,
        { file: path, offset: offset + filled },
      );
    }
    filled += count;
  }
}

function checkRange(source: ByteSource, start: number, end: number): void {
  const valid = Number.isSafeInteger(start) && Number.isSafeInteger(end) &&
    0 <= start && start <= end && end <= source.byteLength;
  if (valid) return;
  throw new FormatError(
    `Cannot read bytes ${start} to ${end} of ${source.name}: it has ${source.byteLength} bytes; ` +
      "the file may be truncated, fetch it again",
    { file: source.name, offset: start },
  );
}
