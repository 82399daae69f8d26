/**
 * Brings files of a repository from the Hub into the cache.
 * @module
 */
import { dirname, join } from "node:path";
import { DownloadError } from "../errors.ts";
import { isLfsPointer } from "./byte_source.ts";
import { digestOf, downloadFile, etagValue, type RemoteFile } from "./download.ts";
import {
  blobPath,
  isPresent,
  linkBlob,
  type RepoCache,
  snapshotPath,
  withBlobLock,
} from "./hub_cache.ts";
import { checkFreeSpace } from "./hub_disk.ts";
import { type HubConnection, type HubReply, request, withRetries } from "./hub_http.ts";
import { type Asked, fileUrl, type HubRepo, nameOf } from "./hub_repo.ts";

/** What is told while files are fetched. Bytes are those of the files that were missing. */
export type HubEvent =
  | { readonly type: "progress"; readonly file: string } & ProgressCounts
  /** A request failed and is made again. */
  | {
    readonly type: "retry";
    readonly repo: string;
    readonly reason: string;
    readonly delayMs: number;
  }
  /** Another process downloads this file; it is waited for. */
  | { readonly type: "wait"; readonly file: string }
  /** The server names no digest for this file, so only its length can be checked. */
  | { readonly type: "unverified"; readonly file: string }
  /** The Hub cannot be reached, and what was downloaded earlier is used. */
  | { readonly type: "cached"; readonly repo: string; readonly reason: string };

interface ProgressCounts {
  readonly received: number;
  readonly size: number;
  readonly totalReceived: number;
  readonly totalSize: number;
}

/** A repository on the Hub and in the cache. */
export interface HubSource {
  readonly repo: HubRepo;
  readonly cache: RepoCache;
  readonly connection: HubConnection;
  readonly onEvent: (event: HubEvent) => void;
}

/**
 * Puts the files of a commit into its snapshot, where they are missing, and returns that folder.
 * Throws {@linkcode DownloadError} where one cannot be had, FormatError where the disk has no room.
 */
export async function fetchFiles(
  source: HubSource,
  commit: string,
  names: readonly string[],
): Promise<string> {
  const { cache, connection, onEvent } = source;
  const directory = snapshotPath(cache, commit);
  const missing: { name: string; remote: RemoteFile; blob: string }[] = [];
  for (const name of names) {
    if (await isPresent(join(directory, name))) continue;
    const remote = await describe(source, commit, name);
    missing.push({ name, remote, blob: blobPath(cache, remote.etag) });
  }
  const totalSize = missing.reduce((sum, { remote }) => sum + remote.size, 0);
  await checkFreeSpace(cache, missing.map(({ remote, blob }) => ({ blob, size: remote.size })));
  let before = 0;
  for (const { name, remote, blob } of missing) {
    const { size, etag } = remote;
    const report = (received: number) =>
      onEvent({
        ...{ type: "progress", file: name, received, size },
        ...{ totalReceived: before + received, totalSize },
      });
    await withBlobLock(cache, etag, {
      signal: connection.signal,
      onWait: () => onEvent({ type: "wait", file: name }),
      action: async () => {
        if (!await isPresent(blob)) {
          if (digestOf(etag, size) === null) onEvent({ type: "unverified", file: name });
          await Deno.mkdir(dirname(blob), { recursive: true });
          await downloadFile(remote, blob, { connection, onProgress: report });
          await refusePointer(blob, remote);
        }
        await linkBlob(blob, join(directory, name));
      },
    });
    report(size);
    before += size;
  }
  return directory;
}

/** Asks for a file's length and name of content, without the file. */
async function describe(
  { repo, connection }: HubSource,
  commit: string,
  file: string,
): Promise<RemoteFile> {
  const asked = { repo, file };
  const url = fileUrl(connection.endpoint, repo, commit, file);
  return await withRetries(connection, async () => {
    // Large files are elsewhere; the answer that points there has what is needed.
    const head = { asked, method: "HEAD", stayOnHost: true } as const;
    using reply = await request(connection, url, head);
    return { url, asked, ...identify(reply, commit, asked) };
  });
}

function identify(reply: HubReply, commit: string, asked: Asked) {
  const fail = (what: string) =>
    new DownloadError(
      `Cannot download ${nameOf(asked)}: ${what}; check HF_ENDPOINT, and the proxy if there is one`,
    );
  const moved = reply.hubHeader("x-repo-commit");
  if (moved !== null && moved !== commit) {
    throw fail(`asked for commit ${commit}, the server answers with ${moved}`);
  }
  const etag = reply.hubHeader("x-linked-etag") ?? reply.header("etag");
  if (etag === null) throw fail("the server does not name its content (no ETag)");
  // The length of a redirect is that of its own text.
  const length = reply.hubHeader("x-linked-size") ??
    (reply.status === 200 ? reply.header("content-length") : null);
  if (length === null || !/^\d+$/.test(length)) throw fail("the server does not tell its length");
  return { etag: etagValue(etag), size: Number(length) };
}

/** A pointer that was uploaded in place of its file is right by its digest, but of no use. */
async function refusePointer(blob: string, { asked, size }: RemoteFile): Promise<void> {
  if (size > 1024 || !isLfsPointer(await Deno.readFile(blob))) return;
  await Deno.remove(blob);
  throw new DownloadError(
    `Cannot download ${
      nameOf(asked)
    }: the repository has a Git-LFS pointer in place of the file; ` +
      "tell its owner, or use another revision",
  );
}
