import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, DownloadError } from "../../src/errors.ts";
import { retryAfter } from "../../src/formats/hub_errors.ts";
import {
  checkEndpoint,
  fileUrl,
  isHubName,
  isSafePath,
  parseHubName,
  parseRevisionInfo,
  revisionUrl,
} from "../../src/formats/hub_repo.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

Deno.test("names on the Hub are told from paths", () => {
  for (
    const name of [
      "mistralai/Mistral-7B-v0.1",
      "b-mc2/sql-create-context",
      "a/b",
      "x_1/y.z",
      "owner/name@v1.0",
      "owner/name@refs/pr/3",
      `owner/name@${COMMIT}`,
    ]
  ) assert(isHubName(name), name);
  for (
    const text of [
      "mistral-7b",
      "./a/b",
      "/a/b",
      "../b",
      "a/..",
      "a/b/c",
      "a/b/",
      "~/model",
      "C:\\models\\b",
      "a/.hidden",
      "-a/b",
      "a--b/c",
      "a/b..c",
      "a/b.git",
      "a b/c",
      "",
      "/",
      "a/b@",
      "a/b@../x",
      `${"a".repeat(200)}/b`,
    ]
  ) assert(!isHubName(text), text);
});

Deno.test("a name may carry a revision", () => {
  assertEquals(parseHubName("model", "a/b"), { kind: "model", id: "a/b", revision: "main" });
  const repo = parseHubName("dataset", "a/b@refs/pr/3");
  assertEquals(repo, { kind: "dataset", id: "a/b", revision: "refs/pr/3" });
  assertThrows(() => parseHubName("model", "../b"), ConfigError, "give OWNER/NAME");
});

Deno.test("addresses are those of the Hub's API", () => {
  const model = parseHubName("model", "a/b@refs/pr/3");
  const dataset = parseHubName("dataset", "a/b");
  const hub = checkEndpoint("https://hub.example/mirror/");
  assertEquals(
    revisionUrl(hub, model),
    "https://hub.example/mirror/api/models/a/b/revision/refs%2Fpr%2F3",
  );
  assertEquals(
    fileUrl(hub, dataset, COMMIT, "data/train 1#ü.json"),
    `https://hub.example/mirror/datasets/a/b/resolve/${COMMIT}/data/train%201%23%C3%BC.json`,
  );
  for (const wrong of ["hub.example", "file:///etc", ""]) {
    assertThrows(() => checkEndpoint(wrong), ConfigError, "correct HF_ENDPOINT");
  }
});

Deno.test("paths that leave their folder are refused", () => {
  for (const path of ["a", "a/b.json", "ü/ö", ".gitattributes", "a..b", "data/x:y"]) {
    assert(isSafePath(path), path);
  }
  const unsafe = ["", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "a/./b", "a\\b", "C:/a"];
  for (const path of [...unsafe, "c:a", "a\0b", "a\nb"]) {
    assert(!isSafePath(path), JSON.stringify(path));
    const json = { sha: COMMIT, siblings: [{ rfilename: "ok" }, { rfilename: path }] };
    const repo = parseHubName("model", "a/b");
    assertThrows(() => parseRevisionInfo(json, repo), DownloadError, "would leave its folder");
  }
});

Deno.test("an answer that is none of the Hub's is refused", () => {
  const repo = parseHubName("model", "a/b");
  const siblings = [{ rfilename: "x" }, { rfilename: "x" }];
  assertEquals(parseRevisionInfo({ sha: COMMIT, siblings }, repo), {
    commit: COMMIT,
    files: ["x"],
  });
  for (
    const [json, what] of [
      [null, "names no commit"],
      ["text", "names no commit"],
      [{ siblings }, "names no commit"],
      [{ sha: "../../x", siblings }, "names no commit"],
      [{ sha: COMMIT }, "lists no files"],
      [{ sha: COMMIT, siblings: [null] }, "a file without a name"],
    ] as const
  ) assertThrows(() => parseRevisionInfo(json, repo), DownloadError, what);
});

Deno.test("Retry-After is a number of seconds or a date", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  assertEquals(retryAfter("3", now), 3000);
  assertEquals(retryAfter("Fri, 20 Nov 2026 12:00:10 GMT", now), 10_000);
  assertEquals(retryAfter("Fri, 20 Nov 2026 11:00:00 GMT", now), 0);
  for (const none of [null, "", "soon"]) assertEquals(retryAfter(none, now), undefined);
});
