/**
 * Runs the tasks of the command line as a user does: in a process of their own.
 * @module
 */

/** The root of the project, in which the tasks run. */
export const ROOT: string = decodeURIComponent(new URL("../../", import.meta.url).pathname);

// What the user has tuned must not change what is tested; processes that tests start inherit this.
Deno.env.set("SQLORA_TUNING", "off");

/** How a process ended and what it said. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options by their names on the command line; `undefined` leaves one out, null means "none". */
export type CliOptions = Readonly<Record<string, unknown>>;

function toArguments(options: CliOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value === null ? "none" : String(value)]
  );
}

/** Starts `src/cli/<task>.ts` as its `deno task` does, but without another check of its types. */
export function spawnCli(
  task: string,
  options: CliOptions,
  ...switches: string[]
): Deno.ChildProcess {
  return startCli(task, options, { switches });
}

/** {@linkcode spawnCli}, with a standard input to write to if asked for. */
export function startCli(
  task: string,
  options: CliOptions,
  { switches = [], stdin = "null" }: { switches?: readonly string[]; stdin?: "null" | "piped" },
): Deno.ChildProcess {
  const script = `src/cli/${task}.ts`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...toArguments(options), ...switches],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a task to its end. */
export async function runCli(
  task: string,
  options: CliOptions,
  ...switches: string[]
): Promise<CliResult> {
  const { code, stdout, stderr } = await spawnCli(task, options, ...switches).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** What a task run with `--json` tells, event by event, as far as this test looks at it. */
export interface JsonEvent {
  readonly type: string;
  readonly step: number;
  readonly [key: string]: unknown;
}

/** Parses output that must be JSON objects, one a line. */
export function parseEvents(stdout: string): JsonEvent[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/**
 * Runs a task with `--json` and hands each event to `onEvent` as it comes, with a function that sends
 * the process a signal.
 */
export async function followCli(
  task: string,
  options: CliOptions,
  onEvent: (event: JsonEvent, kill: (signal: Deno.Signal) => void) => void | Promise<void>,
): Promise<CliResult & { readonly signal: Deno.Signal | null }> {
  const process = spawnCli(task, options, "--json");
  const stderr = new Response(process.stderr).text();
  let ended = false;
  const status = process.status.finally(() => ended = true);
  const kill = (signal: Deno.Signal) => void (ended || process.kill(signal));
  let stdout = "", rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    stdout += text;
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) await onEvent(JSON.parse(line), kill);
  }
  const { code, signal } = await status;
  return { code, signal, stdout, stderr: await stderr };
}
