/**
 * The backends over real HTTP, against servers that behave and servers that do not.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BackendError } from "../../src/errors.ts";
import type { ServerOptions } from "../../src/eval/backends/http.ts";
import { ollamaPredictor } from "../../src/eval/backends/ollama.ts";
import { openaiPredictor } from "../../src/eval/backends/openai.ts";
import type { Answer, Predictor, Prompt } from "../../src/eval/predictor.ts";
import { formatPrompt } from "../../src/text/prompt.ts";

interface Asked {
  readonly path: string;
  readonly authorization: string | null;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** A server on a port of its own that remembers what it was asked. */
function serve(answer: (asked: Asked, count: number) => Response | Promise<Response>) {
  const asked: Asked[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const entry = {
      path: new URL(request.url).pathname,
      authorization: request.headers.get("authorization"),
      body: await request.json(),
    };
    asked.push(entry);
    return await answer(entry, asked.length);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { asked, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

const PROMPTS: readonly Prompt[] = [0, 1, 2, 3, 4].map((index) => ({
  index,
  parts: { instruction: "Write SQL.", input: `Question ${index}?` },
}));

const optionsFor = (baseUrl: string, more: Partial<ServerOptions> = {}): ServerOptions => ({
  baseUrl,
  model: "tiny",
  promptStyle: "alpaca",
  maxNewTokens: 50,
  temperature: 0,
  topP: 1,
  topK: 5,
  seed: 7,
  concurrency: 1,
  timeoutMs: 2000,
  backoffMs: 5,
  ...more,
});

async function answers(
  predictor: Predictor,
  prompts = PROMPTS,
  signal = new AbortController().signal,
): Promise<Answer[]> {
  const all: Answer[] = [];
  for await (const answer of predictor.answer(prompts, signal)) all.push(answer);
  return all.sort((a, b) => a.index - b.index);
}

const numberIn = (text: string) => /Question (\d)\?/.exec(text)![1];

Deno.test("ollama: the raw prompt of training, or a chat", async () => {
  await using server = serve(({ path, body }) =>
    path === "/api/generate"
      ? Response.json({ response: `SELECT ${numberIn(body.prompt)};`, eval_count: 4 })
      : Response.json({ message: { role: "assistant", content: "```sql\nSELECT 9\n```" } })
  );
  const raw = ollamaPredictor(optionsFor(server.url));
  assertEquals(raw.name, "ollama tiny");
  const found = await answers(raw);
  assertEquals(
    found.map(({ sql, tokens }) => [sql, tokens]),
    [0, 1, 2, 3, 4].map((n) => [
      `SELECT ${n}`,
      4,
    ]),
  );
  assert(found.every(({ latencyMs }) => latencyMs !== null && latencyMs >= 0));
  assertEquals(server.asked[0].body, {
    model: "tiny",
    stream: false,
    prompt: formatPrompt(PROMPTS[0].parts, "alpaca"),
    raw: true,
    options: {
      num_predict: 50,
      temperature: 0,
      top_p: 1,
      top_k: 5,
      num_ctx: 4096,
      seed: 7,
      stop: ["\n###"],
    },
  });
  const chat = ollamaPredictor(optionsFor(server.url, { promptStyle: "mistral" }));
  assertEquals((await answers(chat, PROMPTS.slice(0, 1)))[0].sql, "SELECT 9");
  const { path, body } = server.asked.at(-1)!;
  assertEquals([path, body.messages], ["/api/chat", [{
    role: "user",
    content: "Write SQL.\n\nQuestion 0?",
  }]]);
});

Deno.test("ollama: one context for all questions, in which the longest has room", async () => {
  await using server = serve(() => Response.json({ response: "SELECT 1" }));
  const long = { index: 5, parts: { instruction: "Write SQL.", input: "x".repeat(20_000) } };
  await answers(ollamaPredictor(optionsFor(server.url)), [...PROMPTS, long]);
  const contexts = new Set(server.asked.map(({ body }) => body.options.num_ctx));
  assertEquals([...contexts], [10 * 1024]);
});

Deno.test("openai: completions or a chat, with the key as bearer token", async () => {
  await using server = serve(({ path, body }) => {
    const text = `SELECT ${numberIn(body.prompt ?? body.messages[0].content)}`;
    const choice = path === "/v1/completions" ? { text } : { message: { content: text } };
    return Response.json({ choices: [choice], usage: { completion_tokens: 3 } });
  });
  for (const promptStyle of ["alpaca", "mistral"] as const) {
    const options = optionsFor(`${server.url}/v1/`, { promptStyle, apiKey: "secret" });
    const found = await answers(openaiPredictor(options));
    assertEquals(
      found.map(({ sql, tokens }) => [sql, tokens]),
      [0, 1, 2, 3, 4].map((n) => [
        `SELECT ${n}`,
        3,
      ]),
    );
  }
  assertEquals(
    new Set(server.asked.map(({ path }) => path)),
    new Set([
      "/v1/completions",
      "/v1/chat/completions",
    ]),
  );
  assert(server.asked.every(({ authorization }) => authorization === "Bearer secret"));
  assertEquals(server.asked[0].body.max_tokens, 50);
});

Deno.test("a server that is busy is asked again, and a wrong request is not", async () => {
  await using busy = serve((_, count) =>
    count < 3
      ? new Response("busy", { status: 503 })
      : count === 3
      ? new Response("slow down", { status: 429, headers: { "retry-after": "0" } })
      : Response.json({ response: "SELECT 1" })
  );
  const [answer] = await answers(ollamaPredictor(optionsFor(busy.url)), PROMPTS.slice(0, 1));
  assertEquals([answer.sql, answer.tokens, busy.asked.length], ["SELECT 1", null, 4]);

  await using missing = serve(() =>
    Response.json({ error: 'model "tiny" not found' }, { status: 404 })
  );
  const error = await assertRejects(
    () => answers(ollamaPredictor(optionsFor(missing.url))),
    BackendError,
  );
  assertEquals([error.status, missing.asked.length], [404, 1]);
  assertMatch(
    error.message,
    /status 404 \(model "tiny" not found\); check --base_url, and that the/,
  );

  await using down = serve(() => Response.json({ error: { message: "broken" } }, { status: 500 }));
  const late = await assertRejects(
    () => answers(openaiPredictor(optionsFor(down.url, { retries: 2 }))),
    BackendError,
  );
  assertEquals(down.asked.length, 3);
  assertMatch(late.message, /status 500 \(broken\); look at the server's own log/);
});

Deno.test("a question that alone is refused has an error for an answer", async () => {
  await using server = serve(({ path, body }) => {
    const text = body.prompt ?? body.messages[0].content;
    if (numberIn(text) === "1") {
      return Response.json({ error: { message: "prompt is too long" } }, { status: 400 });
    }
    const content = numberIn(text) === "2" ? null : "SELECT 1";
    return Response.json(
      path === "/api/chat" ? { message: { content } } : { choices: [{ message: { content } }] },
    );
  });
  const options = optionsFor(server.url, { promptStyle: "mistral" });
  for (const predictor of [ollamaPredictor(options), openaiPredictor(options)]) {
    const found = await answers(predictor);
    assertEquals(found.map(({ sql }) => sql), ["SELECT 1", "", "", "SELECT 1", "SELECT 1"]);
    assertEquals(found.map(({ error }) => error === undefined), [true, false, false, true, true]);
    assertMatch(found[1].error!, /status 400 \(prompt is too long\)/);
    assertMatch(found[2].error!, /wrote no text/);
  }
});

Deno.test("a server that is away, silent or something else is told apart", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const away = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const options = { retries: 1 };
  const messageFor = async (url: string, more: Partial<ServerOptions> = {}) =>
    (await assertRejects(
      () => answers(ollamaPredictor(optionsFor(url, { ...options, ...more }))),
      BackendError,
    )).message;
  assertMatch(
    await messageFor(away),
    /the server is away \(connection refused\); start it \(ollama/,
  );

  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  await using silent = serve(async () => {
    await held;
    return new Response("");
  });
  const message = await messageFor(silent.url, { timeoutMs: 60 });
  assertMatch(message, /no answer after 60 ms; raise --request_timeout_ms/);
  assertEquals(silent.asked.length, 2);
  release();

  await using web = serve(() => new Response("<html>Welcome</html>"));
  assertMatch(
    await messageFor(web.url),
    /something else \(<html>Welcome<\/html>\); check --backend/,
  );
});

Deno.test("as many questions at once as allowed, and answers as they come", async () => {
  let running = 0, most = 0;
  await using server = serve(async ({ body }) => {
    most = Math.max(most, ++running);
    // The first question takes longest.
    await new Promise((resolve) => setTimeout(resolve, numberIn(body.prompt) === "0" ? 200 : 20));
    running--;
    return Response.json({ response: "SELECT 1" });
  });
  const predictor = ollamaPredictor(optionsFor(server.url, { concurrency: 3 }));
  const order: number[] = [];
  for await (const { index } of predictor.answer(PROMPTS, new AbortController().signal)) {
    order.push(index);
  }
  assertEquals(most, 3);
  assertEquals(order.at(-1), 0);
  assertEquals(order.toSorted(), [0, 1, 2, 3, 4]);
});

Deno.test("an abort ends questions that are under way, and waits between attempts", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  await using server = serve(async (_, count) => {
    if (count > 1) await held;
    return count === 1 ? Response.json({ response: "SELECT 1" }) : new Response("");
  });
  const controller = new AbortController();
  const predictor = ollamaPredictor(optionsFor(server.url));
  const seen: number[] = [];
  const error = await assertRejects(async () => {
    for await (const { index } of predictor.answer(PROMPTS, controller.signal)) {
      seen.push(index);
      setTimeout(() => controller.abort(), 30);
    }
  }, DOMException);
  assertEquals([error.name, seen], ["AbortError", [0]]);
  release();

  await using busy = serve(() => new Response("busy", { status: 503 }));
  const waiting = new AbortController();
  setTimeout(() => waiting.abort(), 50);
  const started = performance.now();
  const slow = ollamaPredictor(optionsFor(busy.url, { backoffMs: 30_000 }));
  await assertRejects(() => answers(slow, PROMPTS, waiting.signal), DOMException);
  assert(performance.now() - started < 10_000);
});
