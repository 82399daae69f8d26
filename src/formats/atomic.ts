/**
 * Writes files and folders so that a crash, a full disk or an error leaves either the old or the new
 * content, never a part of it: everything is written beside its target under a name that ends in
 * `.tmp`, flushed to the disk, and renamed into place. What a crash leaves behind is removed by the
 * next write of the same target.
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { FormatError } from "../errors.ts";

const DISK_FULL = {
  ENOSPC: "the disk is full; free some space or choose another folder",
  EDQUOT: "this user's share of the disk is full; free some space or choose another folder",
};

const PERMISSION = "permission is denied; make the folder writable for this user or choose another";
const WRONG_KIND = "a file stands where a folder is needed, or a folder where a file is; " +
  "move it away or choose another name";

/** What the error codes of the file system mean to who wants to write. */
const REMEDIES = {
  ...DISK_FULL,
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: "the file system is read-only; choose another folder",
  EISDIR: WRONG_KIND,
  ENOTDIR: WRONG_KIND,
  EEXIST: WRONG_KIND,
  EFBIG: "the file is larger than the file system or the user's limit allows; " +
    "choose another folder",
};

/** A file that appears under its name only when it is committed. Disposing it before discards it. */
export interface AtomicFile extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes the file to the disk and renames it into place. */
  commit(): Promise<void>;
}

/**
 * Starts writing `path` piece by piece. Missing parent folders are made.
 * It, and the methods of what it returns, throw {@linkcode FormatError} where the disk is full or the
 * folder cannot be written; a file that was there stays as it was.
 */
export async function createAtomicFile(path: string): Promise<AtomicFile> {
  const target = resolve(path);
  const temporary = `${target}.tmp`;
  const file = await explain(path, async () => {
    await Deno.mkdir(dirname(target), { recursive: true });
    await removeIfPresent(temporary);
    return await Deno.open(temporary, { write: true, createNew: true });
  });
  let open = true;
  let committed = false;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    write: (bytes) => writeAll(file, bytes, path),
    commit: () =>
      explain(path, async () => {
        await file.sync();
        close();
        await Deno.rename(temporary, target);
        committed = true;
        await syncFolder(dirname(target));
      }),
    async [Symbol.asyncDispose]() {
      close();
      if (!committed) await removeIfPresent(temporary);
    },
  };
}

/** Replaces a file as a whole. Throws what {@linkcode createAtomicFile} throws. */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  await using file = await createAtomicFile(path);
  await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
  await file.commit();
}

/**
 * Replaces a folder as a whole by what `fill` writes into the temporary folder it is given.
 *
 * A folder cannot be renamed over another, so an existing one is first renamed to `<path>.old.tmp`.
 * A crash between the two renames leaves nothing under `path` itself; {@linkcode recoverDirectory},
 * which the next write calls too, puts the new folder in its place.
 *
 * Throws {@linkcode FormatError} where the disk is full or the folder cannot be written, and whatever
 * `fill` throws; a folder that was there stays as it was.
 */
export async function writeDirectoryAtomic(
  path: string,
  fill: (temporaryDirectory: string) => Promise<void>,
): Promise<void> {
  const { target, temporary, previous } = directoryNames(path);
  const replaces = await explain(path, async () => {
    await recoverDirectory(target);
    const present = await exists(target);
    // refuses a file of that name, which the rename would take away
    if (present) { for await (const _ of Deno.readDir(target)) break; }
    await removeIfPresent(temporary);
    await Deno.mkdir(temporary, { recursive: true });
    return present;
  });
  try {
    // other codes than that of a full disk may stem from what it reads
    await explain(path, () => fill(temporary), DISK_FULL);
    await explain(path, () => syncTree(temporary));
  } catch (error) {
    await removeIfPresent(temporary);
    throw error;
  }
  await explain(path, async () => {
    if (replaces) await Deno.rename(target, previous);
    await Deno.rename(temporary, target);
    await syncFolder(dirname(target));
    await removeIfPresent(previous);
  });
}

/**
 * Completes a {@linkcode writeDirectoryAtomic} that a crash cut off between its two renames. Call it
 * before reading a folder that may have been replaced. Does nothing where there is nothing to do.
 */
export async function recoverDirectory(path: string): Promise<void> {
  const { target, temporary, previous } = directoryNames(path);
  if (!await exists(previous)) return;
  if (!await exists(target)) {
    // the old folder is moved away only once the new one is complete
    await Deno.rename(await exists(temporary) ? temporary : previous, target);
    await syncFolder(dirname(target));
  }
  await removeIfPresent(previous);
}

function directoryNames(path: string) {
  const target = resolve(path);
  return { target, temporary: `${target}.tmp`, previous: `${target}.old.tmp` };
}

/**
 * Writes all of `bytes` to an open file, which messages call `path`.
 * Throws {@linkcode FormatError} where the disk is full.
 */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array, path: string): Promise<void> {
  return explain(path, async () => {
    let written = 0;
    while (written < bytes.byteLength) written += await file.write(bytes.subarray(written));
  });
}

/**
 * Runs `action`; where the file system refuses to write `path`, throws a {@linkcode FormatError} that
 * says what to do.
 */
export async function explain<T>(
  path: string,
  action: () => Promise<T>,
  remedies: Readonly<Record<string, string>> = REMEDIES,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!Object.hasOwn(remedies, code)) throw error;
    throw new FormatError(`Cannot write ${path}: ${remedies[code]}`, { file: path }, {
      cause: error,
    });
  }
}

/**
 * Makes the folder `path` if it is not there, and checks that files can be written into it.
 * Throws {@linkcode FormatError} with what to do where they cannot.
 */
export async function checkWritableFolder(path: string): Promise<void> {
  await explain(path, async () => {
    await Deno.mkdir(path, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: path, suffix: ".tmp" }));
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function removeIfPresent(path: string): Promise<void> {
  if (await exists(path)) await Deno.remove(path, { recursive: true });
}

/** Flushes every file and folder below `directory` to the disk. */
async function syncTree(directory: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory) await syncTree(path);
    else if (entry.isFile) {
      using file = await Deno.open(path, { read: true });
      await file.sync();
    }
  }
  await syncFolder(directory);
}

/** Flushes a folder's list of names, without which a rename may not survive a power cut. */
async function syncFolder(directory: string): Promise<void> {
  if (Deno.build.os === "windows") return; // a folder cannot be opened as a file there
  using folder = await Deno.open(directory, { read: true });
  await folder.sync();
}
