/**
 * Tells before a download whether the disk has room for it.
 * @module
 */
import { statfs } from "node:fs/promises";
import { FormatError } from "../errors.ts";
import type { RepoCache } from "./hub_cache.ts";

/** A file that will be written. */
export interface PlannedBlob {
  readonly blob: string;
  readonly size: number;
}

/**
 * Throws {@linkcode FormatError} where the cache's disk has less room than the missing blobs need. A
 * program that may not ask (Deno's permission `sys=statfs`) learns it when the disk is full.
 */
export async function checkFreeSpace(
  { root }: RepoCache,
  blobs: readonly PlannedBlob[],
): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "sys", kind: "statfs" });
  if (state !== "granted" || blobs.length === 0) return;
  let needed = 0;
  for (const { blob, size } of blobs) needed += Math.max(0, size - await sizeOf(blob));
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new FormatError(
    `Cannot download to ${root}: ${gigabytes(needed)} are needed and ${
      gigabytes(free)
    } are free; ` +
      "free some space, or set HF_HUB_CACHE to a folder on another disk",
    { file: root },
  );
}

/** Bytes of a blob that are there already, whole or not. */
async function sizeOf(blob: string): Promise<number> {
  for (const path of [blob, `${blob}.incomplete`]) {
    const info = await Deno.stat(path).catch(() => null);
    if (info) return info.size;
  }
  return 0;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
