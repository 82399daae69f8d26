/**
 * Reads a database file for SQLite, and says clearly what is wrong with one.
 * @module
 */
import { FormatError } from "../errors.ts";
import type { ReadOnlyFile } from "./host.ts";
import { applyLog } from "./wal.ts";

const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
/** How a journal begins that still has changes to take back. */
const JOURNAL_MAGIC = "d9d505f920a163d7";

/** A database file that is there. */
export interface DatabaseFile {
  /** Without symbolic links. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The write-ahead log beside it, if there is one with content. */
  readonly log?: { readonly path: string; readonly size: number };
}

/**
 * Finds a database file and its log. Throws a {@linkcode FormatError} where it is missing or no file,
 * or where a program that was writing it did not end well.
 */
export async function findDatabase(path: string): Promise<DatabaseFile> {
  const fault = (what: string) => new FormatError(`Cannot open ${path}: ${what}`, { file: path });
  // SQLite writes its logs beside the file itself, not beside a link to it.
  const file = await found(path, () => Deno.realPath(path));
  if (file === null) throw fault("there is no such file; check the path");
  const beside = async (suffix: string) => {
    const other = `${file}-${suffix}`;
    const info = await found(path, () => Deno.stat(other));
    if (info && !info.isFile) throw fault(`${other} beside it is no file; move it away`);
    return info && { path: other, size: info.size };
  };
  const info = await found(path, () => Deno.stat(file));
  if (!info?.isFile) throw fault("it is no file; name the database file itself");
  const journal = await beside("journal");
  if (journal && (await readStart(journal.path, 8)).toHex() === JOURNAL_MAGIC) {
    throw fault(
      `the program that was writing it did not end well, as ${journal.path} beside it says; ` +
        "open it once with a program that may write it, so that SQLite can repair it",
    );
  }
  const log = await beside("wal");
  return { path: file, size: info.size, log: log && log.size > 0 ? log : undefined };
}

/** The bytes of a database with those of its log applied. Throws as {@linkcode checkHeader}. */
export async function readDatabase(
  { path, size, log }: DatabaseFile,
): Promise<Uint8Array<ArrayBuffer>> {
  checkHeader(await readStart(path, HEADER_BYTES), { size, file: path });
  const image = await readable(path, () => Deno.readFile(path));
  return log ? applyLog(image, await readable(log.path, () => Deno.readFile(log.path))) : image;
}

/** The first bytes of a file. */
export function readStart(path: string, length: number): Promise<Uint8Array> {
  return readable(path, async () => {
    using file = await Deno.open(path);
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await file.read(bytes) ?? 0);
  });
}

/** The version numbers of the header at 1 say that there is no log; a caller has looked for one. */
const VERSION_OFFSETS = [18, 19];

/** Opens a database file that has no log, to be read where SQLite needs it. The caller closes it. */
export function openReadOnly(path: string): ReadOnlyFile & { close(): void } {
  const file = Deno.openSync(path);
  return {
    size: file.statSync().size,
    read(into, offset) {
      let total = 0;
      try {
        file.seekSync(offset, Deno.SeekMode.Start);
        while (total < into.length) {
          const read = file.readSync(into.subarray(total));
          if (read === null) break;
          total += read;
        }
      } catch {
        return null;
      }
      for (const at of VERSION_OFFSETS) {
        if (at >= offset && at < offset + total) into[at - offset] = 1;
      }
      return total;
    },
    close: () => file.close(),
  };
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw systemFault(path, error);
  }
}

/** What `look` finds, or null where there is nothing. */
async function found<T>(path: string, look: () => Promise<T>): Promise<T | null> {
  try {
    return await look();
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (missing) return null;
    throw systemFault(path, error);
  }
}

// What the system says of a path, by its code. All else, such as a permission that Deno was not
// given, is returned as it is.
function systemFault(path: string, error: unknown): unknown {
  const { code, message } = error as Error & { code?: string };
  if (!(error instanceof Error) || code === undefined) return error;
  const what = SYSTEM_FAULTS[code] ?? `${message}; check the path`;
  return new FormatError(`Cannot open ${path}: ${what}`, { file: path }, { cause: error });
}

const SYSTEM_FAULTS: Readonly<Record<string, string>> = {
  EACCES: "the file may not be read; change its permissions",
  EINVAL: "a path has no NUL character; check the path",
  ELOOP: "its symbolic links lead in a circle; check the path",
};

/**
 * Checks the first bytes of a database file of `size` bytes. Throws a {@linkcode FormatError} where it
 * is empty, cut off, or something else. The header:
 * https://www.sqlite.org/fileformat.html#the_database_header.
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
  if (size < HEADER_BYTES) throw fault(`it has only ${size} bytes; fetch it again`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const stored = view.getUint16(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    throw fault(`its header is damaged (a page of ${pageSize} bytes); fetch it again`);
  }
  if (view.getUint32(56) > 1) {
    throw fault("its text is UTF-16; convert it with `sqlite3 old.db .dump | sqlite3 new.db`");
  }
  // The header's count of pages holds only if its two change counters agree.
  const pages = view.getUint32(24) === view.getUint32(92) ? view.getUint32(28) : 0;
  if (size < pages * pageSize) {
    throw fault(`it has ${size} of ${pages * pageSize} bytes; fetch it again`);
  }
}
