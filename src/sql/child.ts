/**
 * A database file that is too large for memory, queried by a child process. The child may read the
 * file and nothing else, and is killed where it does not end a statement at its deadline.
 * @module
 */
import { FormatError, SqlError } from "../errors.ts";
import { QUERY_DEFAULTS } from "./connection.ts";
import type { Database, QueryOptions, QueryResult } from "./database.ts";
import { meteredSqlite } from "./engine.ts";
import { failure } from "./faults.ts";
import { checkHeader, type DatabaseFile, readStart } from "./file.ts";
import {
  encodeMessage,
  readError,
  type Receiver,
  receiver,
  type Reply,
  type Request,
  type WrittenError,
} from "./message.ts";
import type { DatabaseSchema } from "./schema.ts";

/** The limits of the child. */
interface ChildOptions {
  readonly name?: string;
  readonly maxMemory: number;
  readonly maxLength: number;
}

/** The child keeps its deadlines itself; it is killed when it has not by this time after. */
const KILL_AFTER_MS = 70;

/** Opens a file in a child process. Throws a FormatError where it is damaged or has a log. */
export async function openChildDatabase(
  file: DatabaseFile,
  options: ChildOptions,
): Promise<Database> {
  const { path, size, log } = file;
  if (log) {
    const what =
      `Cannot open ${path}: it is too large for memory, and ${log.path} beside it holds ` +
      "changes that are not in it yet; open and close it once with a program that may write it";
    throw new FormatError(what, { file: path });
  }
  checkHeader(await readStart(path, 100), { size, file: path });
  return new ChildDatabase(file, options, await startChild(file, options));
}

interface Child {
  readonly process: Deno.ChildProcess;
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
  readonly output: Receiver;
}

async function startChild({ path }: DatabaseFile, options: ChildOptions): Promise<Child> {
  const { bytes: module, slot } = await meteredSqlite();
  const process = spawn(path);
  const child: Child = {
    process,
    input: process.stdin.getWriter(),
    output: receiver(process.stdout),
  };
  const { maxMemory, maxLength } = options;
  let fault: string;
  try {
    await child.input.write(encodeMessage({ path, module, slot, maxMemory, maxLength }));
    await child.output.done();
    const { error } = await child.output.receive() as Reply;
    if (!error) return child;
    fault = error.message;
  } catch {
    fault = `the process that was to read it ended (exit code ${(await process.status).code})`;
  }
  await stop(child);
  throw new FormatError(`Cannot open ${path}: ${fault}`, { file: path });
}

function spawn(path: string): Deno.ChildProcess {
  try {
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-check"],
        // A comma would stand between two paths. The child gives the permission up in any case.
        path.includes(",") ? "--allow-read" : `--allow-read=${path}`,
        new URL("./child_main.ts", import.meta.url).href,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    const what = `Cannot open ${path}: it is too large for memory, and a child process is not ` +
      "allowed; add --allow-run=deno, or raise maxInMemory";
    throw new FormatError(what, { file: path }, { cause: error });
  }
}

function kill({ process }: Child): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

async function stop(child: Child): Promise<void> {
  kill(child);
  const { process, input } = child;
  await input.abort().catch(() => {});
  await process.stdout.cancel().catch(() => {});
  await process.status;
}

class ChildDatabase implements Database {
  readonly #file: DatabaseFile;
  readonly #options: ChildOptions;
  #child: Child | null;
  #closed = false;
  /** One statement runs at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: DatabaseFile, options: ChildOptions, child: Child) {
    this.#file = file;
    this.#options = options;
    this.#child = child;
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    const { timeoutMs = QUERY_DEFAULTS.timeoutMs } = options;
    return await this.#ask({ ask: "query", sql, options }, timeoutMs) as QueryResult;
  }

  async check(sql: string): Promise<SqlError | null> {
    const answer = await this.#ask({ ask: "check", sql }, QUERY_DEFAULTS.timeoutMs);
    const fault = answer as WrittenError | null;
    return fault && readError(fault);
  }

  async schema(): Promise<DatabaseSchema> {
    const schema = await this.#ask({ ask: "schema" }, QUERY_DEFAULTS.timeoutMs) as DatabaseSchema;
    const { name } = this.#options;
    return name === undefined ? schema : { name, ...schema };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    if (this.#child) stop(this.#child);
    this.#child = null;
  }

  #ask(request: Request, timeoutMs: number): Promise<unknown> {
    const answer = this.#turn.then(() => this.#askChild(request, timeoutMs));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #askChild(request: Request, timeoutMs: number): Promise<unknown> {
    const closed = () => new SqlError("runtime", "Cannot run the SQL: the database is closed");
    if (this.#closed) throw closed();
    const child = this.#child ??= await startChild(this.#file, this.#options);
    if (this.#closed) {
      await stop(child);
      throw closed();
    }
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, timeoutMs + KILL_AFTER_MS);
    let reply: Reply;
    try {
      await child.input.write(encodeMessage(request));
      await child.output.done();
      clearTimeout(timer);
      if (late) throw new TypeError("killed as it was done");
      reply = await child.output.receive() as Reply;
    } catch {
      clearTimeout(timer);
      this.#child = null;
      await stop(child);
      if (this.#closed) throw closed();
      throw late
        ? failure("timeout", `it was not done after ${timeoutMs} ms`)
        : failure("runtime", "the process that ran it has ended");
    }
    if (reply.error) throw readError(reply.error);
    return reply.value;
  }
}
