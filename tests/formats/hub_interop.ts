/**
 * Checks that Python's huggingface_hub and this library share one cache: each finds what the other
 * downloaded, and waits while the other downloads. Not a part of the tests, because it needs Python:
 *
 *     pip install huggingface_hub
 *     deno run -A tests/formats/hub_interop.ts PYTHON
 *
 * Last run with huggingface_hub 2.4.0 and 0.36.0 on Python 3.11.
 * @module
 */
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { downloadDataset, downloadModel, type HubEvent } from "../../src/formats/hub.ts";
import { sha256, slowly, startHub } from "./hub_server.ts";
import { namesIn, temporaryFolder } from "./support.ts";

const [python = "python3"] = Deno.args;
const text = (content: string) => new TextEncoder().encode(content);
const WEIGHTS = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
const FILES = {
  "config.json": text("{}\n"),
  "tokenizer.json": text("{ }\n"),
  "model.safetensors": WEIGHTS,
};
const NAMES = Object.keys(FILES);

await using hub = startHub();
using folder = temporaryFolder();
const home = folder.join("hf");
const cacheDirectory = join(home, "hub");
const options = { endpoint: hub.endpoint, cacheDirectory };

function start(code: string): Deno.ChildProcess {
  const env = { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_HUB_DISABLE_TELEMETRY: "1" };
  const args = ["-c", `from huggingface_hub import *\n${code}`];
  return new Deno.Command(python, { args, env, stdout: "piped" }).spawn();
}

async function run(code: string): Promise<unknown> {
  const { success, stdout } = await start(`import json\nprint(json.dumps(${code}))`).output();
  assert(success, "Python failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

const pythonFetch = (name: string, more: string) =>
  `[hf_hub_download("${name}", f${more}) for f in ${JSON.stringify(NAMES)}]`;

function step(what: string): void {
  console.log(`ok  ${what}`);
  hub.requests.length = 0;
}

hub.add("model", "a/ours", FILES);
hub.add("dataset", "a/data", { "data/x.parquet": WEIGHTS });
const ours = await downloadModel("a/ours", options);
const data = await downloadDataset("a/data", options);
hub.requests.length = 0;
assertEquals(
  await run(pythonFetch("a/ours", ", local_files_only=True")),
  NAMES.map((name) => join(ours.directory, name)),
);
assertEquals(await run(`snapshot_download("a/ours", local_files_only=True)`), ours.directory);
const asDataset = `repo_type="dataset", local_files_only=True`;
assertEquals(await run(`snapshot_download("a/data", ${asDataset})`), data.directory);
assertEquals(hub.requests.filter(({ path }) => path.includes("/a/")), []);
step("Python finds what this library downloaded, offline");

await run(pythonFetch("a/ours", ""));
assertEquals(hub.fetched(), []);
step("Python, online, downloads none of it again");

const sizes = await run("[(r.repo_id, r.nb_files) for r in scan_cache_dir().repos]");
assertEquals((sizes as string[]).sort(), [["a/data", 1], ["a/ours", 3]] as unknown as string[]);
assertEquals(await run("[str(w) for w in scan_cache_dir().warnings]"), []);
step("Python's scan of the cache has nothing to complain about");

const commit = hub.add("model", "a/theirs", FILES);
await run(pythonFetch("a/theirs", ""));
hub.requests.length = 0;
const theirs = await downloadModel("a/theirs", { ...options, offline: true });
assertEquals([theirs.commit, theirs.files], [commit, [...NAMES].sort()]);
await downloadModel("a/theirs", options);
assertEquals(hub.requests.map(({ path }) => path), ["/api/models/a/theirs/revision/main"]);
step("this library finds what Python downloaded, offline and online");

hub.add("model", "a/both", FILES);
hub.intercept = ({ host }, answer) =>
  host === "cdn" ? slowly(answer, { pieces: 10, waitMs: 200 }) : undefined;
const events: HubEvent[] = [];
const slow = start(pythonFetch("a/both", ""));
while (hub.fetched().every((line) => !line.startsWith("cdn"))) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const both = await downloadModel("a/both", { ...options, onEvent: (e) => void events.push(e) });
assert((await slow.output()).success);
assertEquals(hub.fetched().filter((line) => line.startsWith("cdn")).length, 1);
assert(events.some(({ type }) => type === "wait"));
assertEquals(await Deno.readFile(join(both.directory, "model.safetensors")), WEIGHTS);
step("this library waits while Python downloads");

hub.add("model", "a/again", FILES);
const first = downloadModel("a/again", options);
while (hub.fetched().every((line) => !line.startsWith("cdn"))) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
await Promise.all([run(pythonFetch("a/again", "")), first]);
assertEquals(hub.fetched().filter((line) => line.startsWith("cdn")).length, 1);
const blobs = namesIn(join(cacheDirectory, "models--a--again/blobs"));
assert(blobs.includes(sha256(WEIGHTS)) && blobs.every((name) => !name.includes("incomplete")));
step("Python waits while this library downloads");
