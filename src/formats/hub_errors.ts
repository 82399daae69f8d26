/**
 * What the Hub's refusals mean to who asked. The Hub tells the kind of a refusal in `X-Error-Code`,
 * because it answers 401 also for what does not exist, so that private names stay private.
 * @module
 */
import { DownloadError } from "../errors.ts";
import { type Asked, nameOf, repoPage, shownUrl } from "./hub_repo.ts";

const TRANSIENT = [408, 425, 429, 500, 502, 503, 504];

interface Sent {
  readonly endpoint: string;
  readonly token?: string | null;
  readonly url: URL;
}

/** The error for an answer that is no success. */
export function refusal(response: Response, asked: Asked, sent: Sent): DownloadError {
  const { status, headers } = response;
  const retryable = TRANSIENT.includes(status);
  return new DownloadError(`Cannot download ${nameOf(asked)}: ${explain(response, asked, sent)}`, {
    url: shownUrl(sent.url),
    status,
    retryable,
    retryAfterMs: retryable ? retryAfter(headers.get("retry-after")) : undefined,
  });
}

function explain({ status, headers }: Response, { repo, file }: Asked, sent: Sent): string {
  const { kind, id, revision } = repo;
  const page = repoPage(sent.endpoint, repo);
  const code = headers.get("x-error-code");
  const detail = headers.get("x-error-message");
  const said = detail ? ` (${detail.slice(0, 200)})` : "";
  if (sent.url.origin !== new URL(sent.endpoint).origin && !TRANSIENT.includes(status)) {
    return `${sent.url.host}, which the Hub points to, refuses it with status ${status}${said}; ` +
      "run it again, and check the proxy if there is one";
  }
  if (code === "GatedRepo") {
    return sent.token
      ? `it is gated, and the account of the token has no access; accept its licence at ${page} ` +
        "with that account, and let the token read gated repositories"
      : `it is gated; accept its licence at ${page}, then set HF_TOKEN to a token of that account`;
  }
  if (code === "RevisionNotFound") {
    return `it has no revision ${JSON.stringify(revision)}; see ${page}/tree/main for those it has`;
  }
  if (code === "EntryNotFound" || (status === 404 && file !== undefined)) {
    return `there is no such file in it; see ${page}/tree/main`;
  }
  if (code === "RepoNotFound" || status === 404 || (status === 401 && !sent.token)) {
    return `there is no ${kind} ${id} at ${sent.endpoint}, or it is private; check the name ` +
      "(or the path, if a folder was meant), and set HF_TOKEN if it is private";
  }
  if (status === 401) return `the token is not accepted${said}; renew HF_TOKEN, or unset it`;
  if (status === 403) {
    return `access is denied${said}; accept the licence at ${page} if it has one, and set HF_TOKEN ` +
      "to a token that may read it";
  }
  if (status === 429) {
    return `too many requests${said}; wait some minutes, or set HF_TOKEN for a higher limit`;
  }
  if (status >= 500) return `the server failed with status ${status}${said}; run it again later`;
  return `the server answers with status ${status}${said}; check HF_ENDPOINT`;
}

/** Milliseconds of a Retry-After header: seconds, or the date when to come back. */
export function retryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const milliseconds = Number(value) * 1000;
  if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
