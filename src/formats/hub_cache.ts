/**
 * The cache that Python's huggingface_hub keeps, laid out as it does, so that a file is downloaded
 * once for both:
 *
 * ```
 * models--OWNER--NAME/blobs/ETAG                 the content
 * models--OWNER--NAME/snapshots/COMMIT/FILE      a relative link to its blob
 * models--OWNER--NAME/refs/REVISION              the commit of a branch or tag
 * .locks/models--OWNER--NAME/ETAG.lock           held with flock by who downloads the blob
 * ```
 *
 * Source: huggingface_hub's guide "Manage your cache".
 * @module
 */
import { dirname, join, relative } from "node:path";
import { DownloadError, FormatError } from "../errors.ts";
import { type HubRepo, isCommit } from "./hub_repo.ts";

const LOCK_POLL_MS = 100;
/** A repository's part of the cache. */
export interface RepoCache {
  /** The cache of all repositories. */
  readonly root: string;
  /** `models--OWNER--NAME` or `datasets--OWNER--NAME`. */
  readonly name: string;
}

/** Where `repo` is in the cache at `root`. */
export function repoCache(root: string, { kind, id }: HubRepo): RepoCache {
  return { root, name: [`${kind}s`, ...id.split("/")].join("--") };
}

/** The folder with a commit's files. */
export function snapshotPath({ root, name }: RepoCache, commit: string): string {
  return join(root, name, "snapshots", commit);
}

/** The file with a content. Throws {@linkcode DownloadError} for an ETag that is no file name. */
export function blobPath({ root, name }: RepoCache, etag: string): string {
  if (/^\w[\w.+-]*$/.test(etag)) return join(root, name, "blobs", etag);
  throw new DownloadError(
    `Cannot cache a file of ${name}: its ETag ${JSON.stringify(etag)} cannot be a file's name; ` +
      "check HF_ENDPOINT",
  );
}

/** The commit that a revision was when it was last downloaded, or null. */
export async function cachedCommit(cache: RepoCache, revision: string): Promise<string | null> {
  if (isCommit(revision)) return revision;
  try {
    const text = await Deno.readTextFile(join(cache.root, cache.name, "refs", revision));
    return isCommit(text.trim()) ? text.trim() : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Notes the commit of a revision. */
export async function writeRef(cache: RepoCache, revision: string, commit: string): Promise<void> {
  if (isCommit(revision) || await cachedCommit(cache, revision) === commit) return;
  const path = join(cache.root, cache.name, "refs", revision);
  // A name of its own for each writer: two processes may be here at once.
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(temporary, commit);
  await Deno.rename(temporary, path);
}

/** The files below `directory`, with forward slashes; those whose blob is gone are left out. */
export async function cachedFiles(directory: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(join(directory, below))) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory) files.push(...await cachedFiles(directory, path));
      else if (await isPresent(join(directory, path))) files.push(path);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return files.sort();
}

/** Whether there is a file, not only a link that leads nowhere. */
export async function isPresent(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** Lets the snapshot's `path` show the content in `blob`. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  if (await isPresent(path)) return;
  await Deno.remove(path).catch((error) => {
    if (!isMissing(error)) throw error;
  });
  try {
    await Deno.symlink(relative(dirname(path), blob), path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists && await isPresent(path)) return;
    // Windows lets only some users make links. huggingface_hub stores the file itself there too.
    if (Deno.build.os !== "windows") throw error;
    await Deno.copyFile(blob, path);
  }
}

/**
 * Runs `action` while no other process, in this language or in Python, downloads the same blob.
 * `onWait` is called once where another one has it.
 */
export async function withBlobLock<T>(
  { root, name }: RepoCache,
  etag: string,
  { signal, onWait, action }: {
    signal?: AbortSignal;
    onWait: () => void;
    action: () => Promise<T>;
  },
): Promise<T> {
  const path = join(root, ".locks", name, `${etag}.lock`);
  await Deno.mkdir(dirname(path), { recursive: true });
  for (let waits = 0;; waits++) {
    signal?.throwIfAborted();
    // Group-writable, as huggingface_hub makes it for caches that several users share.
    using file = await Deno.open(path, { write: true, create: true, mode: 0o664 });
    // A lock on a file that was removed meanwhile keeps nobody out.
    if (await tryLock(file, path) && (await file.stat()).nlink !== 0) return await action();
    if (waits === 0) onWait();
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

async function tryLock(file: Deno.FsFile, path: string): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch (cause) {
    throw new FormatError(
      `Cannot lock ${path}: the file system has no locks; set HF_HUB_CACHE to a folder on a local ` +
        "disk",
      { file: path },
      { cause },
    );
  }
}
