/**
 * Models and data sets by their names on the Hugging Face Hub, downloaded once into the cache that
 * Python's huggingface_hub keeps. Nothing here reads the environment: who calls it says where the
 * cache is and which token to send.
 * @module
 */
import { join } from "node:path";
import { DownloadError } from "../errors.ts";
import { explain } from "./atomic.ts";
import {
  cachedCommit,
  cachedFiles,
  type RepoCache,
  repoCache,
  snapshotPath,
  writeRef,
} from "./hub_cache.ts";
import { fetchFiles, type HubEvent, type HubSource } from "./hub_fetch.ts";
import { type HubConnection, request, withRetries } from "./hub_http.ts";
import { isCompleteModel, modelFiles, modelShards } from "./hub_model.ts";
import {
  checkEndpoint,
  checkToken,
  type HubRepo,
  isCommit,
  nameOf,
  parseHubName,
  parseRevisionInfo,
  type RevisionInfo,
  revisionUrl,
} from "./hub_repo.ts";

export type { HubEvent };

/** Settings of {@linkcode downloadModel} and {@linkcode downloadDataset}. */
export interface HubOptions extends Omit<HubConnection, "endpoint" | "onRetry"> {
  /** The folder of all cached repositories, `~/.cache/huggingface/hub` by convention. */
  readonly cacheDirectory: string;
  /** Default `https://huggingface.co`. */
  readonly endpoint?: string;
  /** Make no request; use what is in the cache. */
  readonly offline?: boolean;
  readonly onEvent?: (event: HubEvent) => void;
}

/** A revision's files on this machine. */
export interface HubSnapshot {
  readonly directory: string;
  readonly commit: string;
  /** Relative to `directory`, with forward slashes. */
  readonly files: readonly string[];
}

/** The public Hub. */
export const HUB_ENDPOINT = "https://huggingface.co";

/**
 * Downloads what this library uses of the model `OWNER/NAME` or `OWNER/NAME@REVISION`: its
 * configuration, tokenizer and safetensors, each only where the cache does not have it.
 *
 * Where the Hub cannot be reached, a model that the cache has as a whole is used. Throws
 * {@linkcode DownloadError} where it cannot be had, FormatError where the disk is full or the cache
 * cannot be written, ConfigError for a name or address that can be none, the signal's reason where it
 * is aborted. What was downloaded until then stays and is continued by the next call.
 */
export async function downloadModel(name: string, options: HubOptions): Promise<HubSnapshot> {
  return await download(parseHubName("model", name), options, {
    isComplete: isCompleteModel,
    fetch: async (source, info) => {
      const files = modelFiles(source.repo, info.files);
      const directory = await fetchFiles(source, info.commit, files);
      const shards = await modelShards(source.repo, directory, info.files);
      await fetchFiles(source, info.commit, shards);
      return [...files, ...shards];
    },
  });
}

/**
 * Downloads the files of the data set `OWNER/NAME` or `OWNER/NAME@REVISION` whose paths `select`
 * accepts; by default all but `.gitattributes`. Throws what {@linkcode downloadModel} throws, and
 * {@linkcode DownloadError} where no file is selected.
 *
 * Without the Hub, the selected files that the cache has are returned; it cannot tell whether there
 * are others.
 */
export async function downloadDataset(
  name: string,
  options: HubOptions & { readonly select?: (file: string) => boolean },
): Promise<HubSnapshot> {
  const { select = (file) => file !== ".gitattributes" } = options;
  return await download(parseHubName("dataset", name), options, {
    isComplete: async (directory) => (await cachedFiles(directory)).some(select),
    fetch: async (source, info) => {
      const files = info.files.filter(select);
      if (files.length === 0) {
        const few = info.files.slice(0, 8).join(", ");
        throw new DownloadError(
          `Cannot download the dataset ${source.repo.id}: none of its files is of a known kind; ` +
            `it has ${few}${info.files.length > 8 ? ", …" : ""}`,
        );
      }
      await fetchFiles(source, info.commit, files);
      return files;
    },
    select,
  });
}

interface Wanted {
  /** Whether a snapshot in the cache can be used without the Hub. */
  isComplete(directory: string): Promise<boolean>;
  /** Fetches what is missing and returns the names of all files. */
  fetch(source: HubSource, info: RevisionInfo): Promise<string[]>;
  select?(file: string): boolean;
}

async function download(
  repo: HubRepo,
  options: HubOptions,
  wanted: Wanted,
): Promise<HubSnapshot> {
  const { cacheDirectory, offline = false, onEvent = () => {}, signal } = options;
  signal?.throwIfAborted();
  const cache = repoCache(cacheDirectory, repo);
  const connection: HubConnection = {
    ...options,
    endpoint: checkEndpoint(options.endpoint ?? HUB_ENDPOINT),
    token: checkToken(options.token),
    onRetry: (retry) => onEvent({ type: "retry", repo: repo.id, ...retry }),
  };
  const cached = await cachedSnapshot(cache, repo, wanted);
  // Which files of a data set are wanted may differ from call to call, so it is asked for again.
  if (cached && isCommit(repo.revision) && repo.kind === "model") return cached;
  if (offline) {
    if (cached) return cached;
    throw new DownloadError(
      `Cannot download ${nameOf({ repo })}: this run is offline and ` +
        `${join(cacheDirectory, cache.name)} does not have it as a whole; ` +
        "unset HF_HUB_OFFLINE, or download it on a machine with a network",
    );
  }
  let info: RevisionInfo;
  try {
    // With a copy at hand, there is little to wait for.
    const attempts = cached ? Math.min(2, options.attempts ?? 2) : options.attempts;
    info = await askRevision({ ...connection, attempts }, repo);
  } catch (error) {
    if (!cached || !(error instanceof DownloadError) || !error.retryable) throw error;
    onEvent({ type: "cached", repo: repo.id, reason: error.message });
    return cached;
  }
  return await explain(cacheDirectory, async () => {
    await Deno.mkdir(cacheDirectory, { recursive: true });
    const files = await wanted.fetch({ repo, cache, connection, onEvent }, info);
    // Last, so that without the Hub a revision is found only once all of it is there.
    await writeRef(cache, repo.revision, info.commit);
    return { directory: snapshotPath(cache, info.commit), commit: info.commit, files };
  });
}

async function cachedSnapshot(
  cache: RepoCache,
  { revision }: HubRepo,
  { isComplete, select = () => true }: Wanted,
): Promise<HubSnapshot | null> {
  const commit = await cachedCommit(cache, revision);
  if (commit === null) return null;
  const directory = snapshotPath(cache, commit);
  if (!await isComplete(directory)) return null;
  return { directory, commit, files: (await cachedFiles(directory)).filter(select) };
}

async function askRevision(connection: HubConnection, repo: HubRepo): Promise<RevisionInfo> {
  const asked = { repo };
  return await withRetries(connection, async () => {
    using reply = await request(connection, revisionUrl(connection.endpoint, repo), { asked });
    const parts = await Array.fromAsync(reply.body);
    const text = await new Blob(parts as Uint8Array<ArrayBuffer>[]).text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = null; // explained with all else that is no answer of the Hub
    }
    return parseRevisionInfo(json, repo);
  });
}
