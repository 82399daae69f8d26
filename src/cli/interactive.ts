/**
 * `deno task infer --interactive`: a session of questions, one a line, at a terminal or from a pipe.
 * Answers go to standard output, all else to standard error.
 * @module
 */
import { ConfigError, FormatError, GenerationError, ShapeError, SqlError } from "../errors.ts";
import { formatDdl } from "../sql/ddl.ts";
import { nearest } from "../sql/faults.ts";
import { describeExecution } from "./execute.ts";
import { NOT_POSTGRES } from "./infer_options.ts";
import { type Asking, promptOf, showAnswer } from "./infer_answer.ts";
import type { OpenedModel } from "./open_model.ts";
import { openSchemaSource, type SchemaSource } from "./schema_source.ts";
import { EXIT, type Interrupts } from "./task.ts";

/** What a session starts with. */
export interface SessionOptions extends Asking {
  readonly textModel: OpenedModel;
  /** The session disposes of it. */
  readonly source: SchemaSource | null;
  readonly interrupts: Interrupts;
}

const HELP = `A line is a question about the schema. Lines that start with a colon:
  :schema DB|FILE|TEXT   ask about another schema; alone: show the schema
  :adapter DIR|none      answer with another adapter, or as the base model
  :execute on|off        run the answers and show their rows, or do not
  :help                  this list
  :quit                  end the session, as the end of the input does
Ctrl-C stops an answer; twice, it ends the session.`;

const say = (text: string) => console.error(text);

/** Reads and answers lines until `:quit` or the end of the input. */
export async function runSession(options: SessionOptions): Promise<void> {
  const { signal, interrupts } = options;
  using session = new Session(options);
  let pressed = false;
  using _ = interrupts.divert(() => {
    if (pressed) Deno.exit(EXIT.interrupted);
    pressed = true;
    if (!session.stop()) say("\nPress Ctrl-C again, or type :quit, to end the session.");
  });
  const isTerminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  if (isTerminal) say("Ask in words; :help lists what else there is.");
  const ended = new Promise<null>((resolve) =>
    signal.addEventListener("abort", () => resolve(null), { once: true })
  );
  const lines = linesOf(Deno.stdin.readable);
  while (!signal.aborted) {
    if (isTerminal) Deno.stderr.writeSync(new TextEncoder().encode("sqlora> "));
    const next = await Promise.race([lines.next(), ended]);
    if (next === null || next.done) break;
    pressed = false;
    if (await session.take(next.value.trim()) === "quit") break;
    pressed = false; // what stopped an answer does not end the session
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

type Command = (argument: string) => void | Promise<void>;

class Session implements Disposable {
  readonly #options: SessionOptions;
  #source: SchemaSource | null;
  #adapter: string | null;
  #execute: boolean;
  /** Of the answer that is being given. */
  #answering: AbortController | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#adapter = options.config.adapter_path;
    this.#execute = options.config.execute;
  }

  /** Stops the answer that is being given; false if there is none. */
  stop(): boolean {
    this.#answering?.abort();
    return this.#answering !== null;
  }

  /** Does what a line says. Faults that another line may mend are told, not thrown. */
  async take(line: string): Promise<"quit" | void> {
    if (line === "") return;
    if (line === ":quit" || line === ":q") return "quit";
    try {
      await (line.startsWith(":") ? this.#command(line) : this.#answer(line));
    } catch (error) {
      const mendable = [ConfigError, FormatError, GenerationError, ShapeError, SqlError];
      if (!mendable.some((type) => error instanceof type)) throw error;
      say((error as Error).message);
    }
  }

  async #answer(question: string): Promise<void> {
    const source = this.#source;
    if (source === null) {
      throw new ConfigError(["Cannot answer without a schema: name one with :schema FILE"]);
    }
    const answering = this.#answering = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, answering.signal]);
    const asking = { ...this.#options, signal };
    try {
      const prompt = await promptOf(question, source, asking);
      const execution = await showAnswer(prompt, this.#execute ? source : null, asking);
      const isTold = this.#options.config.json || !execution?.error;
      if (!isTold) say(describeExecution(execution, 0));
    } catch (error) {
      if (!answering.signal.aborted || this.#options.signal.aborted) throw error;
      say("\nStopped.");
    } finally {
      this.#answering = null;
    }
  }

  async #command(line: string): Promise<void> {
    const [, name, argument] = /^:(\S*)\s*(.*)$/s.exec(line)!;
    const command = this.#commands.get(name);
    if (command !== undefined) return await command(argument);
    const names = [...this.#commands.keys(), "quit"];
    const near = names.find((known) => name !== "" && known.startsWith(name)) ??
      nearest(name, names);
    throw new ConfigError([
      `Cannot do :${name}: there is no such command; ` +
      (near ? `did you mean :${near}?` : ":help lists them"),
    ]);
  }

  readonly #commands: ReadonlyMap<string, Command> = new Map(Object.entries<Command>({
    help: () => say(HELP),
    schema: async (argument) => {
      if (argument !== "") {
        const next = await openSchemaSource(argument, this.#options.config);
        this.#source?.[Symbol.dispose]();
        this.#source = next;
      }
      if (this.#source === null) return say("There is no schema yet.");
      const { name, schema, sampleValues } = this.#source;
      const { schema_style: style } = this.#options.config;
      if (argument !== "") return say(`Questions are about ${name}.`);
      say(typeof schema === "string" ? schema : formatDdl(schema, { style, sampleValues }));
    },
    adapter: async (argument) => {
      if (argument !== "") {
        const next = argument === "none" ? null : argument;
        await this.#options.textModel.useAdapter(next);
        this.#adapter = next;
      }
      say(this.#adapter ? `Answers are those of ${this.#adapter}.` : "The base model answers.");
    },
    execute: (argument) => {
      if (!["on", "off", ""].includes(argument)) {
        throw new ConfigError([`Cannot set :execute to ${argument}: write on or off`]);
      }
      if (argument === "on" && this.#options.config.dialect === "postgres") {
        throw new ConfigError([NOT_POSTGRES]);
      }
      if (argument !== "") this.#execute = argument === "on";
      say(this.#execute ? "Answers are run." : "Answers are not run.");
    },
  }));

  [Symbol.dispose](): void {
    this.#source?.[Symbol.dispose]();
  }
}
