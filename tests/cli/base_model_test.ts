import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createDownloadDisplay, modelFolder, spacedOut } from "../../src/cli/base_model.ts";
import type { HubEvent } from "../../src/formats/hub.ts";
import { refuse, slowly, startHub } from "../formats/hub_server.ts";
import { tempFolder, tinyOptions } from "../train/support.ts";
import { goldenBase } from "../train/tiny.ts";
import { type CliOptions, type CliResult, parseEvents, ROOT } from "./support.ts";

const NAME = "tiny/mistral";

/** A Hub with the golden model, and a run's options but for the data. */
async function bench() {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(tempFolder());
  const hub = stack.use(startHub());
  const base = await goldenBase(folder("source"));
  const files: Record<string, Uint8Array> = {};
  for (const { name } of Deno.readDirSync(base)) files[name] = Deno.readFileSync(join(base, name));
  const commit = hub.add("model", NAME, files);
  const options = await tinyOptions(folder, { base_model: NAME, max_steps: 1, val_path: null });
  const env = { HF_HOME: folder("hf"), HF_ENDPOINT: hub.endpoint, HF_TOKEN: "hf_secret" };
  const owner = stack.move();
  return {
    folder,
    hub,
    base,
    commit,
    options,
    env,
    [Symbol.asyncDispose]: () => owner.disposeAsync(),
  };
}

/** Runs a task as a user does, with the permissions that deno.json gives it. */
async function runTask(
  task: string,
  options: CliOptions,
  { env, switches = [] }: { env: Record<string, string>; switches?: string[] },
): Promise<CliResult> {
  const given = Object.entries(options).flatMap(([name, value]) => [
    `--${name}`,
    value === null ? "none" : String(value),
  ]);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", task, ...given, ...switches],
    cwd: ROOT,
    env: { NO_COLOR: "1", HF_HUB_OFFLINE: "", ...env },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test("train takes its base model from the Hub, the second time from the cache", async () => {
  await using test = await bench();
  const { hub, options, env, commit, folder } = test;
  const first = await runTask("train", options, { env });
  assertEquals(first.code, 0, first.stderr);
  assertMatch(first.stderr, /^Downloading tiny\/mistral: .* of .* 100% .*\n$/m);
  const snapshot = folder(`hf/hub/models--tiny--mistral/snapshots/${commit}`);
  assertStringIncludes(first.stdout, snapshot);
  const run = options.output_dir!;
  const meta = JSON.parse(await Deno.readTextFile(join(run, "run_meta.json")));
  assertEquals([meta.base_model, meta.model_directory], [NAME, snapshot]);
  const adapter = JSON.parse(await Deno.readTextFile(join(run, "adapters/adapter_config.json")));
  assertEquals(adapter.base_model_name_or_path, NAME);

  // The adapter names its base model, so that is found again, without the network too.
  hub.requests.length = 0;
  const offline = { ...env, HF_HUB_OFFLINE: "1" };
  const question = { adapter_path: join(run, "adapters"), prompt: "SELECT", max_new_tokens: 4 };
  const answer = await runTask("infer", question, { env: offline, switches: ["--json"] });
  assertEquals([answer.code, answer.stderr], [0, ""]);
  assertEquals(JSON.parse(answer.stdout).ids.length, 4);
  assertEquals(hub.requests, []);
});

Deno.test("train --json tells of the download in JSON lines; the result is that of the folder", async () => {
  await using test = await bench();
  const { options, env, base, folder } = test;
  const { code, stdout, stderr } = await runTask("train", options, { env, switches: ["--json"] });
  assertEquals([code, stderr], [0, ""]);
  const events = parseEvents(stdout);
  const downloads = events.filter(({ type }) => type === "download");
  assertEquals(downloads[0].state, "progress");
  assertEquals(downloads.at(-1)!.totalReceived, downloads.at(-1)!.totalSize);
  assertEquals(events[downloads.length].type, "start");
  const local = { ...options, base_model: base, output_dir: folder("local") };
  assertEquals((await runTask("train", local, { env, switches: ["--quiet"] })).code, 0);
  const weights = (run: string) =>
    Deno.readFileSync(join(run, "adapters/adapter_model.safetensors"));
  assertEquals(weights(options.output_dir!), weights(folder("local")));
});

Deno.test("two processes at once download a model once", async () => {
  await using test = await bench();
  const { hub, options, env, folder } = test;
  hub.intercept = ({ host }, answer) =>
    host === "cdn" ? slowly(answer, { pieces: 20, waitMs: 100 }) : undefined;
  const results = await Promise.all(
    ["a", "b"].map((name) =>
      runTask("train", { ...options, output_dir: folder(name) }, {
        env,
        switches: ["--dry_run"],
      })
    ),
  );
  assertEquals(results.map(({ code }) => code), [0, 0], results.map((r) => r.stderr).join());
  assertEquals(hub.fetched().filter((line) => line.startsWith("cdn")).length, 1);
  assert(results.some(({ stderr }) => stderr.includes("Waiting for another process")));
});

Deno.test("train refuses what the Hub refuses, with exit code 1 and one sentence", async () => {
  await using test = await bench();
  const { hub, options, env } = test;
  const failure = async (changes: CliOptions, more: Record<string, string> = {}) => {
    const all = { ...options, ...changes };
    const result = await runTask("train", all, { env: { ...env, ...more }, switches: ["--quiet"] });
    assertEquals([result.code, result.stdout], [1, ""], result.stderr);
    assertMatch(result.stderr, /^Cannot [^\n]+\n$/, "not one sentence");
    assert(!result.stderr.includes("hf_secret"));
    return result.stderr;
  };
  assertMatch(await failure({ base_model: "tiny/none" }), /no model tiny\/none .*or the path/);
  assertMatch(await failure({}, { HF_HUB_OFFLINE: "1" }), /this run is offline/);
  hub.intercept = () => refuse(403, "GatedRepo");
  assertMatch(await failure({}), /is gated, and the account of the token has no access/);
});

Deno.test("a folder is taken as it is, also one that could be a name on the Hub", async () => {
  using folder = tempFolder();
  Deno.mkdirSync(folder("owner/name"), { recursive: true });
  const before = Deno.cwd();
  try {
    Deno.chdir(folder.path);
    assertEquals(await modelFolder("owner/name", {}), "owner/name");
  } finally {
    Deno.chdir(before);
  }
  for (const path of ["mistral-7b", "./owner/other", "/no/where"]) {
    assertEquals(await modelFolder(path, {}), path);
  }
});

const progress = (received: number, file = "model.safetensors"): HubEvent => ({
  ...{ type: "progress", file, received, size: 4 << 20 },
  ...{ totalReceived: received, totalSize: 4 << 20 },
});

/** A stream that keeps what is written, and a clock that is set by hand. */
function screen(terminal: boolean) {
  const state = { text: "", at: 0 };
  const stream = {
    writeSync(bytes: Uint8Array) {
      state.text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => terminal,
  };
  return { state, display: createDownloadDisplay("a/b", { stream, now: () => state.at }) };
}

Deno.test("a terminal sees one line that changes, with pace and time left", () => {
  const { state, display } = screen(true);
  display.event(progress(0));
  state.at = 1000;
  display.event(progress(1 << 20));
  state.at = 1001; // too soon to be drawn
  display.event(progress(2 << 20));
  display.event({ type: "wait", file: "x" });
  display.done();
  assertEquals(
    state.text,
    "\rDownloading a/b: 0 B of 4.0 MiB  0%  model.safetensors\x1b[K" +
      "\rDownloading a/b: 1.0 MiB of 4.0 MiB  25%  1.0 MiB/s  ETA 3s  model.safetensors\x1b[K" +
      "\r\x1b[KWaiting for another process that downloads x of a/b\n",
  );
});

Deno.test("a log gets a line now and then, and every note", () => {
  const { state, display } = screen(false);
  for (state.at = 0; state.at <= 20_000; state.at += 100) display.event(progress(1 + state.at));
  display.event({ type: "retry", repo: "a/b", reason: "It broke.", delayMs: 1500 });
  display.event({ type: "unverified", file: "x" });
  display.event({ type: "cached", repo: "a/b", reason: "No network." });
  display.done();
  const lines = state.text.trimEnd().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("Downloading")).length, 3);
  assertEquals(lines.slice(3), [
    "It broke.",
    "Trying again in 1.5 s",
    "Note: the server names no digest for x; its length is checked",
    "No network.",
    "Using a/b as it was downloaded earlier",
  ]);
});

Deno.test("of progress, the ends of files are never left out", () => {
  const seen: HubEvent[] = [];
  const pass = spacedOut((event) => void seen.push(event), 1000, () => 0);
  const events = [progress(0), progress(1), progress(4 << 20), progress(0, "b"), progress(4 << 20)];
  for (const event of events) pass(event);
  assertEquals(seen, [events[0], events[2], events[4]]);
});
