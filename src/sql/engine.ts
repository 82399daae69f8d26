/**
 * SQLite in WebAssembly, instantiated by itself: of all that its module imports it gets a clock and
 * memory, and of the file system nothing. Whatever a statement does, there is no file to reach.
 * @module
 */
import { COUNTER, type Metered, meterLoops } from "./meter.ts";

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
const PAGE = 65_536;
const INITIAL_PAGES = 128;
const MAX_PAGES = 32_768;

let compiled: Promise<Sqlite> | undefined;

/** Reads and compiles SQLite, once. Throws where the package's file cannot be read. */
export function loadSqlite(): Promise<Sqlite> {
  return compiled ??= compile();
}

async function compile(): Promise<Sqlite> {
  const url = import.meta.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm");
  const source = url.startsWith("file:")
    ? await Deno.readFile(new URL(url))
    : new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { bytes, slot } = meterLoops(source);
  return { module: await WebAssembly.compile(bytes), slot };
}

/** A new engine, whose memory cannot grow beyond `maxMemory` bytes. Takes about a millisecond. */
export function createEngine(
  { module, slot }: Sqlite,
  { maxMemory, callbacks }: { maxMemory: number; callbacks: Callbacks },
): Engine {
  const pages = Math.min(MAX_PAGES, Math.max(INITIAL_PAGES, Math.ceil(maxMemory / PAGE)));
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: pages });
  const instance = new WebAssembly.Instance(module, hostImports(memory, pages * PAGE));
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
      interrupt: () => callbacks.interrupt() ? 1 : 0,
      authorize: (_data: number, action: number, first: number, second: number) =>
        callbacks.authorize(action, text(first), text(second)),
    },
  }).exports;
  if (table.grow(CALLBACKS.length) !== slot) {
    throw new TypeError("Cannot use this build of SQLite: its table of functions has grown before");
  }
  for (const [index, name] of CALLBACKS.entries()) {
    table.set(slot + index, wrapped[name] as CallableFunction);
  }
  counter.value = LOOPS_PER_TICK;
  (exports.__wasm_call_ctors as () => void)();
  const c = exports as unknown as SqliteExports;
  c.sqlite3_initialize();
  return {
    c,
    functions: { interrupt: slot + 1, authorize: slot + 2 },
    bytes: () => new Uint8Array(memory.buffer),
    view: () => new DataView(memory.buffer),
    text,
    place(bytes) {
      const pointer = c.malloc(bytes.length + 1);
      if (pointer === 0) return 0;
      const heap = new Uint8Array(memory.buffer);
      heap.set(bytes, pointer);
      heap[pointer + bytes.length] = 0;
      return pointer;
    },
  };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function readText(memory: WebAssembly.Memory, pointer: number): string | null {
  if (pointer === 0) return null;
  const heap = new Uint8Array(memory.buffer);
  return decoder.decode(heap.subarray(pointer, heap.indexOf(0, pointer)));
}

/** "Function not implemented" in Emscripten's numbering. */
const ENOSYS = 52;

// Files do not exist, the environment is empty, and local time is UTC, so that the same query gives
// the same rows everywhere.
function hostImports(memory: WebAssembly.Memory, maxBytes: number): WebAssembly.Imports {
  const view = () => new DataView(memory.buffer);
  const wasi = {
    clock_time_get: (_clock: number, _precision: bigint, result: number) => {
      view().setBigUint64(result, BigInt(Date.now()) * 1_000_000n, true);
      return 0;
    },
    environ_sizes_get: (count: number, size: number) => {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    ...refuse(["fd_close", "fd_read", "fd_write", "fd_seek", "fd_sync", "fd_fdstat_get"], ENOSYS),
  };
  const env = {
    memory,
    emscripten_date_now: () => Date.now(),
    emscripten_get_now: () => performance.now(),
    emscripten_get_heap_max: () => maxBytes,
    emscripten_resize_heap: (bytes: number) => {
      try {
        memory.grow(Math.ceil(((bytes >>> 0) - memory.buffer.byteLength) / PAGE));
        return 1;
      } catch {
        return 0; // SQLite then reports that it has no memory.
      }
    },
    _tzset_js: () => {},
    _localtime_js: (seconds: bigint, result: number) => writeUtc(view(), Number(seconds), result),
    ...refuse(["_mmap_js", "_munmap_js"], -ENOSYS),
    ...refuse(SYSTEM_CALLS.map((name) => `__syscall_${name}`), -ENOSYS),
  };
  return { env, wasi_snapshot_preview1: wasi };
}

const SYSTEM_CALLS = [
  ...["chmod", "faccessat", "fchmod", "fchown32", "fcntl64", "fstat64", "ftruncate64", "getcwd"],
  ...["ioctl", "lstat64", "mkdirat", "newfstatat", "openat", "readlinkat", "rmdir", "stat64"],
  ...["unlinkat", "utimensat"],
];

function refuse(names: readonly string[], code: number): Record<string, () => number> {
  return Object.fromEntries(names.map((name) => [name, () => code]));
}

// C's `struct tm`: nine integers from seconds to daylight saving, then the offset from UTC.
function writeUtc(view: DataView, seconds: number, result: number): void {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(year, 0, 1)) / 86_400_000);
  const fields = [
    date.getUTCSeconds(),
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth(),
    year - 1900,
    date.getUTCDay(),
    dayOfYear,
    0,
    0,
  ];
  for (const [index, field] of fields.entries()) view.setInt32(result + 4 * index, field, true);
}

const CALLBACKS = ["tick", "interrupt", "authorize"] as const;
let callbacksCompiled: WebAssembly.Module | undefined;

// A table holds only functions of WebAssembly. This module imports the three of the host with their
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
      [0x60, ...i32s(0), ...i32s(0)], // void tick()
      [0x60, ...i32s(1), ...i32s(1)], // int interrupt(void *)
      [0x60, ...i32s(6), ...i32s(1)], // int authorize(void *, int, char *, char *, char *, char *)
    ]),
    ...section(2, CALLBACKS.map((text, type) => [...name("host"), ...name(text), 0, type])),
    ...section(7, CALLBACKS.map((text, index) => [...name(text), 0, index])),
  ]);
  return callbacksCompiled = new WebAssembly.Module(bytes);
}
