import fc from "fast-check";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DownloadError, FormatError } from "../../src/errors.ts";
import { downloadFile, type DownloadOptions } from "../../src/formats/download.ts";
import type { HubConnection } from "../../src/formats/hub_http.ts";
import {
  cutAfter,
  type FakeHub,
  gitSha1,
  type Intercept,
  refuse,
  sha256,
  slowly,
  startHub,
  whole,
} from "./hub_server.ts";
import { namesIn, temporaryFolder } from "./support.ts";

const SIZE = 200_000;
const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => (i * 2654435761) >>> 13);
const ETAG = sha256(CONTENT);
const REPO = { kind: "model", id: "owner/name", revision: "main" } as const;

interface Bench extends AsyncDisposable {
  readonly hub: FakeHub;
  readonly target: string;
  readonly partial: string;
  readonly names: () => string[];
  fetch(more?: Partial<HubConnection> & Pick<DownloadOptions, "onProgress">): Promise<void>;
}

/** A Hub with one large file, whose downloads `intercept` may spoil, and a folder for it. */
function bench(intercept: Intercept | null = null): Bench {
  const hub = startHub();
  const folder = temporaryFolder();
  const commit = hub.add("model", REPO.id, { "model.safetensors": CONTENT });
  hub.intercept = intercept;
  const target = folder.join("blob");
  const asked = { repo: REPO, file: "model.safetensors" };
  const url = `${hub.endpoint}/owner/name/resolve/${commit}/model.safetensors`;
  return {
    hub,
    target,
    partial: `${target}.incomplete`,
    names: () => namesIn(folder.join()),
    fetch({ onProgress, ...more } = {}) {
      const connection = { endpoint: hub.endpoint, backoffMs: 1, attempts: 3, ...more };
      return downloadFile({ url, asked, size: SIZE, etag: ETAG }, target, {
        connection,
        onProgress,
      });
    },
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const onCdn = (intercept: Intercept): Intercept => (seen, answer) =>
  seen.host === "cdn" ? intercept(seen, answer) : undefined;

const cdnStarts = (hub: FakeHub) =>
  hub.requests.filter(({ host }) => host === "cdn").map(({ from }) => from);

async function assertWhole({ target, names }: Bench): Promise<void> {
  assertEquals(await Deno.readFile(target), CONTENT);
  assertEquals(names(), ["blob"]);
}

Deno.test("a file arrives whole, from the host it is redirected to", async () => {
  await using test = bench();
  const seen: number[] = [];
  await test.fetch({ onProgress: (received) => void seen.push(received) });
  await assertWhole(test);
  assertEquals(seen[0], 0);
  assertEquals(seen.at(-1), SIZE);
  assert(seen.every((value, i) => i === 0 || value >= seen[i - 1]));
  assertEquals(test.hub.requests.map(({ host }) => host), ["hub", "cdn"]);
});

Deno.test("property: wherever connections are cut, the file arrives whole", async () => {
  await using test = bench();
  const cuts = fc.array(fc.integer({ min: 0, max: SIZE - 1 }), { minLength: 1, maxLength: 5 });
  const fit = fc.record({ cuts, ranges: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fit, async ({ cuts, ranges }) => {
      const left = [...cuts].sort((a, b) => a - b);
      test.hub.requests.length = 0;
      test.hub.intercept = onCdn((seen, answer) => {
        const cut = left.shift();
        const full = ranges ? answer : whole(CONTENT);
        const from = ranges ? seen.from : 0;
        return cut === undefined ? full : cutAfter(full, Math.max(0, cut - from));
      });
      await test.fetch({ attempts: cuts.length + 2 });
      await assertWhole(test);
      const starts = cdnStarts(test.hub);
      assertEquals([starts.length, starts[0]], [cuts.length + 1, 0]);
      if (ranges) {
        // Never asks again for what it has, and never for what it has not.
        starts.slice(1).forEach((from, i) => assert(from >= starts[i] && from <= SIZE));
      }
      await Deno.remove(test.target);
    }),
    { numRuns: 60, seed: 7 },
  );
});

Deno.test("property: a file that an earlier run left at any length is continued there", async () => {
  await using test = bench();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: SIZE }), async (length) => {
      await Deno.writeFile(test.partial, CONTENT.subarray(0, length));
      test.hub.requests.length = 0;
      await test.fetch();
      await assertWhole(test);
      assertEquals(cdnStarts(test.hub), length === SIZE ? [] : [length]);
      await Deno.remove(test.target);
    }),
    { numRuns: 40, seed: 8, examples: [[0], [1], [SIZE - 1], [SIZE]] },
  );
});

Deno.test("what an earlier run left damaged or too long is fetched anew", async () => {
  for (const left of [new Uint8Array(70_000), new Uint8Array(SIZE), new Uint8Array(SIZE + 1)]) {
    await using test = bench();
    await Deno.writeFile(test.partial, left);
    await test.fetch();
    await assertWhole(test);
    assertEquals(cdnStarts(test.hub).at(-1), 0);
  }
});

Deno.test("wrong bytes are removed, and the error names both digests", async () => {
  const wrong = CONTENT.slice();
  wrong[SIZE - 1] ^= 1;
  await using test = bench(onCdn(() => whole(wrong)));
  const error = await assertRejects(() => test.fetch(), DownloadError);
  assertEquals([error.expected, error.received], [ETAG, sha256(wrong)]);
  assertMatch(
    error.message,
    new RegExp(`model.safetensors.*${ETAG}, got ${sha256(wrong)}; .*remov`),
  );
  assertEquals(test.names(), []);
  assertEquals(cdnStarts(test.hub), [0], "wrong bytes are no reason to try again");
});

Deno.test("a file of another length is removed, and the error names both lengths", async () => {
  const longer = new Uint8Array(SIZE + 7), shorter = CONTENT.slice(0, SIZE - 7);
  const unannounced = (bytes: Uint8Array) => new Response(new Blob([bytes.slice()]).stream());
  const cases: [Intercept, RegExp][] = [
    [() => whole(longer), /expected 200000 bytes, got 200007;/],
    [() => whole(shorter), /expected 200000 bytes, got 199993;/],
    [() => unannounced(longer), /expected 200000 bytes, got 200007 or more;/],
  ];
  for (const [intercept, expected] of cases) {
    await using test = bench(onCdn(intercept));
    const error = await assertRejects(() => test.fetch(), DownloadError);
    assertMatch(error.message, expected);
    assertEquals(error.expected, String(SIZE));
    assertEquals(test.names(), []);
  }
  // One that merely ends early looks like a cut: what came stays, for the next run.
  await using test = bench(onCdn(({ from }) => unannounced(shorter.slice(from))));
  const error = await assertRejects(() => test.fetch(), DownloadError);
  assertMatch(error.message, /ended after 199993 of 200000 bytes/);
  assertEquals(test.names(), ["blob.incomplete"]);
});

Deno.test("a server that cannot continue is asked from the start", async () => {
  const answers: Record<string, Intercept> = {
    "416": () => refuse(416),
    "another range": () =>
      new Response(CONTENT.slice(5), {
        status: 206,
        headers: { "content-range": `bytes 5-${SIZE - 1}/${SIZE}` },
      }),
    "no range": () => new Response(CONTENT.slice(5), { status: 206 }),
    "all of it": () => whole(CONTENT),
  };
  for (const [name, intercept] of Object.entries(answers)) {
    await using test = bench(
      onCdn((seen, answer) => seen.from > 0 ? intercept(seen, answer) : undefined),
    );
    await Deno.writeFile(test.partial, CONTENT.subarray(0, 1000));
    await test.fetch();
    await assertWhole(test);
    assertEquals(cdnStarts(test.hub), name === "all of it" ? [1000] : [1000, 0], name);
  }
  // The range of a file of another length is no range of this one.
  const other = { "content-range": `bytes 1000-${SIZE}/${SIZE + 1}` };
  await using test = bench(onCdn(() => new Response(CONTENT, { status: 206, headers: other })));
  await Deno.writeFile(test.partial, CONTENT.subarray(0, 1000));
  await assertRejects(() => test.fetch(), DownloadError, "expected 200000 bytes, got 200001;");
});

Deno.test("errors that may pass are tried again a few times, others are not", async () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    let failures = 2;
    await using test = bench(onCdn(() => failures-- > 0 ? refuse(status) : undefined));
    const reasons: string[] = [];
    await test.fetch({ onRetry: ({ reason }) => void reasons.push(reason) });
    await assertWhole(test);
    assertEquals(reasons.length, 2);
  }
  for (const [status, tries] of [[500, 3], [429, 3], [400, 1], [403, 1], [404, 1]]) {
    await using test = bench(onCdn(() => refuse(status)));
    const error = await assertRejects(() => test.fetch(), DownloadError);
    assertEquals([error.status, cdnStarts(test.hub).length], [status, tries]);
    assert(!error.message.includes("secret") && !error.url!.includes("secret"));
  }
});

Deno.test("a cut that brings nothing new counts, one that brings something does not", async () => {
  let served = 0;
  await using test = bench(onCdn((seen, answer) => {
    served++;
    return cutAfter(answer, seen.from < SIZE / 2 ? 20_000 : 0);
  }));
  await assertRejects(() => test.fetch(), DownloadError, "connection");
  // Pieces of 20,000 bytes up to the middle, then three tries; the reset may lose some of a piece.
  assert(served >= 5 + 2, `${served} requests`);
  const [left] = test.names();
  assertEquals(left, "blob.incomplete");
  assert((await Deno.stat(test.partial)).size >= SIZE / 2);
});

Deno.test("Retry-After decides the wait; one of hours ends the download", async () => {
  const delays: number[] = [];
  const onRetry = ({ delayMs }: { delayMs: number }) => void delays.push(delayMs);
  let failures = 1;
  await using soon = bench(
    onCdn(() => failures-- > 0 ? refuse(429, undefined, { "retry-after": "0" }) : undefined),
  );
  await soon.fetch({ onRetry, backoffMs: 60_000 });
  assertEquals(delays, [0]);
  await using late = bench(onCdn(() => refuse(503, undefined, { "retry-after": "7200" })));
  const error = await assertRejects(() => late.fetch({ onRetry }), DownloadError);
  assertEquals([error.retryAfterMs, delays.length], [7_200_000, 1]);
});

Deno.test("a silent server is given up, a slow one is not", async () => {
  await using silent = bench(onCdn((_, answer) => slowly(answer, { pieces: 2, waitMs: 400 })));
  await assertRejects(
    () => silent.fetch({ timeoutMs: 60, attempts: 1 }),
    DownloadError,
    "was silent for 0.06 s",
  );
  await using slow = bench(onCdn((_, answer) => slowly(answer, { pieces: 5, waitMs: 40 })));
  await slow.fetch({ timeoutMs: 150, attempts: 1 });
  await assertWhole(slow);
});

Deno.test("an abort ends it at once, keeps what came, and the next run goes on", async () => {
  await using test = bench(onCdn((_, answer) => slowly(answer, { pieces: 10, waitMs: 20 })));
  const controller = new AbortController();
  const onProgress = (received: number) => void (received > SIZE / 4 && controller.abort());
  const error = await assertRejects(
    () => test.fetch({ signal: controller.signal, onProgress }),
    DOMException,
  );
  assertEquals(error.name, "AbortError");
  assertEquals(test.names(), ["blob.incomplete"]);
  const { size } = await Deno.stat(test.partial);
  assert(size > SIZE / 4 && size < SIZE);
  test.hub.intercept = null;
  await test.fetch();
  await assertWhole(test);
  assertEquals(cdnStarts(test.hub), [0, size]);
});

Deno.test("an abort also ends the wait before another try", async () => {
  await using test = bench(onCdn(() => refuse(500)));
  const controller = new AbortController();
  const onRetry = () => void setTimeout(() => controller.abort(), 10);
  const { signal } = controller;
  await assertRejects(() => test.fetch({ signal, onRetry, backoffMs: 60_000 }), DOMException);
});

Deno.test({
  name: "a full disk is told as such",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using test = bench();
    await Deno.symlink("/dev/full", test.partial);
    await assertRejects(() => test.fetch(), FormatError, "the disk is full");
  },
});

Deno.test("the server must still name the content that is wanted", async () => {
  await using test = bench((seen, answer) => {
    if (seen.host === "cdn") return undefined;
    const headers = new Headers(answer.headers);
    headers.set("x-linked-etag", `"${"0".repeat(64)}"`);
    return new Response(null, { status: 302, headers });
  });
  await assertRejects(() => test.fetch(), DownloadError, "now names other content (0000");
});

Deno.test("a small file is checked by Git's digest of it, an empty one too", async () => {
  for (const bytes of [new TextEncoder().encode("{}\n"), new Uint8Array()]) {
    await using hub = startHub();
    using folder = temporaryFolder();
    const commit = hub.add("model", REPO.id, { "config.json": bytes });
    const remote = {
      url: `${hub.endpoint}/owner/name/resolve/${commit}/config.json`,
      asked: { repo: REPO, file: "config.json" },
      size: bytes.length,
      etag: gitSha1(bytes),
    };
    const connection = { endpoint: hub.endpoint };
    await downloadFile(remote, folder.join("good"), { connection });
    assertEquals(await Deno.readFile(folder.join("good")), bytes);
    const other = { ...remote, etag: gitSha1(new Uint8Array(3)) };
    await assertRejects(
      () => downloadFile(other, folder.join("bad"), { connection }),
      DownloadError,
      `expected Git's SHA-1 ${other.etag}, got ${remote.etag}`,
    );
    assertEquals(namesIn(folder.join()), ["good"]);
  }
});
