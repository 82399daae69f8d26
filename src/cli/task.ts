/**
 * Runs a task: how it ends decides the exit code, and Ctrl-C or SIGTERM ends it cleanly.
 * @module
 */
import {
  BackendError,
  ConfigError,
  DeviceError,
  DownloadError,
  FormatError,
  GenerationError,
  KernelError,
  ShapeError,
  SqlError,
  ToolError,
  TrainingError,
} from "../errors.ts";

/** Exit codes of every task. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** An exit code and what to say on stderr. */
export interface Outcome {
  readonly code: number;
  readonly text: string;
}

const KNOWN = [
  FormatError,
  DownloadError,
  TrainingError,
  GenerationError,
  DeviceError,
  KernelError,
  ShapeError,
  SqlError,
  BackendError,
  ToolError,
];

/** The exit code and message for what a task threw: the stack only where the error is a surprise. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof ConfigError) {
    return { code: EXIT.wrongUse, text: `${error.message}\nRun with --help to see all options.` };
  }
  if (isAbort(error)) return { code: EXIT.interrupted, text: "Interrupted." };
  if (!(error instanceof Error)) return { code: EXIT.failed, text: String(error) };
  if (KNOWN.some((type) => error instanceof type)) {
    return { code: EXIT.failed, text: error.message + placeOf(error) };
  }
  // The operating system's refusals (no space, no permission) say what is wrong without a stack.
  if (isSystemError(error)) return { code: EXIT.failed, text: error.message };
  return { code: EXIT.failed, text: error.stack ?? error.message };
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function isSystemError(error: Error): boolean {
  const code = (error as { code?: unknown }).code;
  return (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) ||
    error instanceof Deno.errors.NotCapable;
}

function placeOf(error: Error): string {
  if (!(error instanceof FormatError) || error.file === undefined) return "";
  if (error.message.includes(error.file)) return "";
  const line = error.line === undefined ? "" : `, line ${error.line}`;
  return ` (${error.file}${line})`;
}

/** Who is told of Ctrl-C. */
export interface Interrupts {
  /** Calls `handle` for each Ctrl-C instead of ending the task, until the result is disposed of. */
  divert(handle: () => void): Disposable;
}

/**
 * Runs `main` and exits with the code that its end means. The first Ctrl-C (or SIGTERM, by which
 * schedulers end a job) aborts `signal`, so that work ends cleanly and the exit code is 130 whether
 * `main` then returns or throws the abort; the second exits at once.
 */
export async function runTask(
  main: (signal: AbortSignal, interrupts: Interrupts) => Promise<void>,
): Promise<never> {
  const controller = new AbortController();
  let diverted: (() => void) | null = null;
  const stop = () => {
    if (controller.signal.aborted) Deno.exit(EXIT.interrupted);
    console.error("\nStopping; press Ctrl-C again to exit at once.");
    controller.abort();
  };
  const interrupts: Interrupts = {
    divert(handle) {
      diverted = handle;
      return { [Symbol.dispose]: () => void (diverted = null) };
    },
  };
  Deno.addSignalListener("SIGINT", pressed(() => (diverted ?? stop)()));
  // Windows has no SIGTERM to listen for.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", pressed(stop));
  try {
    await main(controller.signal, interrupts);
  } catch (error) {
    const { code, text } = outcomeOf(error);
    console.error(text);
    Deno.exit(code);
  }
  Deno.exit(controller.signal.aborted ? EXIT.interrupted : EXIT.done);
}

/** A terminal sends Ctrl-C to all of its processes, and `deno task` passes its own on. */
const ONE_PRESS_MS = 250;

/** Calls `handle` once for signals that come together. */
function pressed(handle: () => void): () => void {
  let last = -Infinity;
  return () => {
    const now = performance.now();
    const again = now - last < ONE_PRESS_MS;
    last = now;
    if (!again) handle();
  };
}
