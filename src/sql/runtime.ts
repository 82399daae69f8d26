/**
 * An engine with a guard: within it a policy and a deadline hold, and what goes wrong inside the
 * module becomes a {@linkcode SqlError}.
 * @module
 */
import { createEngine, type Engine, type Sqlite } from "./engine.ts";
import { failure, type Fault } from "./faults.ts";
import type { ReadOnlyFile } from "./host.ts";
import { type Policy, TRUSTING } from "./policy.ts";

/** SQLite with a guard. Connections of one runtime share its memory and its end. */
export interface Runtime {
  readonly engine: Engine;
  /** The engine was stopped in the middle of its work: it must not be used any more. */
  readonly broken: boolean;
  /** Runs `work` until the deadline. Throws what it throws, or a SqlError of kind `timeout`. */
  guard<T>(limits: { policy: Policy; timeoutMs: number }, work: () => T): T;
  /** Throws the SqlError of a deadline that has passed. */
  checkDeadline(): void;
}

/** The code of a fault of the statement or the schema, not of the file or the memory. */
export const SQLITE_ERROR = 1;

/** SQLite reported an error. */
export class SqliteFault extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

class Overrun extends Error {}
class StackOverflow extends Error {}

/**
 * SQLite ends a statement properly when its progress handler says so, and the engine lives on. Where
 * it does not come to ask within this time, the engine is stopped and given up.
 */
const GRACE_MS = 30;

/** A runtime whose memory cannot grow beyond `maxMemory` bytes, and that can open at most `file`. */
export function createRuntime(
  sqlite: Sqlite,
  { maxMemory, file }: { maxMemory: number; file?: ReadOnlyFile },
): Runtime {
  let policy = TRUSTING;
  let deadline = Infinity;
  let timeout = Infinity;
  let broken = false;
  const late = () => failure("timeout", `it was not done after ${timeout} ms`);
  const tick = () => {
    if (performance.now() > deadline + GRACE_MS) throw new Overrun();
  };
  const engine = createEngine(sqlite, {
    maxMemory,
    // A disk can be slow, and a long text is read page by page without a loop between.
    file: file && {
      size: file.size,
      read(into, offset) {
        tick();
        return file.read(into, offset);
      },
    },
    callbacks: {
      tick,
      overflow() {
        throw new StackOverflow();
      },
      interrupt: () => performance.now() > deadline,
      authorize: (action, first, second) => policy.authorize(action, first, second),
    },
  });
  return {
    engine,
    get broken() {
      return broken;
    },
    guard(limits, work) {
      if (broken) throw failure("runtime", "its engine was stopped before");
      policy = limits.policy;
      timeout = limits.timeoutMs;
      deadline = performance.now() + timeout;
      try {
        return work();
      } catch (error) {
        if (error instanceof SqliteFault && (error.fault.code & 255) === 9) throw late();
        const trap = error instanceof WebAssembly.RuntimeError;
        const deep = error instanceof StackOverflow ||
          error instanceof RangeError && /call stack/.test(error.message);
        broken ||= trap || deep || error instanceof Overrun;
        if (error instanceof Overrun) throw late();
        if (deep) throw failure("too_large", "it is nested too deeply");
        if (trap) throw failure("runtime", `SQLite failed (${error.message})`);
        throw error;
      } finally {
        policy = TRUSTING;
        deadline = Infinity;
      }
    },
    checkDeadline() {
      if (performance.now() > deadline) throw late();
    },
  };
}
