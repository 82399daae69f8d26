/**
 * Rewrites a WebAssembly module so that it can be stopped: every loop counts down, and at zero calls
 * a function of the host, which can throw. Nothing else stops a module that computes on the same
 * thread, and SQLite asks its progress handler only between the steps of its virtual machine, of
 * which one can take minutes (`instr` on two long texts, the sorting of millions of rows). A copy or
 * a fill of memory, which is one instruction, counts like the loop that it stands for.
 *
 * Every function that takes room on the stack in memory calls the host where there is too little.
 * C has its locals there, and nothing but this keeps deep recursion (compound queries within compound
 * queries) from writing over the module's data below.
 *
 * No index shifts, since the type, the globals and the export are appended.
 * @module
 */
import {
  concat,
  type Cursor,
  hasImportedGlobal,
  readCount,
  readSections,
  readUnsigned,
  signed,
  skipImmediates,
  unsigned,
} from "./wasm.ts";

/** What the host needs in order to drive a metered module. */
export interface Metered {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Where the table has to hold two functions `() => void`: the first sets the counter anew, or
   * throws; the second throws that the stack has no room.
   */
  readonly slot: number;
}

/** The export that is the counter, a mutable i32. It counts the loops down, to zero or below. */
export const COUNTER = "loops_left";

const SECTION = { type: 1, import: 2, table: 4, global: 6, export: 7, code: 10 } as const;
const FUNCTION_TYPE = [0x60, 0, 0];
const I32 = 0x7f;
const MUTABLE = 1;
const EXPORTED_GLOBAL = 3;
const OP = { if: 0x04, end: 0x0b, call_indirect: 0x11, get: 0x23, set: 0x24, const: 0x41 } as const;
const LOOP = 0x03;
/** The first byte of the instructions below, whose last operand is a length. */
const WIDE = 0xfc;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
/** The logarithm of the bytes that are copied about as fast as a loop runs. */
const LOG_LOOP_BYTES = 6;

const variable = (first: readonly number[]) => [I32, MUTABLE, OP.const, ...first, OP.end];
/** The counter's first value: the table has no functions yet while the module is instantiated. */
const PLENTY = signed(2 ** 31 - 1);

/** LLVM's linker puts the stack pointer first. */
const STACK_POINTER = 0;
/** SQLite's build sets it: https://github.com/sqlite/sqlite/blob/master/ext/wasm/GNUmakefile. */
const STACK_BYTES = 512 << 10;
/** Left free at the end of the stack. */
const SPARE_BYTES = 16 << 10;

/**
 * The module with a countdown in each loop and a check of each move of the stack pointer. It must have
 * a table of its own, as Emscripten's modules have. Throws a TypeError on an instruction or a layout
 * that it does not know.
 */
export function meterModule(module: Uint8Array): Metered {
  const sections = readSections(module);
  const contents = (id: number) => {
    const section = sections.find((section) => section.id === id);
    if (!section) throw new TypeError(`Cannot meter a module without section ${id}`);
    return section.bytes;
  };
  const types = readCount(contents(SECTION.type));
  const globals = readCount(contents(SECTION.global));
  if (hasImportedGlobal(contents(SECTION.import))) {
    throw new TypeError("Cannot meter a module that imports globals");
  }
  const slot = tableSize(contents(SECTION.table));
  const lowest = stackTop(contents(SECTION.global)) - STACK_BYTES + SPARE_BYTES;
  const checks = {
    countdown: countdownCode(globals.count, [types.count, slot]),
    bytes: bytesCode([globals.count, globals.count + 1], [types.count, slot]),
    room: roomCode(lowest, [types.count, slot + 1]),
  };
  const append = (bytes: Uint8Array, ...entries: (readonly number[])[]) => {
    const { count, at } = readCount(bytes);
    return concat([unsigned(count + entries.length), bytes.subarray(at), ...entries]);
  };
  const rewritten: Record<number, (bytes: Uint8Array) => Uint8Array> = {
    [SECTION.type]: (bytes) => append(bytes, FUNCTION_TYPE),
    [SECTION.global]: (bytes) => append(bytes, variable(PLENTY), variable([0])),
    [SECTION.export]: (bytes) =>
      append(bytes, [
        COUNTER.length,
        ...new TextEncoder().encode(COUNTER),
        EXPORTED_GLOBAL,
        ...unsigned(globals.count),
      ]),
    [SECTION.code]: (bytes) => meterCode(bytes, checks),
  };
  const parts = sections.flatMap(({ id, bytes }) => {
    const written = rewritten[id]?.(bytes) ?? bytes;
    return [[id, ...unsigned(written.length)], written];
  });
  return { bytes: concat([module.subarray(0, 8), ...parts]), slot };
}

// One table: its element type, then its limits.
function tableSize(bytes: Uint8Array): number {
  const cursor = { bytes, at: 0 };
  const count = readUnsigned(cursor);
  if (count !== 1) throw new TypeError(`Cannot meter a module with ${count} tables`);
  cursor.at += 2;
  return readUnsigned(cursor);
}

// The first value of the stack pointer: its type, that it can change, and a constant.
function stackTop(bytes: Uint8Array): number {
  const { at } = readCount(bytes);
  if (bytes[at] !== I32 || bytes[at + 1] !== MUTABLE || bytes[at + 2] !== OP.const) {
    throw new TypeError("Cannot meter a module whose first global is no stack pointer");
  }
  const top = readUnsigned({ bytes, at: at + 3 });
  if (top <= STACK_BYTES) throw new TypeError(`Cannot meter a module with a stack of ${top} bytes`);
  return top;
}

type Target = readonly [type: number, slot: number];

const call = ([type, slot]: Target) => [
  ...[OP.const, ...signed(slot)],
  ...[OP.call_indirect, ...unsigned(type), 0],
];

const NO_RESULT = 0x40;
const SUBTRACT = 0x6b;
const SHIFT_RIGHT_UNSIGNED = 0x76;
const LESS_OR_EQUAL = 0x4c;
const LESS_UNSIGNED = 0x49;

// counter -= 1; if (counter <= 0) table[slot]();
function countdownCode(counter: number, target: Target): number[] {
  return countCode(counter, [OP.const, 1], target);
}

// Takes the length from the operands, counts, and puts it back.
function bytesCode([counter, length]: readonly [number, number], target: Target): number[] {
  const get = [OP.get, ...unsigned(length)];
  const loops = [...get, OP.const, LOG_LOOP_BYTES, SHIFT_RIGHT_UNSIGNED];
  return [OP.set, ...unsigned(length), ...countCode(counter, loops, target), ...get];
}

function countCode(counter: number, loops: readonly number[], target: Target): number[] {
  const index = unsigned(counter);
  return [
    ...[OP.get, ...index, ...loops, SUBTRACT, OP.set, ...index],
    ...[OP.get, ...index, OP.const, 0, LESS_OR_EQUAL, OP.if, NO_RESULT, ...call(target), OP.end],
  ];
}

// if (stackPointer < lowest) table[slot]();
function roomCode(lowest: number, target: Target): number[] {
  return [
    ...[OP.get, STACK_POINTER, OP.const, ...signed(lowest), LESS_UNSIGNED],
    ...[OP.if, NO_RESULT, ...call(target), OP.end],
  ];
}

interface Checks {
  /** At the start of each loop. */
  readonly countdown: readonly number[];
  /** Before each copy or fill of memory. */
  readonly bytes: readonly number[];
  /** After each move of the stack pointer. */
  readonly room: readonly number[];
}

function meterCode(bytes: Uint8Array, checks: Checks): Uint8Array {
  const cursor = { bytes, at: 0 };
  const parts: ArrayLike<number>[] = [];
  const count = readUnsigned(cursor);
  parts.push(unsigned(count));
  for (let i = 0; i < count; i++) {
    const length = readUnsigned(cursor);
    const end = cursor.at + length;
    const body = meterBody({ bytes, at: cursor.at }, { end, checks });
    parts.push(unsigned(body.reduce((sum, { length }) => sum + length, 0)), ...body);
    cursor.at = end;
  }
  return concat(parts);
}

// The pieces of a function's body with the checks between them.
function meterBody(
  cursor: Cursor,
  { end, checks }: { end: number; checks: Checks },
): ArrayLike<number>[] {
  const { bytes } = cursor;
  const parts: ArrayLike<number>[] = [];
  let copied = cursor.at;
  for (let groups = readUnsigned(cursor); groups > 0; groups--) {
    readUnsigned(cursor);
    cursor.at++;
  }
  while (cursor.at < end) {
    const start = cursor.at;
    const opcode = bytes[cursor.at++];
    const next = bytes[cursor.at];
    skipImmediates(opcode, cursor);
    let check: readonly number[];
    let at = cursor.at;
    if (opcode === LOOP) check = checks.countdown;
    else if (opcode === OP.set && next === STACK_POINTER) check = checks.room;
    else if (opcode === WIDE && (next === MEMORY_COPY || next === MEMORY_FILL)) {
      check = checks.bytes;
      at = start;
    } else continue;
    parts.push(bytes.subarray(copied, at), check);
    copied = at;
  }
  parts.push(bytes.subarray(copied, end));
  return parts;
}
