/**
 * The error classes of SQLoRA. Each extends the nearest builtin, carries data a program can act on,
 * and has a message of the form "Cannot <action>: <what is>; <what to do>".
 * @module
 */

/** An array has a shape, dtype or length that an operation cannot take. */
export class ShapeError extends RangeError {
  override readonly name = "ShapeError";
}

/** Where in its input a {@linkcode FormatError} was found. All fields are optional. */
export interface FormatLocation {
  /** Path or name of the file. */
  readonly file?: string;
  /** 1-based line (JSONL row) inside the file. */
  readonly line?: number;
  /** Byte offset inside the file. */
  readonly offset?: number;
}

/** A file (weights, adapter, tokenizer, data) is missing, truncated, malformed or unsupported. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly file?: string;
  readonly line?: number;
  readonly offset?: number;

  constructor(message: string, location: FormatLocation = {}, options?: ErrorOptions) {
    super(message, options);
    this.file = location.file;
    this.line = location.line;
    this.offset = location.offset;
  }
}

/** Options are wrong. `issues` holds every fault found, one sentence each. */
export class ConfigError extends TypeError {
  override readonly name = "ConfigError";
  readonly issues: readonly string[];

  constructor(issues: readonly string[], options?: ErrorOptions) {
    super(
      issues.length === 1 ? issues[0] : `${issues.length} options are wrong:\n` +
        issues.map((issue) => `  - ${issue}`).join("\n"),
      options,
    );
    this.issues = issues;
  }
}

/** A kernel did not compile, or was dispatched with bindings that do not fit it. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly kernel: string;
  /** 1-based line in the WGSL file, when the compiler named one. */
  readonly line?: number;
  /** The source around that line. */
  readonly excerpt?: string;

  constructor(message: string, at: { kernel: string; line?: number; excerpt?: string }) {
    super(at.excerpt ? `${message}\n${at.excerpt}` : message);
    this.kernel = at.kernel;
    this.line = at.line;
    this.excerpt = at.excerpt;
  }
}

/** There is no usable GPU adapter, it was lost, or it has too little of something. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  /** Bytes (or units of the limit named in the message) that were needed. */
  readonly needed?: number;
  /** What the adapter or the budget has. */
  readonly available?: number;
  /** Whether GPU memory ran out, or would: the same work with less memory may succeed. */
  readonly outOfMemory: boolean;

  constructor(
    message: string,
    details: { needed?: number; available?: number; outOfMemory?: boolean } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.needed = details.needed;
    this.available = details.available;
    this.outOfMemory = details.outOfMemory ?? false;
  }
}

/** Training cannot go on: a loss or gradient is not finite, or there is nothing to learn from. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
  /** The optimizer step (from 1) at which it happened. */
  readonly step?: number;

  constructor(message: string, step?: number) {
    super(message);
    this.step = step;
  }
}

/** Generation cannot go on: the model's logits are not finite. */
export class GenerationError extends Error {
  override readonly name = "GenerationError";
  /** Which of the prompts of the batch, from 0. */
  readonly sequence: number;
  /** How many tokens it had been continued by. */
  readonly generated: number;

  constructor(message: string, at: { sequence: number; generated: number }) {
    super(message);
    this.sequence = at.sequence;
    this.generated = at.generated;
  }
}

/**
 * Why a statement was not run to its end:
 * - `empty`: there is no statement, only blanks or comments;
 * - `syntax`: it does not parse;
 * - `unknown_table`, `unknown_column`, `unknown_function`: the schema has no such name;
 * - `ambiguous`: a column is in more than one of the tables;
 * - `not_allowed`: it is not one reading statement, or it touches what queries must not touch;
 * - `timeout`: it was not done at its deadline;
 * - `too_large`: it is too long or deep, or needs more memory than there is;
 * - `runtime`: it failed while it ran, or is wrong in another way;
 * - `database`: the database file is damaged.
 */
export type SqlErrorKind =
  | "empty"
  | "syntax"
  | "unknown_table"
  | "unknown_column"
  | "unknown_function"
  | "ambiguous"
  | "not_allowed"
  | "timeout"
  | "too_large"
  | "runtime"
  | "database";

/** A SQL statement is wrong, not allowed, or was stopped. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly kind: SqlErrorKind;
  /** Index into the statement, in UTF-16 code units, of the token that is wrong, where known. */
  readonly offset?: number;
  /** The name of the schema that is nearest to an unknown one. */
  readonly suggestion?: string;

  constructor(
    kind: SqlErrorKind,
    message: string,
    details: { offset?: number; suggestion?: string } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.kind = kind;
    this.offset = details.offset;
    this.suggestion = details.suggestion;
  }
}

/** What a program may want to know about a {@linkcode DownloadError}. All fields are optional. */
export interface DownloadFailure {
  /** Without its query, which may hold a signature. */
  readonly url?: string;
  /** HTTP status of the answer. */
  readonly status?: number;
  /** Whether the same request may succeed later: the network or the server failed. */
  readonly retryable?: boolean;
  /** How long the server asked to wait. */
  readonly retryAfterMs?: number;
  /** The digest or length that was promised, and what came. */
  readonly expected?: string;
  readonly received?: string;
}

/** A file could not be fetched from the Hugging Face Hub, or is not the one that was promised. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  readonly url?: string;
  readonly status?: number;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly expected?: string;
  readonly received?: string;

  constructor(message: string, failure: DownloadFailure = {}, options?: ErrorOptions) {
    super(message, options);
    this.url = failure.url;
    this.status = failure.status;
    this.retryable = failure.retryable ?? false;
    this.retryAfterMs = failure.retryAfterMs;
    this.expected = failure.expected;
    this.received = failure.received;
  }
}

/** A server that answers questions is away, refuses, or answers something else. */
export class BackendError extends Error {
  override readonly name = "BackendError";
  /** The address that was asked, where it was one. */
  readonly url?: string;
  /** The HTTP status, where there was an answer. */
  readonly status?: number;

  constructor(message: string, at: { url?: string; status?: number }, options?: ErrorOptions) {
    super(message, options);
    this.url = at.url;
    this.status = at.status;
  }
}

/** A program that a task needs is not installed, or failed. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly program: string;

  constructor(message: string, program: string, options?: ErrorOptions) {
    super(message, options);
    this.program = program;
  }
}
