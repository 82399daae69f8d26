/**
 * Names and addresses on the Hugging Face Hub: repositories, revisions and the files in them.
 * @module
 */
import { ConfigError, DownloadError } from "../errors.ts";

/** A repository at a revision. */
export interface HubRepo {
  readonly kind: "model" | "dataset";
  /** `OWNER/NAME`. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const MAX_NAME = 193; // two names of 96 characters and the slash
const NAME = /^[A-Za-z0-9_](?:[\w.-]*\w)?\/\w(?:[\w.-]*\w)?$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** True for `OWNER/NAME` and `OWNER/NAME@REVISION`, as the Hub allows them. */
export function isHubName(text: string): boolean {
  const [id, ...revision] = text.split("@");
  return id.length <= MAX_NAME && NAME.test(id) && !/--|\.\.|\.git$/.test(id) &&
    (revision.length === 0 || isSafePath(revision.join("@")));
}

/** Reads `OWNER/NAME` or `OWNER/NAME@REVISION`; the revision is `main` by default. */
export function parseHubName(kind: HubRepo["kind"], text: string): HubRepo {
  if (!isHubName(text)) {
    throw new ConfigError([
      `Cannot look up ${JSON.stringify(text)} on the Hub: it is no name of a ${kind} there; ` +
      "give OWNER/NAME or OWNER/NAME@REVISION",
    ]);
  }
  const at = text.indexOf("@");
  if (at < 0) return { kind, id: text, revision: "main" };
  return { kind, id: text.slice(0, at), revision: text.slice(at + 1) };
}

/** True for the full name of a commit, whose files never change. */
export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/**
 * True for a relative path with forward slashes that stays below the folder it is joined to, on any
 * operating system.
 */
export function isSafePath(path: string): boolean {
  return !/\\|\p{Cc}|^[A-Za-z]:/u.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** The address without trailing slashes. Throws {@linkcode ConfigError} where it is no http(s) URL. */
export function checkEndpoint(endpoint: string): string {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) {
    return endpoint.replace(/\/+$/, "");
  }
  throw new ConfigError([
    `Cannot reach the Hub at ${JSON.stringify(endpoint)}: it is no http or https address; ` +
    "correct HF_ENDPOINT",
  ]);
}

/** The token, checked. Throws {@linkcode ConfigError}, which does not show it, where it can be none. */
export function checkToken(token: string | null | undefined): string | null {
  if (!token || /^[\x21-\x7e]+$/.test(token)) return token || null;
  throw new ConfigError([
    "Cannot send the token to the Hub: it has spaces or characters that no token has; copy it again " +
    "from https://huggingface.co/settings/tokens, and set HF_TOKEN to it",
  ]);
}

/** The page of a repository, for people. */
export function repoPage(endpoint: string, { kind, id }: HubRepo): string {
  return `${endpoint}/${kind === "dataset" ? "datasets/" : ""}${id}`;
}

/** Where the Hub lists a repository's files. */
export function revisionUrl(endpoint: string, { kind, id, revision }: HubRepo): string {
  return `${endpoint}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}`;
}

/** Where a file of a commit is. */
export function fileUrl(endpoint: string, repo: HubRepo, commit: string, file: string): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `${repoPage(endpoint, repo)}/resolve/${commit}/${path}`;
}

/** What the Hub says about a revision. */
export interface RevisionInfo {
  readonly commit: string;
  readonly files: readonly string[];
}

/**
 * Checks the answer at {@linkcode revisionUrl}: `{ "sha", "siblings": [{ "rfilename" }] }`.
 * Throws {@linkcode DownloadError} where it is something else, or a name would leave its folder.
 */
export function parseRevisionInfo(json: unknown, repo: HubRepo): RevisionInfo {
  const fail = (what: string) =>
    new DownloadError(
      `Cannot download the ${repo.kind} ${repo.id}: ${what}; check HF_ENDPOINT, and report it to ` +
        "who runs that server",
    );
  const { sha, siblings } = Object(json);
  if (typeof sha !== "string" || !isCommit(sha)) throw fail("the answer names no commit");
  if (!Array.isArray(siblings)) throw fail("the answer lists no files");
  const files = siblings.map((sibling): string => {
    const name = Object(sibling).rfilename;
    if (typeof name !== "string") throw fail("the answer lists a file without a name");
    if (isSafePath(name)) return name;
    throw fail(`it lists the file ${JSON.stringify(name)}, which would leave its folder`);
  });
  return { commit: sha, files: [...new Set(files)] };
}

/** What is asked for, for messages. */
export interface Asked {
  readonly repo: HubRepo;
  readonly file?: string;
}

/** "model.safetensors of OWNER/NAME", "the model OWNER/NAME". */
export function nameOf({ repo, file }: Asked): string {
  return file === undefined ? `the ${repo.kind} ${repo.id}` : `${file} of ${repo.id}`;
}

/** An address without its query, which may hold a signature. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
