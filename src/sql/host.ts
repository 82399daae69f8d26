/**
 * What SQLite's module imports: a clock, memory that grows to a bound, and at most one file, which it
 * can only read. The names and structures are those of Emscripten's C library (musl, 32 bits):
 * https://github.com/emscripten-core/emscripten/tree/main/system/lib/libc.
 * @module
 */

/** The one file that an engine may read. */
export interface ReadOnlyFile {
  readonly size: number;
  /** Fills `into` from the offset on. Returns how many bytes there were, or null where it failed. */
  read(into: Uint8Array, offset: number): number | null;
}

/** The path by which SQLite opens the file, and the only one that exists. */
export const FILE_PATH = "/database";

export const PAGE_BYTES = 65_536;

/** Error numbers as WASI has them. */
const ERROR = { badFile: 8, invalid: 28, io: 29, noFile: 44, notImplemented: 52 } as const;

/**
 * The imports of an engine. Without `file` there is none; the environment is empty, and local time is
 * UTC, so that the same query gives the same rows everywhere.
 */
export function hostImports(
  memory: WebAssembly.Memory,
  { maxBytes, file }: { maxBytes: number; file?: ReadOnlyFile },
): WebAssembly.Imports {
  const view = () => new DataView(memory.buffer);
  const missing = refuse(SYSTEM_CALLS.map((name) => `__syscall_${name}`), -ERROR.notImplemented);
  const files = file ? fileImports(memory, file) : { env: {}, wasi: {} };
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
    ...refuse(FILE_CALLS.map((name) => `fd_${name}`), ERROR.notImplemented),
    ...files.wasi,
  };
  const env = {
    memory,
    emscripten_date_now: () => Date.now(),
    emscripten_get_now: () => performance.now(),
    emscripten_get_heap_max: () => maxBytes,
    emscripten_resize_heap: (bytes: number) => {
      try {
        memory.grow(Math.ceil(((bytes >>> 0) - memory.buffer.byteLength) / PAGE_BYTES));
        return 1;
      } catch {
        return 0; // SQLite then reports that it has no memory.
      }
    },
    _tzset_js: () => {},
    _localtime_js: (seconds: bigint, result: number) => writeUtc(view(), Number(seconds), result),
    ...refuse(["_mmap_js", "_munmap_js"], -ERROR.notImplemented),
    ...missing,
    ...files.env,
  };
  return { env, wasi_snapshot_preview1: wasi };
}

const FILE_CALLS = ["close", "read", "write", "seek", "sync", "fdstat_get"];
const SYSTEM_CALLS = [
  ...["chmod", "faccessat", "fchmod", "fchown32", "fcntl64", "fstat64", "ftruncate64", "getcwd"],
  ...["ioctl", "lstat64", "mkdirat", "newfstatat", "openat", "readlinkat", "rmdir", "stat64"],
  ...["unlinkat", "utimensat"],
];

function refuse(names: readonly string[], code: number): Record<string, () => number> {
  return Object.fromEntries(names.map((name) => [name, () => code]));
}

/** The lowest that is none of the standard streams, which SQLite does not take for a file. */
const DESCRIPTOR = 3;
const ACCESS_MODE = 3; // of the flags of open; 0 is reading

type Imports = Record<string, (...values: never[]) => number>;

// Opening, seeking and reading of the one file. All else about files is still refused.
function fileImports(
  memory: WebAssembly.Memory,
  file: ReadOnlyFile,
): { env: Imports; wasi: Imports } {
  const view = () => new DataView(memory.buffer);
  let position = 0;
  const isFile = (path: number) => readText(memory, path) === FILE_PATH;
  const stat = (path: number, result: number) => {
    if (!isFile(path)) return -ERROR.noFile;
    writeStatus(view(), file.size, result);
    return 0;
  };
  return {
    env: {
      __syscall_openat: (_folder: number, path: number, flags: number) => {
        if (!isFile(path)) return -ERROR.noFile;
        return (flags & ACCESS_MODE) === 0 ? DESCRIPTOR : -ERROR.invalid;
      },
      __syscall_stat64: stat,
      __syscall_lstat64: stat,
      __syscall_fstat64: (descriptor: number, result: number) => {
        if (descriptor !== DESCRIPTOR) return -ERROR.badFile;
        writeStatus(view(), file.size, result);
        return 0;
      },
    },
    wasi: {
      fd_close: () => 0,
      fd_seek: (descriptor: number, offset: bigint, from: number, result: number) => {
        if (descriptor !== DESCRIPTOR) return ERROR.badFile;
        const to = Number(offset) + [0, position, file.size][from];
        if (!(to >= 0)) return ERROR.invalid;
        position = to;
        view().setBigUint64(result, BigInt(to), true);
        return 0;
      },
      fd_read: (descriptor: number, parts: number, count: number, result: number) => {
        if (descriptor !== DESCRIPTOR) return ERROR.badFile;
        let total = 0;
        for (let part = parts; part < parts + 8 * count; part += 8) {
          const [start, length] = [view().getUint32(part, true), view().getUint32(part + 4, true)];
          const read = file.read(new Uint8Array(memory.buffer, start, length), position);
          if (read === null) return ERROR.io; // SQLite reports it.
          position += read;
          total += read;
          if (read < length) break;
        }
        view().setUint32(result, total, true);
        return 0;
      },
    },
  };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text at a pointer that ends with a zero byte, or null for the null pointer. */
export function readText(memory: WebAssembly.Memory, pointer: number): string | null {
  if (pointer === 0) return null;
  const heap = new Uint8Array(memory.buffer);
  return decoder.decode(heap.subarray(pointer, heap.indexOf(0, pointer)));
}

/** A regular file that all may read. */
const READABLE_FILE = 0o100444;

// C's `struct stat`: device, mode, links, user, group, device, size, block size, blocks, three times
// of 16 bytes, serial number.
function writeStatus(view: DataView, size: number, result: number): void {
  for (let at = 0; at < 96; at += 4) view.setUint32(result + at, 0, true);
  view.setUint32(result + 4, READABLE_FILE, true);
  view.setUint32(result + 8, 1, true);
  view.setBigUint64(result + 24, BigInt(size), true);
  view.setUint32(result + 32, 4096, true);
  view.setUint32(result + 36, Math.ceil(size / 512), true);
  view.setBigUint64(result + 88, 1n, true);
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
