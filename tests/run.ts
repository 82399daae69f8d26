/**
 * `deno task test [FILTER…]`: checks all types, then runs the test files whose path contains one of
 * the filters. Each has a process of its own: that costs no measurable time, a crash names its file
 * and spoils no other. The last line printed is `N passed, N failed`.
 * @module
 */
import { ensureAdapter } from "../src/cli/setup.ts";
import { type Ending, judge, report, type Tally, total } from "./judge.ts";

const TIME_LIMIT_MS = 10 * 60_000;

/** The test files under `folder`, in the order of their paths. */
export async function findTests(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await findTests(path));
    else if (name.endsWith("_test.ts")) found.push(path);
  }
  return found.sort();
}

/**
 * Runs one test file and passes on to `write` what it prints. An abort of `signal`, or the end of the
 * time limit, kills the file's process and those that it started.
 */
export async function runFile(
  file: string,
  { write, signal, timeLimitMs = TIME_LIMIT_MS }: {
    write: (chunk: Uint8Array) => Promise<void>;
    signal?: AbortSignal;
    timeLimitMs?: number;
  },
): Promise<Tally> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", file],
    // What a user has tuned must not change what is tested.
    env: { SQLORA_TUNING: "off", ...Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" } },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    // A process group of its own, so that nothing a test started outlives it.
    detached: true,
  }).spawn();
  let killedAfterMs: number | undefined;
  const timer = setTimeout(() => {
    killedAfterMs = timeLimitMs;
    killGroup(child);
  }, timeLimitMs);
  const stop = () => killGroup(child);
  signal?.addEventListener("abort", stop);
  const output = collect(child.stdout, write);
  const { code, signal: endSignal } = await child.status;
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  killGroup(child);
  return judge(file, await output, { code, signal: endSignal, killedAfterMs } satisfies Ending);
}

function killGroup(child: Deno.ChildProcess): void {
  try {
    if (Deno.build.os === "windows") child.kill("SIGKILL");
    else Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    await write(chunk);
  }
  return text;
}

async function main(filters: readonly string[]): Promise<number> {
  const all = await findTests("tests");
  const files = all.filter((file) =>
    filters.length === 0 || filters.some((filter) => file.includes(filter))
  );
  if (files.length === 0) {
    console.log(`No test file has ${filters.join(" or ")} in its path.\n0 passed, 0 failed`);
    return 1;
  }
  console.log("Checking types ...");
  const checked = await new Deno.Command(Deno.execPath(), {
    args: ["check", "-q", ...(filters.length === 0 ? ["src", "tests"] : files)],
  }).spawn().status;
  if (!checked.success) {
    console.log("Types are wrong, so no test was run.\n0 passed, 1 failed");
    return 1;
  }
  await ensureAdapter();
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    if (name === "SIGTERM" && Deno.build.os === "windows") continue;
    Deno.addSignalListener(name, () => interrupt.abort());
  }
  const stdout = Deno.stdout.writable.getWriter();
  const write = (chunk: Uint8Array) => stdout.write(chunk);
  const started = performance.now();
  const tallies: Tally[] = [];
  for (const file of files) {
    if (interrupt.signal.aborted) break;
    tallies.push(await runFile(file, { write, signal: interrupt.signal }));
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const end = interrupt.signal.aborted ? ", then interrupted" : "";
  const result = total(tallies);
  await write(new TextEncoder().encode(
    `\n${tallies.length} of ${files.length} files run in ${seconds} s${end}\n${report(result)}\n`,
  ));
  if (interrupt.signal.aborted) return 130;
  return result.failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  const filters = Deno.args.filter((argument) => argument !== "--");
  try {
    Deno.exit(await main(filters));
  } catch (error) {
    console.log(`${error instanceof Error ? error.message : error}\n0 passed, 1 failed`);
    Deno.exit(1);
  }
}
