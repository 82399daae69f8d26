/**
 * Fetches one file whose length and digest are known: continues what an earlier try left, checks
 * every byte, and lets the file appear under its name only when it is whole and right.
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { DownloadError } from "../errors.ts";
import { writeAll } from "./atomic.ts";
import { type HubConnection, type HubReply, request, withRetries } from "./hub_http.ts";
import { type Asked, nameOf } from "./hub_repo.ts";

/** A file on a server. */
export interface RemoteFile {
  readonly url: string;
  readonly asked: Asked;
  /** In bytes. */
  readonly size: number;
  /** The name of its content: see {@linkcode digestOf}. */
  readonly etag: string;
}

/** Settings of {@linkcode downloadFile}. */
export interface DownloadOptions {
  readonly connection: HubConnection;
  /** Called with the bytes that are there, first with those of an earlier try. */
  readonly onProgress?: (received: number) => void;
}

const READ_BYTES = 1 << 20;
const REMEDY = "the file was removed; run it again, and if that does not help, ask who runs the " +
  "server or a proxy on the way";

/**
 * How a file is checked: the Hub names large files by their SHA-256 and small ones by the SHA-1 of
 * Git's blob, that is of `blob LENGTH\0` and the content. Null for names that are neither.
 */
export function digestOf(etag: string, size: number): Hash | null {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash("sha256");
  if (/^[0-9a-f]{40}$/.test(etag)) return createHash("sha1").update(`blob ${size}\0`);
  return null;
}

/**
 * Downloads `remote` to `target`, by way of `<target>.incomplete`, which stays where the download is
 * cut or aborted, and is continued by the next one. One process at a time may do this for a target.
 * Throws {@linkcode DownloadError} where the server refuses it or fails for good, or sends a file of
 * another length or content, which is removed; FormatError where the disk is full.
 */
export async function downloadFile(
  remote: RemoteFile,
  target: string,
  { connection, onProgress = () => {} }: DownloadOptions,
): Promise<void> {
  const partial = `${target}.incomplete`;
  try {
    using file = await openPartial(partial, remote, connection.signal);
    let resumed = file.position > 0;
    while (true) {
      onProgress(file.position);
      await fetchInto(file, remote, { connection, onProgress });
      const received = file.digest();
      if (received === null || received === remote.etag) break;
      // What an earlier process left may be damaged: a power cut can leave zeros.
      if (!resumed) throw wrongContent(remote, received);
      resumed = false;
      await file.restart();
    }
    await file.sync();
  } catch (error) {
    if (error instanceof DownloadError && error.expected !== undefined) await Deno.remove(partial);
    throw error;
  }
  await Deno.rename(partial, target);
}

/** A file under way. */
interface Partial extends Disposable {
  readonly position: number;
  write(bytes: Uint8Array): Promise<void>;
  restart(): Promise<void>;
  /** Of all bytes, or null for a file whose name is no digest. Once after each start. */
  digest(): string | null;
  sync(): Promise<void>;
}

async function openPartial(
  path: string,
  { etag, size }: RemoteFile,
  signal?: AbortSignal,
): Promise<Partial> {
  using cleanup = new DisposableStack();
  const file = cleanup.use(await Deno.open(path, { read: true, write: true, create: true }));
  let hash = digestOf(etag, size);
  let position = 0;
  const restart = async () => {
    await file.truncate(0);
    await file.seek(0, Deno.SeekMode.Start);
    hash = digestOf(etag, size);
    position = 0;
  };
  const left = (await file.stat()).size;
  if (left > size) await restart();
  else {
    const buffer = new Uint8Array(READ_BYTES);
    while (position < left) {
      signal?.throwIfAborted();
      const count = await file.read(buffer.subarray(0, left - position));
      if (count === null) break;
      hash?.update(buffer.subarray(0, count));
      position += count;
    }
  }
  const owner = cleanup.move();
  return {
    get position() {
      return position;
    },
    async write(bytes) {
      const written = writeAll(file, bytes, path);
      hash?.update(bytes); // while the disk is at work
      await written;
      position += bytes.byteLength;
    },
    restart,
    digest: () => hash?.digest("hex") ?? null,
    sync: () => file.sync(),
    [Symbol.dispose]: () => owner.dispose(),
  };
}

/** Brings `file` to its full length, in as many requests as that takes. */
async function fetchInto(
  file: Partial,
  remote: RemoteFile,
  { connection, onProgress }: Required<DownloadOptions>,
): Promise<void> {
  const { url, asked, size } = remote;
  let furthest = file.position;
  await withRetries(connection, async (progressed) => {
    const from = file.position;
    if (from === size) return;
    const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
    const accept = from > 0 ? [206, 416] : [];
    using reply = await request(connection, url, { asked, headers, accept });
    await checkReply(reply, file, remote);
    for await (const bytes of reply.body) {
      if (file.position + bytes.byteLength > size) {
        throw wrongLength(remote, `${file.position + bytes.byteLength} or more`);
      }
      await file.write(bytes);
      if (file.position > furthest) {
        furthest = file.position;
        progressed();
      }
      onProgress(file.position);
    }
    if (file.position < size) {
      throw new DownloadError(
        `Cannot download ${
          nameOf(asked)
        }: the connection ended after ${file.position} of ${size} ` +
          "bytes; check the network and run it again, it goes on from there",
        { retryable: true },
      );
    }
  });
}

/** Sees to it that what `reply` brings belongs to `remote` and goes where `file` stands. */
async function checkReply(reply: HubReply, file: Partial, remote: RemoteFile): Promise<void> {
  const named = reply.hubHeader("x-linked-etag");
  if (named !== null && etagValue(named) !== remote.etag) {
    throw new DownloadError(
      `Cannot download ${nameOf(remote.asked)}: the server now names other content ` +
        `(${etagValue(named)}, not ${remote.etag}); run it again`,
    );
  }
  if (reply.status === 200) {
    const length = reply.header("content-length");
    const encoded = reply.header("content-encoding") ?? "identity";
    if (length !== null && encoded === "identity" && Number(length) !== remote.size) {
      throw wrongLength(remote, length);
    }
    // The server ignores ranges.
    if (file.position > 0) await file.restart();
    return;
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(reply.header("content-range") ?? "");
  if (reply.status === 206 && range !== null && Number(range[1]) === file.position) {
    if (range[2] !== "*" && Number(range[2]) !== remote.size) throw wrongLength(remote, range[2]);
    return;
  }
  const position = file.position;
  await file.restart();
  throw new DownloadError(
    `Cannot download ${nameOf(remote.asked)}: the server does not go on at byte ${position} ` +
      `(status ${reply.status}, Content-Range ${reply.header("content-range")}); run it again`,
    { status: reply.status, retryable: true },
  );
}

function wrongLength({ asked, size }: RemoteFile, received: string): DownloadError {
  return new DownloadError(
    `Cannot download ${nameOf(asked)}: expected ${size} bytes, got ${received}; ${REMEDY}`,
    { expected: String(size), received },
  );
}

function wrongContent({ asked, etag }: RemoteFile, received: string): DownloadError {
  const name = etag.length === 64 ? "SHA-256" : "Git's SHA-1";
  return new DownloadError(
    `Cannot download ${nameOf(asked)}: expected ${name} ${etag}, got ${received}; ${REMEDY}`,
    { expected: etag, received },
  );
}

/** The name in an ETag header: without the marks of a weak one and its quotes. */
export function etagValue(header: string): string {
  return header.replace(/^W\//, "").replaceAll('"', "");
}
