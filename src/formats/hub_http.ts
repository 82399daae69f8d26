/**
 * HTTP as the Hub needs it: redirects followed by hand, so that the token goes to the Hub and to no
 * other host, a limit on silence, and retries of what may succeed later.
 * @module
 */
import { DownloadError } from "../errors.ts";
import { refusal } from "./hub_errors.ts";
import { type Asked, nameOf, shownUrl } from "./hub_repo.ts";

/** How the Hub is reached. */
export interface HubConnection {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token?: string | null;
  readonly signal?: AbortSignal;
  /** Milliseconds of silence after which a request has failed; default 30,000. */
  readonly timeoutMs?: number;
  /** Tries in a row that bring nothing new before it is given up; default 6. */
  readonly attempts?: number;
  /** Milliseconds before the second try, doubled with each further one; default 500. */
  readonly backoffMs?: number;
  readonly onRetry?: (retry: Retry) => void;
}

/** A request failed and is made again. */
export interface Retry {
  readonly reason: string;
  readonly delayMs: number;
}

/** A request; `accept` lists the statuses other than 200 that the caller deals with. */
export interface HubRequest {
  readonly asked: Asked;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly accept?: readonly number[];
  /** Take a redirect to another host as the answer. */
  readonly stayOnHost?: boolean;
}

/** An answer; disposing it ends the connection. */
export interface HubReply extends Disposable {
  readonly status: number;
  /** The last answer's header, or else that of the first redirect that has it. */
  header(name: string): string | null;
  /** A header that only the Hub sends, of the first answer that has it. */
  hubHeader(name: string): string | null;
  /** Throws a retryable {@linkcode DownloadError} where the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>;
}

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;
const MAX_WAIT_MS = 5 * 60_000;

/**
 * Makes one request, without retries.
 * Throws {@linkcode DownloadError} for an answer that is neither 200 nor accepted, and a retryable one
 * where the network fails; an abort throws the signal's reason.
 */
export async function request(
  connection: HubConnection,
  start: string,
  { asked, method = "GET", headers, accept = [], stayOnHost = false }: HubRequest,
): Promise<HubReply> {
  const watch = watchNetwork(connection, asked);
  const answers: Headers[] = [];
  let url = new URL(start);
  try {
    while (true) {
      const response = await watch.waitFor(
        () =>
          fetch(url, {
            method,
            redirect: "manual",
            signal: watch.signal,
            headers: { ...headersFor(connection, url), ...headers },
          }),
        url,
      );
      answers.push(response.headers);
      const next = redirectOf(response, url, asked);
      if (next === null || (stayOnHost && next.origin !== url.origin)) {
        if (next === null && response.status !== 200 && !accept.includes(response.status)) {
          throw refusal(response, asked, { ...connection, url });
        }
        return {
          status: response.status,
          header: (name) => answers.at(-1)!.get(name),
          hubHeader: (name) => answers.map((each) => each.get(name)).find(Boolean) ?? null,
          body: readBody(response, watch, url),
          [Symbol.dispose]: watch.end,
        };
      }
      // It ends the connection; that this may fail does not matter.
      await response.body?.cancel().catch(() => {});
      if (answers.length > MAX_REDIRECTS) {
        throw new DownloadError(
          `Cannot download ${nameOf(asked)}: the server redirects without end; check HF_ENDPOINT`,
        );
      }
      url = next;
    }
  } catch (error) {
    watch.end();
    throw error;
  }
}

function headersFor({ endpoint, token }: HubConnection, url: URL): Record<string, string> {
  return {
    // Compressed bytes have another length, and cannot be continued in the middle.
    "accept-encoding": "identity",
    "user-agent": "sqlora",
    ...(token && url.origin === new URL(endpoint).origin
      ? { authorization: `Bearer ${token}` }
      : {}),
  };
}

function redirectOf(response: Response, url: URL, asked: Asked): URL | null {
  if (!REDIRECTS.includes(response.status)) return null;
  const location = response.headers.get("location");
  const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : null;
  const allowed = url.protocol === "https:" ? ["https:"] : ["http:", "https:"];
  if (next && allowed.includes(next.protocol)) return next;
  throw new DownloadError(
    `Cannot download ${nameOf(asked)}: ${url.host} redirects to what is no ${
      allowed[0]
    } address; ` +
      "check HF_ENDPOINT",
    { url: shownUrl(url), status: response.status },
  );
}

async function* readBody(
  response: Response,
  watch: NetworkWatch,
  url: URL,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  while (true) {
    const { done, value } = await watch.waitFor(() => reader.read(), url);
    if (done) return;
    yield value;
  }
}

interface NetworkWatch {
  readonly signal: AbortSignal;
  /** Waits for the network and says in the project's words why it failed. */
  waitFor<T>(action: () => Promise<T>, url: URL): Promise<T>;
  end(): void;
}

function watchNetwork(connection: HubConnection, asked: Asked): NetworkWatch {
  const { signal, timeoutMs = 30_000 } = connection;
  signal?.throwIfAborted();
  const own = new AbortController();
  const end = () => own.abort();
  return {
    signal: signal ? AbortSignal.any([signal, own.signal]) : own.signal,
    end,
    async waitFor(action, url) {
      let silent = false;
      const timer = setTimeout(() => {
        silent = true;
        end();
      }, timeoutMs);
      try {
        return await action();
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof Deno.errors.NotCapable) throw cause;
        const what = silent
          ? `${url.host} was silent for ${timeoutMs / 1000} s`
          : `the connection to ${url.host} failed (${reasonOf(cause, url)})`;
        throw new DownloadError(
          `Cannot download ${nameOf(asked)}: ${what}; check the network and run it again`,
          { url: shownUrl(url), retryable: true },
          { cause },
        );
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The innermost words of a network error: the outer ones repeat the address, signature and all. */
function reasonOf(error: unknown, url: URL): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(url.href, shownUrl(url)).split("): ").at(-1)!;
}

/**
 * Repeats `attempt` while it throws retryable errors, each time after a longer wait or after the time
 * that the server asks for. `attempt` calls `progressed` when it got something new, which starts the
 * count of tries again.
 */
export async function withRetries<T>(
  connection: HubConnection,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  const { attempts = 6, backoffMs = 500, signal } = connection;
  let failures = 0;
  while (true) {
    try {
      return await attempt(() => failures = 0);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DownloadError) || !error.retryable) throw error;
      failures++;
      // Spread, so that many clients of a server that failed do not all come back at once.
      const delayMs = error.retryAfterMs ??
        Math.min(30_000, backoffMs * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
      if (failures >= attempts || delayMs > MAX_WAIT_MS) throw error;
      connection.onRetry?.({ reason: error.message, delayMs });
      await delay(delayMs, signal);
    }
  }
}

function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
