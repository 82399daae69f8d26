import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { modelFolder } from "../../src/cli/base_model.ts";
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

Deno.test("a download that is killed or gets Ctrl-C goes on where it was", async () => {
  await using test = await bench();
  const { hub, options, env, folder } = test;
  hub.intercept = ({ host }, answer) =>
    host === "cdn" ? slowly(answer, { pieces: 40, waitMs: 50 }) : undefined;
  const starts = () => hub.requests.filter(({ host }) => host === "cdn").map(({ from }) => from);
  const blobs = folder("hf/hub/models--tiny--mistral/blobs");
  const partial = () =>
    Array.from(Deno.readDirSync(blobs)).find(({ name }) => name.endsWith(".incomplete"))?.name;
  const given = Object.entries({ ...options, val_path: "none" });
  for (const signal of ["SIGKILL", "SIGINT"] as const) {
    // Not by way of `deno task`, which would get the signal in its place.
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "src/cli/train.ts", "--dry_run"],
        ...given.flatMap(([name, value]) => [`--${name}`, String(value)]),
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    const before = starts().length;
    while (starts().length === before) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 400));
    process.kill(signal);
    const { code } = await process.status;
    if (signal === "SIGINT") assertEquals(code, 130);
  }
  const { size } = Deno.statSync(join(blobs, partial()!));
  hub.intercept = null;
  const switches = ["--dry_run"];
  assertEquals((await runTask("train", options, { env, switches })).code, 0);
  const [first, second, third] = starts();
  assertEquals([first, third], [0, size]);
  assert(0 < second && second < third, `${starts()}`);
  assertEquals(partial(), undefined);
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
