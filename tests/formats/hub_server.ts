/**
 * A small Hub on this machine: an API host, and a second host that large files are redirected to, as
 * the real one does. Tests make it fail through `intercept`.
 * @module
 */
import { createHash } from "node:crypto";

/** A request as a server saw it. */
export interface Seen {
  readonly host: "hub" | "cdn";
  readonly method: string;
  readonly path: string;
  /** First byte that was asked for. */
  readonly from: number;
  readonly authorization: string | null;
}

/** What the server says instead of its answer; undefined lets the answer go out. */
export type Intercept = (
  seen: Seen,
  answer: Response,
) => Response | undefined | Promise<Response | undefined>;

export interface FakeHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: Seen[];
  intercept: Intercept | null;
  /** Adds a repository, or another commit of one; returns the commit. */
  add(kind: "model" | "dataset", id: string, files: Readonly<Record<string, Uint8Array>>): string;
  /** Downloads of contents, that is GETs of files that were answered. */
  fetched(): string[];
}

interface Repo {
  commit: string;
  readonly commits: Map<string, Readonly<Record<string, Uint8Array>>>;
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

export const gitSha1 = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** What Git LFS keeps elsewhere, as in the Hub's own .gitattributes. */
const isLarge = (name: string) => /\.(safetensors|bin|parquet|arrow)$/.test(name);

/** Starts the two servers; `await using` stops them. */
export function startHub(): FakeHub {
  const repos = new Map<string, Repo>();
  const contents = new Map<string, Uint8Array>();
  const requests: Seen[] = [];
  const hub = serve("hub", (url, headers) => {
    const api = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(url.pathname);
    if (api) return info(`${api[1]}:${api[2]}`, decodeURIComponent(api[3]));
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(
      url.pathname,
    );
    if (!file) return refuse(404);
    return resolve(
      `${file[1] ? "dataset" : "model"}:${file[2]}`,
      { revision: file[3], name: decodeURIComponent(file[4]), headers },
    );
  });
  const cdn = serve("cdn", (url, headers) => {
    const bytes = contents.get(url.pathname.slice(1));
    // A CDN's ETag is not the digest.
    return bytes ? ranged(bytes, headers, { etag: '"cdn-1"' }) : refuse(404);
  });
  const origin = (server: Deno.HttpServer<Deno.NetAddr>) => `http://127.0.0.1:${server.addr.port}`;

  function serve(host: Seen["host"], answer: (url: URL, headers: Headers) => Response) {
    const handler = async (request: Request) => {
      const url = new URL(request.url);
      const from = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
      const seen: Seen = {
        host,
        method: request.method,
        path: url.pathname,
        from: Number(from?.[1] ?? 0),
        authorization: request.headers.get("authorization"),
      };
      requests.push(seen);
      const usual = answer(url, request.headers);
      return await fake.intercept?.(seen, usual) ?? usual;
    };
    return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  }

  function info(key: string, revision: string): Response {
    const repo = repos.get(key);
    if (!repo) return refuse(401, "RepoNotFound");
    const commit = repo.commits.has(revision) ? revision : repo.commit;
    if (revision !== commit && revision !== "main") return refuse(404, "RevisionNotFound");
    const siblings = Object.keys(repo.commits.get(commit)!).map((rfilename) => ({ rfilename }));
    return Response.json({ id: key, sha: commit, siblings });
  }

  function resolve(
    key: string,
    { revision, name, headers }: { revision: string; name: string; headers: Headers },
  ): Response {
    const repo = repos.get(key);
    const commit = revision === "main" ? repo?.commit ?? "" : revision;
    const bytes = repo?.commits.get(commit)?.[name];
    if (!bytes) return refuse(404, "EntryNotFound");
    const common = { "x-repo-commit": commit };
    if (!isLarge(name)) return ranged(bytes, headers, { ...common, etag: `"${gitSha1(bytes)}"` });
    const digest = sha256(bytes);
    contents.set(digest, bytes);
    return new Response("Found. Redirecting", {
      status: 302,
      headers: {
        ...common,
        "x-linked-etag": `"${digest}"`,
        "x-linked-size": String(bytes.length),
        location: `${origin(cdn)}/${digest}?signature=secret`,
      },
    });
  }

  const fake: FakeHub = {
    endpoint: origin(hub),
    requests,
    intercept: null,
    add(kind, id, files) {
      const key = `${kind}:${id}`;
      const repo = repos.get(key) ?? { commit: "", commits: new Map() };
      repos.set(key, repo);
      const text = JSON.stringify(Object.entries(files).map(([name, b]) => [name, sha256(b)]));
      repo.commit = gitSha1(new TextEncoder().encode(text));
      repo.commits.set(repo.commit, files);
      return repo.commit;
    },
    fetched: () =>
      requests.filter(({ method, path, host }) =>
        method === "GET" && (host === "cdn" || path.includes("/resolve/"))
      ).map(({ host, path }) => `${host} ${path.split("/").at(-1)}`),
    async [Symbol.asyncDispose]() {
      await Promise.all([hub.shutdown(), cdn.shutdown()]);
    },
  };
  return fake;
}

/** The bytes, or those from a Range header's first on. */
function ranged(bytes: Uint8Array, headers: Headers, more: Record<string, string>): Response {
  const range = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "");
  if (!range) return whole(bytes, more);
  const from = Number(range[1]);
  const size = bytes.length;
  if (from >= size) return new Response(null, { status: 416, headers: more });
  const part = bytes.slice(from);
  return new Response(part, {
    status: 206,
    headers: {
      ...more,
      "content-length": String(part.length),
      "content-range": `bytes ${from}-${size - 1}/${size}`,
    },
  });
}

/** All bytes, whatever range was asked for. */
export function whole(bytes: Uint8Array, headers: Record<string, string> = {}): Response {
  return new Response(bytes.slice(), {
    headers: { ...headers, "content-length": String(bytes.length) },
  });
}

/** A refusal as the Hub words it. */
export function refuse(status: number, code?: string, headers: Record<string, string> = {}) {
  const more: Record<string, string> = code ? { "x-error-code": code } : {};
  return new Response("refused", { status, headers: { ...headers, ...more } });
}

/**
 * `answer` with its connection cut after `count` bytes of its body: its end before the length that it
 * announced makes the server drop the connection.
 */
export async function cutAfter(answer: Response, count: number): Promise<Response> {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      if (count > 0) controller.enqueue(bytes.slice(0, count));
      // Time for these bytes to arrive: a reset throws away what is still under way.
      await new Promise((resolve) => setTimeout(resolve, 5));
      controller.close();
    },
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}

/** `answer` whose body comes in pieces with a wait before each. */
export async function slowly(
  answer: Response,
  { pieces, waitMs }: { pieces: number; waitMs: number },
): Promise<Response> {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const step = Math.ceil(bytes.length / pieces);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      controller.enqueue(bytes.slice(at, at += step));
      if (at >= bytes.length) controller.close();
    },
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}
