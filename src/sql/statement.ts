/**
 * Compiles the statements of a text, one at a time.
 * @module
 */
import { SqlError } from "../errors.ts";
import { failure } from "./faults.ts";
import type { Policy } from "./policy.ts";
import { type Runtime, SqliteFault } from "./runtime.ts";

/** The longest text of statements, in bytes of UTF-8. */
export const MAX_SQL_BYTES = 1 << 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Throws the fault that SQLite has just reported, if `status` is one. */
export function checkStatus({ engine }: Runtime, db: number, status: number): void {
  if ((status & 255) === 0) return;
  const message = engine.text(engine.c.sqlite3_errmsg(db)) ?? "";
  throw new SqliteFault({ code: status, message });
}

/** Calls `work` with a C copy of `text`, and frees it. Throws a SqlError if it does not fit. */
export function withText<T>(
  runtime: Runtime,
  text: string | Uint8Array,
  work: (c: number) => T,
): T {
  const { c, place } = runtime.engine;
  const pointer = place(typeof text === "string" ? encoder.encode(text) : text);
  if (pointer === 0) throw failure("too_large", "it does not fit into maxMemory");
  return cleaningUp(() => work(pointer), () => c.free(pointer));
}

/**
 * Calls `clean` after `work`, also after an error that left the engine whole. After any other the
 * engine must not be entered again.
 */
function cleaningUp<T>(work: () => T, clean: () => void): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    if (error instanceof SqlError || error instanceof SqliteFault) clean();
    throw error;
  }
  clean();
  return result;
}

/**
 * Calls `work` with the one statement of `sql`. Throws a SqlError or SqliteFault if there is none, a
 * second, or one that does more than read.
 */
export function withReadingStatement<T>(
  runtime: Runtime,
  db: number,
  { sql, policy, work }: { sql: string; policy: Policy; work: (statement: number) => T },
): T {
  const { c } = runtime.engine;
  return withStatements(runtime, db, { sql, policy }, (statement, tail) => {
    const rest = tail();
    if (statement === 0) {
      throw isBlank(rest)
        ? failure("empty", "there is no statement")
        : failure("not_allowed", "it begins with an empty statement");
    }
    if (!isBlank(rest)) {
      const more = rest.trim().slice(0, 40);
      throw failure("not_allowed", `there is text after the first statement (${more})`);
    }
    const reads = policy.selects && c.sqlite3_stmt_readonly(statement) !== 0 &&
      c.sqlite3_column_count(statement) > 0;
    if (!reads) throw failure("not_allowed", "it is no SELECT statement");
    // SQLite would take NULL for a value that nobody gives.
    if (c.sqlite3_bind_parameter_count(statement) > 0) {
      throw failure("runtime", "it has a placeholder (such as ? or :name) in the place of a value");
    }
    return { result: work(statement), stop: true };
  })!;
}

/** Calls `work` with each statement of a script, and returns what the last call returned. */
export function eachStatement<T>(
  runtime: Runtime,
  db: number,
  { sql, policy, work }: { sql: string; policy: Policy; work: (statement: number) => T },
): T | undefined {
  let last: T | undefined;
  withStatements(runtime, db, { sql, policy }, (statement) => {
    if (statement !== 0) last = work(statement);
    return { stop: false };
  });
  return last;
}

/** Runs a statement to its end without looking at its rows. */
export function finish(runtime: Runtime, db: number, statement: number): void {
  let status: number;
  while ((status = runtime.engine.c.sqlite3_step(statement)) === STEP.row);
  if (status !== STEP.done) checkStatus(runtime, db, status);
}

/** What `sqlite3_step` returns when all is well. */
export const STEP = { row: 100, done: 101 } as const;

// Compiles one statement after the other and calls `work` with each and the text behind it.
function withStatements<T>(
  runtime: Runtime,
  db: number,
  { sql, policy }: { sql: string; policy: Policy },
  work: (statement: number, rest: () => string) => { result?: T; stop: boolean },
): T | undefined {
  const { c, view } = runtime.engine;
  const bytes = encoder.encode(sql);
  if (bytes.length > MAX_SQL_BYTES) {
    throw failure("too_large", `it has ${bytes.length} bytes, of at most ${MAX_SQL_BYTES}`);
  }
  const zero = sql.indexOf("\0");
  if (zero >= 0) throw failure("syntax", "it has a NUL character", zero);
  return withText(runtime, bytes, (start) =>
    withText(runtime, new Uint8Array(8), (out) => {
      let at = 0;
      while (true) {
        const length = bytes.length - at;
        const status = c.sqlite3_prepare_v3(db, start + at, length + 1, 0, out, out + 4);
        if (status !== 0) throw prepareFault(runtime, db, { status, policy, bytes, at });
        const statement = view().getUint32(out, true);
        at = view().getUint32(out + 4, true) - start;
        const { result, stop } = cleaningUp(
          () => work(statement, () => decoder.decode(bytes.subarray(at))),
          () => c.sqlite3_finalize(statement),
        );
        if (stop || at >= bytes.length) return result;
        runtime.checkDeadline();
      }
    }));
}

function prepareFault(
  { engine: { c, text } }: Runtime,
  db: number,
  { status, policy, bytes, at }: {
    status: number;
    policy: Policy;
    bytes: Uint8Array;
    at: number;
  },
): Error {
  if (policy.refused) return failure("not_allowed", `it would ${policy.refused}`);
  const message = text(c.sqlite3_errmsg(db)) ?? "";
  const offset = c.sqlite3_error_offset(db);
  return new SqliteFault({
    code: status,
    message,
    offset: offset < 0 ? undefined : decoder.decode(bytes.subarray(0, at + offset)).length,
  });
}

const BLANK = /[ \t\n\f\r;]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;

/** Whether SQLite finds nothing in a text: blanks, semicolons and comments. */
export function isBlank(text: string): boolean {
  BLANK.lastIndex = 0;
  while (BLANK.lastIndex < text.length) if (!BLANK.test(text)) return false;
  return true;
}
