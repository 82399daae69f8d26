/**
 * Decides what the tests of one file came to, for the runner in `run.ts`.
 * @module
 */

/** How the process of a test file ended. */
export interface Ending {
  readonly code: number;
  readonly signal: string | null;
  /** Set if it was killed, after this many milliseconds. */
  readonly killedAfterMs?: number;
}

/** What became of the tests of one file, or of several. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** One line for each failure. */
  readonly failures: readonly string[];
  /** Names of the tests that are there but did not run. */
  readonly ignored: readonly string[];
  /** What a reader should know although nothing failed. */
  readonly notes: readonly string[];
}

/**
 * Judges a test file by what `deno test` printed and by how its process ended. Without a summary at
 * the end the file failed, whatever passed before. A bad end below a good summary is a failure too,
 * but for one: the software Vulkan driver can abort (SIGABRT) a process that is on its way out.
 */
export function judge(file: string, output: string, ending: Ending): Tally {
  const text = withoutColours(output);
  const failures = namesBefore("FAILED", text).map((name) => `${file}: ${name}`);
  const ignored = namesBefore("ignored", text);
  const broken = (reason: string, passed = 0, failed = 0): Tally => ({
    passed,
    failed: failed + 1,
    failures: [...failures, `${file}: ${reason}`],
    ignored,
    notes: [],
  });
  if (ending.killedAfterMs !== undefined) {
    return broken(`killed, for it was not done after ${ending.killedAfterMs / 1000} s`);
  }
  const end = ending.signal ?? `exit code ${ending.code}`;
  const summary = readSummary(text);
  if (!summary) return broken(`crashed before its tests were done (${end})`);
  const { ok, started, passed, failed } = summary;
  if (!ok) {
    return failed > 0 && failed === failures.length
      ? { passed, failed, failures, ignored, notes: [] }
      : broken("an error outside of its tests", passed, Math.max(failures.length, failed - 1));
  }
  if (started === 0) return broken("has no tests");
  if (ending.code === 0) return { passed, failed, failures, ignored, notes: [] };
  if (ending.signal !== "SIGABRT" || started !== passed + ignored.length) {
    return broken(`ended badly although its tests passed (${end})`, passed);
  }
  const note = `${file}: all ${passed} tests passed, then the process aborted while it exited ` +
    `(${end}); this is a fault of the software Vulkan driver and counts as passed`;
  return { passed, failed, failures, ignored, notes: [note] };
}

interface Summary {
  readonly ok: boolean;
  /** How many tests the file announced. */
  readonly started: number;
  readonly passed: number;
  readonly failed: number;
}

// "ok | 2 passed (2 steps) | 0 failed | 1 ignored (5ms)" as the last thing printed.
function readSummary(text: string): Summary | null {
  const [, word, passed, failed] =
    /^(ok|FAILED) \| (\d+) passed.*? \| (\d+) failed.*$/.exec(text.trimEnd().split("\n").at(-1)!) ??
      [];
  if (!word) return null;
  const started = Number(/^running (\d+) tests? from /m.exec(text)?.[1] ?? 0);
  return { ok: word === "ok", started, passed: Number(passed), failed: Number(failed) };
}

// "name ... FAILED (2ms)". Steps are indented; they belong to the test that has them.
function namesBefore(word: string, text: string): string[] {
  const lines = text.matchAll(new RegExp(`^(\\S.*?) \\.\\.\\. ${word}\\b`, "gm"));
  return Array.from(lines, ([, name]) => name);
}

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/** Adds up what several files came to. */
export function total(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
    ignored: tallies.flatMap(({ ignored }) => ignored),
    notes: tallies.flatMap(({ notes }) => notes),
  };
}

/** The end of the report: why tests were ignored, notes, failures, and `N passed, N failed`. */
export function report({ passed, failed, failures, ignored, notes }: Tally): string {
  const byReason = Map.groupBy(ignored, (name) => /\(([^()]*)\)$/.exec(name)?.[1] ?? "no reason");
  const skipped = Array.from(byReason, ([reason, names]) => {
    const short = names.map((name) => name.replace(` (${reason})`, ""));
    return `${names.length} ignored (${reason}): ${short.join("; ")}`;
  });
  return [
    ...skipped,
    ...notes.map((note) => `Note: ${note}`),
    ...failures.map((failure) => `Failed: ${failure}`),
    `${passed} passed, ${failed} failed`,
  ].join("\n");
}
