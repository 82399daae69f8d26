/**
 * Asks a server, again where that may help, and several questions at once.
 * @module
 */
import { BackendError } from "../../errors.ts";
import { isJsonObject } from "../../formats/json.ts";
import { type Answer, extractSql, type Predictor, type Prompt } from "../predictor.ts";

/** How a server is asked. */
export interface ServerOptions {
  /** `http://localhost:11434` */
  readonly baseUrl: string;
  /** The model's name on the server. */
  readonly model: string;
  /**
   * `"alpaca"`: the prompt of training as raw text. `"mistral"`: one message of a chat, for which the
   * server has the template.
   */
  readonly promptStyle: "alpaca" | "mistral";
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  /** 0: all. Only Ollama knows it. */
  readonly topK: number;
  readonly seed: number;
  /** Questions at once. */
  readonly concurrency: number;
  /** Milliseconds for one answer. */
  readonly timeoutMs: number;
  /** Sent as bearer token. */
  readonly apiKey?: string;
  /** Attempts after the first. Default 3. */
  readonly retries?: number;
  /** Milliseconds before the second attempt; each later wait is twice as long. Default 500. */
  readonly backoffMs?: number;
}

/** What a kind of server understands. */
export interface Protocol {
  readonly name: string;
  /** What to do where nobody listens. */
  readonly remedy: string;
  /** How to ask one of `prompts`. */
  readonly requests: (prompts: readonly Prompt[]) => (prompt: Prompt) => Call;
  /** Null where the response is something else. */
  readonly read: (body: Readonly<Record<string, unknown>>) => Reply | null;
}

/** A request: the path behind the address of the server, and what is sent there as JSON. */
export interface Call {
  readonly path: string;
  readonly body: unknown;
}

/** What a model wrote. */
export interface Reply {
  /** Null where it gave none: it refused, or called a tool. */
  readonly text: string | null;
  readonly tokens: number | null;
}

/** What a server says of one request, such as a prompt that is too long, and not of all. */
const REFUSALS: readonly (number | undefined)[] = [400, 413, 422];

/**
 * A server as a {@linkcode Predictor}. What it yields throws {@linkcode BackendError}; for a question
 * that the server refuses it has an answer with an error.
 */
export function serverPredictor(protocol: Protocol, options: ServerOptions): Predictor {
  const ask = async (index: number, call: Call, signal: AbortSignal): Promise<Answer> => {
    try {
      const { reply: { text, tokens }, ms } = await post(protocol, { ...call, options, signal });
      const latencyMs = Math.round(ms);
      if (text !== null) return { index, sql: extractSql(text), latencyMs, tokens };
      const error = `Cannot get an answer from ${protocol.name}: the model wrote no text`;
      return { index, sql: "", latencyMs, tokens, error };
    } catch (error) {
      if (!(error instanceof BackendError) || !REFUSALS.includes(error.status)) throw error;
      return { index, sql: "", latencyMs: null, tokens: null, error: error.message };
    }
  };
  return {
    name: `${protocol.name} ${options.model}`,
    answer(prompts, signal) {
      const request = protocol.requests(prompts);
      return inParallel(prompts, {
        ask: (prompt, signal) => ask(prompt.index, request(prompt), signal),
        signal,
        limit: options.concurrency,
      });
    },
    [Symbol.dispose]: () => {},
  };
}

/** Yields answers as they come. What is still being asked at the end, however that comes, is ended. */
async function* inParallel(
  prompts: readonly Prompt[],
  { ask, signal, limit }: {
    ask: (prompt: Prompt, signal: AbortSignal) => Promise<Answer>;
    signal: AbortSignal;
    limit: number;
  },
): AsyncGenerator<Answer, void, undefined> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const running = new Map<number, Promise<Answer>>();
  let next = 0;
  try {
    while (next < prompts.length || running.size > 0) {
      signal.throwIfAborted();
      for (; running.size < limit && next < prompts.length; next++) {
        const answer = ask(prompts[next], either);
        answer.catch(() => {}); // one that is not waited for any more
        running.set(prompts[next].index, answer);
      }
      const answer = await Promise.race(running.values());
      running.delete(answer.index);
      yield answer;
    }
  } finally {
    ended.abort();
  }
}

interface Request extends Call {
  readonly options: ServerOptions;
  readonly signal: AbortSignal;
}

/** The longest time that a server's Retry-After is obeyed for. */
const MAX_WAIT_MS = 60_000;

async function post(
  protocol: Protocol,
  request: Request,
): Promise<{ reply: Reply; ms: number }> {
  const { retries = 3, backoffMs = 500 } = request.options;
  for (let attempt = 0;; attempt++) {
    const started = performance.now();
    const outcome = await attemptOnce(protocol, request);
    if ("reply" in outcome) return { reply: outcome.reply, ms: performance.now() - started };
    if (!outcome.again || attempt === retries) throw outcome.error;
    const wait = outcome.waitMs ?? backoffMs * 2 ** attempt;
    await pause(Math.min(wait, MAX_WAIT_MS), request.signal);
  }
}

type Attempt =
  | { readonly reply: Reply }
  | { readonly error: BackendError; readonly again: boolean; readonly waitMs?: number };

async function attemptOnce(protocol: Protocol, request: Request): Promise<Attempt> {
  const { path, body, signal, options: { baseUrl, timeoutMs, apiKey } } = request;
  const url = `${baseUrl.replace(/\/+$/, "")}${path}`;
  const failed = (
    what: string,
    again: boolean,
    more: { status?: number; cause?: unknown } = {},
  ) => ({
    error: new BackendError(`Cannot get an answer from ${protocol.name} at ${url}: ${what}`, {
      url,
      status: more.status,
    }, { cause: more.cause }),
    again,
  });
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    text = await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    const late = cause instanceof DOMException && cause.name === "TimeoutError";
    if (late) return failed(`no answer after ${timeoutMs} ms; raise --request_timeout_ms`, true);
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const remedy = protocol.remedy;
    return failed(`the server is away (${reasonOf(cause)}); ${remedy}`, true, { cause });
  }
  const { status } = response;
  const value = parse(text);
  if (!response.ok) {
    const said = messageOf(value) ?? text.trim().slice(0, 200);
    const again = status === 408 || status === 429 || status >= 500;
    const wait = Number(response.headers.get("retry-after") ?? NaN);
    return {
      ...failed(`status ${status}${said ? ` (${said})` : ""}; ${remedyFor(status)}`, again, {
        status,
      }),
      waitMs: Number.isFinite(wait) ? wait * 1000 : undefined,
    };
  }
  const reply = isJsonObject(value) ? protocol.read(value) : null;
  if (reply !== null) return { reply };
  return failed(
    `it answers with something else (${text.trim().slice(0, 80)}); check --backend and --base_url`,
    false,
    { status },
  );
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403) return "set OPENAI_API_KEY to a key that the server knows";
  if (status === 404) return "check --base_url, and that the server has the model of --base_model";
  if (status === 429) return "ask fewer questions at once (--batch_size) or later";
  return status >= 500 ? "look at the server's own log" : "check --base_model and --base_url";
}

/** Servers say what is wrong as `{ error: "…" }` or `{ error: { message: "…" } }`. */
function messageOf(value: unknown): string | null {
  const error = isJsonObject(value) ? value.error : undefined;
  const message = isJsonObject(error) ? error.message : error;
  return typeof message === "string" ? message : null;
}

/** What went wrong, from the innermost error, which alone says it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const known = /connection refused|connection reset|dns error|unreachable/i.exec(error.message);
  return known?.[0].toLowerCase() ?? error.message;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
