/**
 * Looks at a database file before SQLite does, to say clearly what is wrong with it.
 * @module
 */
import { FormatError } from "../errors.ts";

const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;

/**
 * The size of a database file. Throws a {@linkcode FormatError} where it is missing or no file, or
 * where changes to it are still in a journal beside it.
 */
export async function checkFile(path: string): Promise<number> {
  const info = await statOrNull(path);
  const fault = (what: string) => new FormatError(`Cannot open ${path}: ${what}`, { file: path });
  if (!info) throw fault("there is no such file; check the path");
  if (!info.isFile) throw fault("it is no file; name the database file itself");
  for (const ending of ["-wal", "-journal"]) {
    const journal = await statOrNull(path + ending);
    if (!journal || journal.size === 0) continue;
    throw fault(
      `${path}${ending} beside it holds changes that are not in it yet; ` +
        `open and close it once with a program that may write it`,
    );
  }
  return info.size;
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Checks the first bytes of a database file of `size` bytes. Throws a {@linkcode FormatError} where it
 * is empty, cut off, or something else. The header: https://www.sqlite.org/fileformat.html#the_database_header.
 */
export function checkHeader(
  header: Uint8Array,
  { size, file }: { size: number; file?: string },
): void {
  const fault = (what: string) =>
    new FormatError(`Cannot open ${file ?? "the database"}: ${what}`, { file });
  if (size === 0) throw fault("the file is empty; fetch it again");
  const start = String.fromCharCode(...header.subarray(0, 40));
  if (start.startsWith("version https://git-lfs")) {
    throw fault("it is a Git-LFS pointer, not the database; fetch it with `git lfs pull`");
  }
  if (!start.startsWith(MAGIC)) {
    throw fault(
      `it is no SQLite database (it begins with ${JSON.stringify(start.slice(0, 16))}); ` +
        "check the path",
    );
  }
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (size < HEADER_BYTES) throw fault(`it has only ${size} bytes; fetch it again`);
  const stored = view.getUint16(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    throw fault(`its header is damaged (a page of ${pageSize} bytes); fetch it again`);
  }
  // The header's count of pages holds only if its two change counters agree.
  const pages = view.getUint32(24) === view.getUint32(92) ? view.getUint32(28) : 0;
  if (size < pages * pageSize) {
    throw fault(`it has ${size} of ${pages * pageSize} bytes; fetch it again`);
  }
}
