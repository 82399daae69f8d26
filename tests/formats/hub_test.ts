import { join } from "node:path";
import fc from "fast-check";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ConfigError, DownloadError, FormatError } from "../../src/errors.ts";
import {
  downloadDataset,
  downloadModel,
  type HubEvent,
  type HubOptions,
} from "../../src/formats/hub.ts";
import {
  cutAfter,
  type FakeHub,
  gitSha1,
  refuse,
  sha256,
  slowly,
  startHub,
  whole,
} from "./hub_server.ts";
import { namesIn, temporaryFolder } from "./support.ts";

const text = (content: string) => new TextEncoder().encode(content);

const WEIGHTS = Uint8Array.from({ length: 50_000 }, (_, i) => i * 7);
const FILES = {
  ".gitattributes": text("* lfs\n"),
  "README.md": text("# A model\n"),
  "config.json": text('{"model_type":"mistral"}\n'),
  "tokenizer.json": text('{"model":{}}\n'),
  "tokenizer_config.json": text("{}\n"),
  "consolidated.safetensors": WEIGHTS.slice(1),
  "model.safetensors": WEIGHTS,
  "pytorch_model.bin": WEIGHTS.slice(2),
  "onnx/model.onnx": text("onnx"),
};
const NEEDED = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

interface Bench extends AsyncDisposable {
  readonly hub: FakeHub;
  readonly cache: string;
  readonly options: HubOptions;
  readonly events: HubEvent[];
}

function bench(): Bench {
  const hub = startHub();
  const folder = temporaryFolder();
  const events: HubEvent[] = [];
  const cache = folder.join("home", "hub");
  const onEvent = (event: HubEvent) => void events.push(event);
  const options = {
    ...{ endpoint: hub.endpoint, cacheDirectory: cache, onEvent },
    ...{ backoffMs: 1, attempts: 3 },
  };
  return {
    ...{ hub, cache, options, events },
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const typesOf = (events: readonly HubEvent[]) => [...new Set(events.map(({ type }) => type))];

Deno.test("a model is laid out in the cache as huggingface_hub does it", async () => {
  await using test = bench();
  const { hub, cache } = test;
  const commit = hub.add("model", "owner/name", FILES);
  const snapshot = await downloadModel("owner/name", test.options);
  const repo = join(cache, "models--owner--name");
  assertEquals(snapshot.directory, join(repo, "snapshots", commit));
  assertEquals(snapshot.commit, commit);
  assertEquals([...snapshot.files].sort(), NEEDED);
  assertEquals(namesIn(snapshot.directory), NEEDED);
  assertEquals(namesIn(cache), [".locks", "models--owner--name"]);
  assertEquals(namesIn(repo), ["blobs", "refs", "snapshots"]);
  assertEquals(await Deno.readTextFile(join(repo, "refs/main")), commit);
  assertEquals(
    await Deno.readLink(join(snapshot.directory, "model.safetensors")),
    `../../blobs/${sha256(WEIGHTS)}`,
  );
  assertEquals(
    await Deno.readLink(join(snapshot.directory, "config.json")),
    `../../blobs/${gitSha1(FILES["config.json"])}`,
  );
  const blobs = [sha256(WEIGHTS)];
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"] as const) {
    blobs.push(gitSha1(FILES[name]));
    assertEquals(await Deno.readFile(join(snapshot.directory, name)), FILES[name]);
  }
  assertEquals(await Deno.readFile(join(snapshot.directory, "model.safetensors")), WEIGHTS);
  assertEquals(namesIn(join(repo, "blobs")), blobs.sort());
  assertEquals(hub.fetched().length, 5 /* four files, one of them by way of a redirect */);
});

Deno.test("progress counts the bytes of all missing files", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  await downloadModel("owner/name", test.options);
  const progress = test.events.filter((event) => event.type === "progress");
  assertEquals(typesOf(test.events), ["progress"]);
  const total = NEEDED.reduce((sum, name) => sum + FILES[name as keyof typeof FILES].length, 0);
  const last = progress.at(-1)!;
  assertEquals([last.totalReceived, last.totalSize], [total, total]);
  assert(progress.every((event, i) =>
    event.received <= event.size &&
    (i === 0 || event.totalReceived >= progress[i - 1].totalReceived)
  ));
});

Deno.test("what is there is not downloaded again: same commit, next commit, and a commit by name", async () => {
  await using test = bench();
  const { hub, options } = test;
  const first = hub.add("model", "owner/name", FILES);
  await downloadModel("owner/name", options);
  hub.requests.length = 0;
  await downloadModel("owner/name", options);
  assertEquals(hub.requests.map(({ path }) => path), ["/api/models/owner/name/revision/main"]);

  const config = text('{"model_type":"mistral","new":1}\n');
  const second = hub.add("model", "owner/name", { ...FILES, "config.json": config });
  hub.requests.length = 0;
  const snapshot = await downloadModel("owner/name", options);
  assertEquals(snapshot.commit, second);
  assertEquals(await Deno.readFile(join(snapshot.directory, "config.json")), config);
  assertEquals(hub.fetched(), ["hub config.json"]);

  hub.requests.length = 0;
  assertEquals((await downloadModel(`owner/name@${first}`, options)).commit, first);
  assertEquals(hub.requests, []);
});

Deno.test("of a sharded model, the index decides which files are fetched", async () => {
  await using test = bench();
  const { "model.safetensors": _, ...rest } = FILES;
  const index = { weight_map: { a: "part-1.safetensors", b: "part-2.safetensors" } };
  const files = {
    ...rest,
    "model.safetensors.index.json": text(JSON.stringify(index)),
    "part-1.safetensors": WEIGHTS.slice(3),
    "part-2.safetensors": WEIGHTS.slice(4),
    "part-3.safetensors": WEIGHTS.slice(5),
  };
  test.hub.add("model", "owner/name", files);
  const { directory } = await downloadModel("owner/name", test.options);
  assertEquals(namesIn(directory).filter((name) => name.includes("part")), [
    "part-1.safetensors",
    "part-2.safetensors",
  ]);
  const { "part-2.safetensors": __, ...fewer } = files;
  test.hub.add("model", "owner/fewer", fewer);
  await assertRejects(
    () => downloadModel("owner/fewer", test.options),
    DownloadError,
    "names part-2.safetensors, which is not in the repository",
  );
});

Deno.test("the token goes to the Hub and to no other host", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  await downloadModel("owner/name", { ...test.options, token: "hf_secret" });
  const { requests } = test.hub;
  assert(requests.some(({ host }) => host === "cdn"));
  for (const { host, authorization } of requests) {
    assertEquals(authorization, host === "hub" ? "Bearer hf_secret" : null);
  }
});

Deno.test("a token that can be none is refused without being shown", async () => {
  await using test = bench();
  for (const token of ["hf_a b", "hf_a\nhf_b", "hf_ä"]) {
    const error = await assertRejects(
      () => downloadModel("owner/name", { ...test.options, token }),
      ConfigError,
    );
    assert(!error.message.includes("hf_"), error.message);
  }
  assertEquals(test.hub.requests, []);
});

Deno.test("refusals are told apart and say what to do", async () => {
  const cases: [number, string | undefined, string | null, RegExp][] = [
    [401, "GatedRepo", null, /is gated; accept its licence at .*owner\/name, then set HF_TOKEN/],
    [403, "GatedRepo", "hf_x", /is gated, and the account of the token has no access/],
    [401, "RepoNotFound", null, /no model owner\/name at .*, or it is private; .*set HF_TOKEN/],
    [401, undefined, null, /or it is private/],
    [401, undefined, "hf_x", /the token is not accepted; renew HF_TOKEN/],
    [404, undefined, null, /there is no model owner\/name/],
    [404, "RevisionNotFound", null, /has no revision "main"; see .*tree\/main/],
    [403, undefined, null, /access is denied; accept the licence/],
    [429, undefined, null, /too many requests; wait/],
    [503, undefined, null, /failed with status 503; run it again later/],
    [418, undefined, null, /answers with status 418/],
  ];
  for (const [status, code, token, expected] of cases) {
    await using test = bench();
    test.hub.add("model", "owner/name", FILES);
    test.hub.intercept = () => refuse(status, code);
    const error = await assertRejects(
      () => downloadModel("owner/name", { ...test.options, token }),
      DownloadError,
    );
    assertEquals(error.status, status);
    assertMatch(error.message, /^Cannot download the model owner\/name: /);
    assertMatch(error.message, expected);
    assert(!error.message.includes("hf_x"));
    assertEquals(await Deno.stat(test.cache).catch(() => null), null, "nothing is written");
  }
});

Deno.test("a file that is refused is named", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  test.hub.intercept = ({ path }) => path.endsWith(".safetensors") ? refuse(404) : undefined;
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    DownloadError,
    "Cannot download model.safetensors of owner/name: there is no such file in it",
  );
  test.hub.intercept = ({ host }) => host === "cdn" ? refuse(403) : undefined;
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    DownloadError,
    "which the Hub points to, refuses it with status 403",
  );
});

Deno.test("repositories that hold no usable model are refused before anything is fetched", async () => {
  const { "model.safetensors": _, "consolidated.safetensors": __, ...pickled } = FILES;
  const { "tokenizer.json": ___, ...untokenized } = FILES;
  const cases: [Record<string, Uint8Array>, string][] = [
    [pickled, "it has only pytorch_model.bin, which may run code"],
    [untokenized, "it has no tokenizer.json"],
    [{ "adapter_config.json": text("{}") }, "it is an adapter"],
    [{ "m.Q4_K.gguf": text("GGUF") }, "it holds m.Q4_K.gguf"],
    [{ "config.json": text("{}"), "tokenizer.json": text("{}") }, "has no weights in safetensors"],
  ];
  for (const [files, expected] of cases) {
    await using test = bench();
    test.hub.add("model", "owner/name", files);
    await assertRejects(
      () => downloadModel("owner/name", test.options),
      DownloadError,
      expected,
    );
    assertEquals(test.hub.fetched(), []);
  }
});

Deno.test("offline, the cache is used and no request made", async () => {
  await using test = bench();
  const { hub, options } = test;
  const offline = { ...options, offline: true };
  const commit = hub.add("model", "owner/name", FILES);
  await assertRejects(
    () => downloadModel("owner/name", offline),
    DownloadError,
    "this run is offline and",
  );
  assertEquals(hub.requests, []);
  await downloadModel("owner/name", options);
  hub.requests.length = 0;
  const snapshot = await downloadModel("owner/name", offline);
  assertEquals([snapshot.commit, snapshot.files], [commit, NEEDED]);
  assertEquals(hub.requests, []);
  // A link without its blob is no file.
  await Deno.remove(join(test.cache, "models--owner--name/blobs", sha256(WEIGHTS)));
  await assertRejects(() => downloadModel("owner/name", offline), DownloadError, "as a whole");
});

Deno.test("where the Hub cannot be reached, the cache serves, and a refusal still counts", async () => {
  await using test = bench();
  const { hub, options, events } = test;
  const first = hub.add("model", "owner/name", FILES);
  await downloadModel("owner/name", options);
  hub.add("model", "owner/name", { ...FILES, "config.json": text("{}") });
  events.length = 0;
  hub.intercept = () => refuse(503);
  assertEquals((await downloadModel("owner/name", options)).commit, first);
  assertEquals(typesOf(events), ["retry", "cached"]);
  // Nobody listens there.
  const nowhere = { ...options, endpoint: "http://127.0.0.1:9" };
  assertEquals((await downloadModel("owner/name", nowhere)).commit, first);
  const error = await assertRejects(() => downloadModel("owner/new", nowhere), DownloadError);
  assertMatch(error.message, /the connection to 127\.0\.0\.1:9 failed \(.+\); check the network/);
  hub.intercept = () => refuse(401, "GatedRepo");
  await assertRejects(() => downloadModel("owner/name", options), DownloadError, "gated");
});

Deno.test("a download that failed half-way is no model offline, and goes on later", async () => {
  await using test = bench();
  const { hub, options } = test;
  hub.add("model", "owner/name", FILES);
  hub.intercept = ({ host }, answer) => host === "cdn" ? cutAfter(answer, 20_000) : undefined;
  await assertRejects(
    () => downloadModel("owner/name", { ...options, attempts: 1 }),
    DownloadError,
    "connection",
  );
  const blobs = join(test.cache, "models--owner--name/blobs");
  const partial = `${sha256(WEIGHTS)}.incomplete`;
  assert(namesIn(blobs).includes(partial));
  await assertRejects(
    () => downloadModel("owner/name", { ...options, offline: true }),
    DownloadError,
  );
  const { size } = await Deno.stat(join(blobs, partial));
  hub.intercept = null;
  hub.requests.length = 0;
  await downloadModel("owner/name", options);
  assertEquals(hub.requests.filter(({ host }) => host === "cdn").map(({ from }) => from), [size]);
});

Deno.test("two downloads at once share the work and harm nothing", async () => {
  await using test = bench();
  const { hub, options, events } = test;
  hub.add("model", "owner/name", FILES);
  hub.intercept = ({ host }, answer) =>
    host === "cdn" ? slowly(answer, { pieces: 4, waitMs: 30 }) : undefined;
  const [a, b] = await Promise.all([1, 2].map(() => downloadModel("owner/name", options)));
  assertEquals(a, b);
  assertEquals(await Deno.readFile(join(a.directory, "model.safetensors")), WEIGHTS);
  assertEquals(hub.fetched().filter((line) => line.startsWith("cdn")).length, 1);
  assert(typesOf(events).includes("wait"));
});

Deno.test("wrong bytes leave no blob and no link", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  test.hub.intercept = ({ host }) => host === "cdn" ? whole(new Uint8Array(50_000)) : undefined;
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    DownloadError,
    `expected SHA-256 ${sha256(WEIGHTS)}`,
  );
  const repo = join(test.cache, "models--owner--name");
  assert(!namesIn(join(repo, "blobs")).some((name) => name.startsWith(sha256(WEIGHTS))));
  assertEquals(namesIn(repo), ["blobs", "snapshots"], "no ref to what is not whole");
});

Deno.test("a Git-LFS pointer in place of the weights is refused", async () => {
  await using test = bench();
  const pointer = text(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(WEIGHTS)}\nsize 50000\n`,
  );
  test.hub.add("model", "owner/name", { ...FILES, "model.safetensors": pointer });
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    DownloadError,
    "model.safetensors of owner/name: the repository has a Git-LFS pointer in place of the file",
  );
});

Deno.test("a disk without room is told before the download", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  test.hub.intercept = ({ path }, answer) => {
    if (!path.endsWith("model.safetensors")) return undefined;
    const headers = new Headers(answer.headers);
    headers.set("x-linked-size", "900000000000000");
    return new Response(null, { status: 302, headers });
  };
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    FormatError,
    "900000.00 GB are needed",
  );
  assertEquals(test.hub.fetched(), []);
});

Deno.test("a server that is no Hub is refused", async () => {
  const spoil = (change: (headers: Headers) => void) => {
    return (path: string, answer: Response) => {
      if (!path.endsWith("config.json")) return undefined;
      const headers = new Headers(answer.headers);
      change(headers);
      return new Response(null, { headers });
    };
  };
  const cases: [(path: string, answer: Response) => Response | undefined, RegExp][] = [
    [() => new Response("<html>"), /the answer names no commit/],
    [() => Response.redirect("http://127.0.0.1:9/", 302), /connection to 127\.0\.0\.1:9 failed/],
    [() => new Response(null, { status: 302 }), /redirects to what is no http/],
    [
      () => new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } }),
      /redirects to what is no http/,
    ],
    [
      (path) => new Response(null, { status: 302, headers: { location: path } }),
      /redirects without end/,
    ],
    [spoil((headers) => headers.delete("etag")), /no ETag/],
    [spoil((headers) => headers.set("etag", '"../../x"')), /cannot be a file's name/],
    [spoil((headers) => headers.set("x-repo-commit", "0".repeat(40))), /asked for commit/],
    [spoil((headers) => headers.set("x-linked-size", "many")), /does not tell its length/],
  ];
  for (const [answer, expected] of cases) {
    await using test = bench();
    test.hub.add("model", "owner/name", FILES);
    test.hub.intercept = ({ path }, usual) => answer(path, usual);
    const error = await assertRejects(
      () => downloadModel("owner/name", test.options),
      DownloadError,
    );
    assertMatch(error.message, expected);
  }
});

Deno.test("a file whose ETag is no digest is said to be unverified", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  test.hub.intercept = ({ path }, answer) => {
    if (!path.endsWith("tokenizer.json")) return undefined;
    const headers = new Headers(answer.headers);
    headers.set("etag", 'W/"v1.2"');
    return new Response(answer.body, { headers });
  };
  const { directory } = await downloadModel("owner/name", test.options);
  assertEquals(await Deno.readLink(join(directory, "tokenizer.json")), "../../blobs/v1.2");
  assertEquals(test.events.filter(({ type }) => type === "unverified"), [
    { type: "unverified", file: "tokenizer.json" },
  ]);
});

Deno.test("a data set: all files, or those that are selected, in their folders", async () => {
  await using test = bench();
  const { hub, options } = test;
  const files = {
    ".gitattributes": text("*"),
    "README.md": text("# Data\n"),
    "data/train.parquet": WEIGHTS,
    "data/val.json": text("[]\n"),
  };
  const commit = hub.add("dataset", "owner/name", files);
  const select = (file: string) => file.startsWith("data/");
  const snapshot = await downloadDataset("owner/name", { ...options, select });
  assertEquals(snapshot.files, ["data/train.parquet", "data/val.json"]);
  assertEquals(
    snapshot.directory,
    join(test.cache, "datasets--owner--name", "snapshots", commit),
  );
  const train = join(snapshot.directory, "data/train.parquet");
  assertEquals(await Deno.readFile(train), WEIGHTS);
  assertEquals(await Deno.readLink(train), `../../../blobs/${sha256(WEIGHTS)}`);
  assertEquals((await downloadDataset("owner/name", options)).files, [
    "README.md",
    "data/train.parquet",
    "data/val.json",
  ]);
  const offline = { ...options, offline: true, select };
  assertEquals((await downloadDataset("owner/name", offline)).files, snapshot.files);
  await assertRejects(
    () => downloadDataset("owner/name", { ...options, select: () => false }),
    DownloadError,
    "none of its files is of a known kind; it has .gitattributes, README.md",
  );
});

Deno.test("an abort ends the wait for another process", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  const lock = join(
    ...[test.cache, ".locks/models--owner--name"],
    `${gitSha1(FILES["config.json"])}.lock`,
  );
  await Deno.mkdir(join(lock, ".."), { recursive: true });
  using held = await Deno.create(lock);
  await held.lock(true);
  const controller = new AbortController();
  const onEvent = ({ type }: HubEvent) => void (type === "wait" && controller.abort());
  const { signal } = controller;
  await assertRejects(
    () => downloadModel("owner/name", { ...test.options, signal, onEvent }),
    DOMException,
  );
  await held.unlock();
  await downloadModel("owner/name", test.options);
});

Deno.test("a cache that cannot be written is told as such", async () => {
  await using test = bench();
  test.hub.add("model", "owner/name", FILES);
  await Deno.mkdir(join(test.cache, ".."), { recursive: true });
  await Deno.writeTextFile(test.cache, "a file");
  await assertRejects(
    () => downloadModel("owner/name", test.options),
    FormatError,
    "a file stands where a folder is needed",
  );
});

Deno.test("property: whatever the servers do, it ends with the right files or a typed error", async () => {
  const garbage = (size: number) => new Uint8Array(size).fill(88);
  const FAULTS: Record<string, (answer: Response) => Response | Promise<Response>> = {
    none: (answer) => answer,
    cut: (answer) => cutAfter(answer, 100),
    empty: () => new Response(null),
    garbage: () => whole(garbage(5000)),
    headers: ({ headers }) => new Response(garbage(10), { headers }),
    partial: ({ headers }) => new Response(garbage(10), { status: 206, headers }),
    noContent: () => new Response(null, { status: 204 }),
    loop: () => new Response(null, { status: 302, headers: { location: "/" } }),
    gone: () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:9/" } }),
    range: () => refuse(416),
    denied: () => refuse(403),
    missing: () => refuse(404),
    later: () => refuse(429, undefined, { "retry-after": "0" }),
    failed: () => refuse(500),
  };
  // Half of the answers are good, so that faults come at every stage.
  const names = Object.keys(FAULTS).flatMap((name) => name === "none" ? [] : [name, "none"]);
  await using test = bench();
  const { hub, options, cache } = test;
  hub.add("model", "owner/name", FILES);
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...names), { maxLength: 14 }), async (faults) => {
      const left = [...faults];
      hub.intercept = (_, answer) => FAULTS[left.shift() ?? "none"](answer);
      const outcome = await downloadModel("owner/name", options).catch((error) => error);
      if (outcome instanceof Error) {
        assert(outcome instanceof DownloadError, outcome.stack);
        failed++;
      }
      // Whatever happened, the next run gets everything, and nothing wrong was kept.
      hub.intercept = null;
      const { directory } = await downloadModel("owner/name", options);
      for (const name of NEEDED) {
        const bytes = await Deno.readFile(join(directory, name));
        assertEquals(bytes, FILES[name as keyof typeof FILES]);
      }
      await Deno.remove(cache, { recursive: true });
    }),
    { numRuns: 150, seed: 9 },
  );
  assert(failed > 50 && failed < 150, `${failed} of 150 failed`);
});
