/**
 * SQLite in WebAssembly, instantiated by itself: of all that its module imports it gets a clock,
 * memory and at most one file to read. Whatever a statement does, there is nothing else to reach.
 * @module
 */
import { hostImports, PAGE_BYTES, type ReadOnlyFile, readText } from "./host.ts";
import { COUNTER, type Metered, meterModule } from "./meter.ts";

/** The functions of SQLite's C interface that are used here, all with 32-bit pointers. */
export interface SqliteExports {
  malloc(bytes: number): number;
  free(pointer: number): void;
  sqlite3_malloc(bytes: number): number;
  sqlite3_initialize(): number;
  sqlite3_open_v2(name: number, handle: number, flags: number, vfs: number): number;
  sqlite3_close_v2(db: number): number;
  sqlite3_limit(db: number, id: number, value: number): number;
  sqlite3_deserialize(
    db: number,
    schema: number,
    data: number,
    size: bigint,
    capacity: bigint,
    flags: number,
  ): number;
  sqlite3_set_authorizer(db: number, callback: number, data: number): number;
  sqlite3_progress_handler(db: number, steps: number, callback: number, data: number): void;
  sqlite3_prepare_v3(
    db: number,
    sql: number,
    bytes: number,
    flags: number,
    statement: number,
    tail: number,
  ): number;
  sqlite3_step(statement: number): number;
  sqlite3_finalize(statement: number): number;
  sqlite3_stmt_readonly(statement: number): number;
  sqlite3_bind_parameter_count(statement: number): number;
  sqlite3_column_count(statement: number): number;
  sqlite3_column_name(statement: number, column: number): number;
  sqlite3_column_type(statement: number, column: number): number;
  sqlite3_column_int64(statement: number, column: number): bigint;
  sqlite3_column_double(statement: number, column: number): number;
  sqlite3_column_text(statement: number, column: number): number;
  sqlite3_column_blob(statement: number, column: number): number;
  sqlite3_column_bytes(statement: number, column: number): number;
  sqlite3_extended_errcode(db: number): number;
  sqlite3_errmsg(db: number): number;
  sqlite3_error_offset(db: number): number;
  sqlite3__wasm_db_config_ip(db: number, option: number, on: number, result: number): number;
}

/** What SQLite asks the host: may it go on, and may a statement do this? */
export interface Callbacks {
  /** Called every few thousand loops wherever SQLite is. What it throws ends the engine's life. */
  tick(): void;
  /** Called when the stack is full. What it throws ends the engine's life. */
  overflow(): void;
  /** True ends the statement. Asked now and then while one is prepared and while it runs. */
  interrupt(): boolean;
  /** Returns SQLITE_OK (0), SQLITE_DENY (1) or SQLITE_IGNORE (2). */
  authorize(action: number, first: string | null, second: string | null): number;
}

/** An instance of SQLite with a memory of its own. It is garbage when nothing refers to it. */
export interface Engine {
  readonly c: SqliteExports;
  /** The callbacks as C sees them. */
  readonly functions: { readonly interrupt: number; readonly authorize: number };
  /** The memory as it is now; it moves when it grows. */
  bytes(): Uint8Array;
  view(): DataView;
  /** The text that ends with a zero byte, or null for the null pointer. */
  text(pointer: number): string | null;
  /** Copies bytes into allocated memory, followed by a zero. Returns 0 where there is too little. */
  place(bytes: Uint8Array): number;
}

/** SQLite, compiled and ready for any number of engines. */
export interface Sqlite {
  readonly module: WebAssembly.Module;
  readonly slot: Metered["slot"];
}

/** The loops that run between two looks at the clock: well under a millisecond. */
const LOOPS_PER_TICK = 20_000;
const INITIAL_PAGES = 128;
const MAX_PAGES = 32_768;

let compiled: Promise<Sqlite> | undefined;

/** Reads and compiles SQLite, once. Throws where the package's file cannot be read. */
export function loadSqlite(): Promise<Sqlite> {
  return compiled ??= compile();
}

async function compile(): Promise<Sqlite> {
  const url = import.meta.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm");
  const { bytes, slot } = meterModule(
    url.startsWith("file:")
      ? await Deno.readFile(new URL(url))
      : new Uint8Array(await (await fetch(url)).arrayBuffer()),
  );
  return { module: await WebAssembly.compile(bytes), slot };
}

/**
 * A new engine, whose memory cannot grow beyond `maxMemory` bytes. Takes about a millisecond. `file`
 * is the one file that it can open, by the path `FILE_PATH`.
 */
export function createEngine(
  { module, slot }: Sqlite,
  { maxMemory, callbacks, file }: {
    maxMemory: number;
    callbacks: Callbacks;
    file?: ReadOnlyFile;
  },
): Engine {
  const pages = Math.min(MAX_PAGES, Math.max(INITIAL_PAGES, Math.ceil(maxMemory / PAGE_BYTES)));
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: pages });
  const host = hostImports(memory, { maxBytes: pages * PAGE_BYTES, file });
  const instance = new WebAssembly.Instance(module, host);
  const exports = instance.exports;
  const counter = exports[COUNTER] as WebAssembly.Global;
  const table = exports.__indirect_function_table as WebAssembly.Table;
  const text = (pointer: number) => readText(memory, pointer);
  const wrapped = new WebAssembly.Instance(callbackModule(), {
    host: {
      tick: () => {
        counter.value = LOOPS_PER_TICK;
        callbacks.tick();
      },
      overflow: () => callbacks.overflow(),
      interrupt: () => callbacks.interrupt() ? 1 : 0,
      authorize: (_data: number, action: number, first: number, second: number) =>
        callbacks.authorize(action, text(first), text(second)),
    },
  }).exports;
  if (table.grow(CALLBACK_NAMES.length) !== slot) {
    throw new TypeError("Cannot use this build of SQLite: its table of functions has grown before");
  }
  for (const [index, name] of CALLBACK_NAMES.entries()) {
    table.set(slot + index, wrapped[name] as CallableFunction);
  }
  counter.value = LOOPS_PER_TICK;
  (exports.__wasm_call_ctors as () => void)();
  const c = exports as unknown as SqliteExports;
  c.sqlite3_initialize();
  // Made anew when the memory has grown, which replaces its buffer.
  let heap = new Uint8Array(memory.buffer);
  let view = new DataView(memory.buffer);
  const bytes = () => heap.buffer === memory.buffer ? heap : heap = new Uint8Array(memory.buffer);
  return {
    c,
    functions: { interrupt: slot + 2, authorize: slot + 3 },
    bytes,
    view: () => view.buffer === memory.buffer ? view : view = new DataView(memory.buffer),
    text,
    place(content) {
      const pointer = c.malloc(content.length + 1);
      if (pointer === 0) return 0;
      bytes().set(content, pointer);
      bytes()[pointer + content.length] = 0;
      return pointer;
    },
  };
}

/** The callbacks in the order of the table's slots, each with its type in the module below. */
const CALLBACKS = { tick: 0, overflow: 0, interrupt: 1, authorize: 2 } as const;
const CALLBACK_NAMES = Object.keys(CALLBACKS);
let callbacksCompiled: WebAssembly.Module | undefined;

// A table holds only functions of WebAssembly. This module imports those of the host with their
// C signatures and exports them again.
function callbackModule(): WebAssembly.Module {
  if (callbacksCompiled) return callbacksCompiled;
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const section = (id: number, entries: readonly (readonly number[])[]) => {
    const content = [entries.length, ...entries.flat()];
    return [id, content.length, ...content];
  };
  const i32s = (count: number) => [count, ...Array<number>(count).fill(0x7f)];
  const bytes = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      [0x60, ...i32s(0), ...i32s(0)], // void tick(), overflow()
      [0x60, ...i32s(1), ...i32s(1)], // int interrupt(void *)
      [0x60, ...i32s(6), ...i32s(1)], // int authorize(void *, int, char *, char *, char *, char *)
    ]),
    ...section(
      2,
      Object.entries(CALLBACKS).map(([text, type]) => [...name("host"), ...name(text), 0, type]),
    ),
    ...section(7, CALLBACK_NAMES.map((text, index) => [...name(text), 0, index])),
  ]);
  return callbacksCompiled = new WebAssembly.Module(bytes);
}
