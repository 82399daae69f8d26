/**
 * Rewrites a WebAssembly module so that it can be stopped: every loop counts down, and at zero calls
 * a function of the host, which can throw. Nothing else stops a module that computes on the same
 * thread, and SQLite asks its progress handler only between the steps of its virtual machine, of
 * which one can take minutes (`instr` on two long texts, the sorting of millions of rows).
 *
 * Format: https://webassembly.github.io/spec/core/binary/. No index shifts, since the type, the
 * global and its export are appended.
 * @module
 */

/** What the host needs in order to drive a metered module. */
export interface Metered {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the table has to hold a function `() => void` that sets the counter anew, or throws. */
  readonly slot: number;
}

/** The export that is the counter, a mutable i32. It counts the loops down. */
export const COUNTER = "loops_left";

const SECTION = { type: 1, import: 2, table: 4, global: 6, export: 7, code: 10 } as const;
const FUNCTION_TYPE = [0x60, 0, 0];
const I32 = 0x7f;
const KIND = { global: 3 } as const;

/**
 * The module with a countdown in each loop. It must have a table of its own that can grow by one, as
 * Emscripten's modules have. Throws a TypeError on an instruction or a layout that it does not know.
 */
export function meterLoops(module: Uint8Array): Metered {
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
  const countdown = countdownCode(globals.count, types.count, slot);
  const append = (bytes: Uint8Array, entry: readonly number[]) => {
    const { count, at } = readCount(bytes);
    return concat([Uint8Array.from(unsigned(count + 1)), bytes.subarray(at), entry]);
  };
  const rewritten: Record<number, (bytes: Uint8Array) => Uint8Array> = {
    [SECTION.type]: (bytes) => append(bytes, FUNCTION_TYPE),
    [SECTION.global]: (bytes) => append(bytes, [I32, 1, 0x41, 0, 0x0b]),
    [SECTION.export]: (bytes) =>
      append(bytes, [
        COUNTER.length,
        ...new TextEncoder().encode(COUNTER),
        KIND.global,
        ...unsigned(globals.count),
      ]),
    [SECTION.code]: (bytes) => meterCode(bytes, countdown),
  };
  const parts = sections.flatMap(({ id, bytes }) => {
    const written = rewritten[id]?.(bytes) ?? bytes;
    return [[id, ...unsigned(written.length)], written];
  });
  return { bytes: concat([module.subarray(0, 8), ...parts]), slot };
}

interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

function readSections(module: Uint8Array): Section[] {
  if (module[0] !== 0 || module[1] !== 0x61 || module[2] !== 0x73 || module[3] !== 0x6d) {
    throw new TypeError("Cannot meter bytes that are no WebAssembly module");
  }
  const sections: Section[] = [];
  const cursor = { bytes: module, at: 8 };
  while (cursor.at < module.length) {
    const id = module[cursor.at++];
    const length = readUnsigned(cursor);
    sections.push({ id, bytes: module.subarray(cursor.at, cursor.at + length) });
    cursor.at += length;
  }
  return sections;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readUnsigned(cursor: Cursor): number {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = cursor.bytes[cursor.at++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 128, ...unsigned(Math.floor(value / 128))];
}

// An integer as i32.const takes it: signed, so the sixth bit of the last byte is to be clear.
function signed(value: number): number[] {
  return value < 64 ? [value] : [value % 128 | 128, ...signed(Math.floor(value / 128))];
}

function readCount(bytes: Uint8Array): { count: number; at: number } {
  const cursor = { bytes, at: 0 };
  return { count: readUnsigned(cursor), at: cursor.at };
}

function hasImportedGlobal(bytes: Uint8Array): boolean {
  const cursor = { bytes, at: 0 };
  const skipLimits = () => {
    const flags = bytes[cursor.at++];
    readUnsigned(cursor);
    if (flags & 1) readUnsigned(cursor);
  };
  for (let left = readUnsigned(cursor); left > 0; left--) {
    for (const _ of ["module", "name"]) {
      const length = readUnsigned(cursor);
      cursor.at += length;
    }
    const kind = bytes[cursor.at++];
    if (kind === 0) readUnsigned(cursor);
    else if (kind === 2) skipLimits();
    else return true;
  }
  return false;
}

// One table: its element type, then its limits.
function tableSize(bytes: Uint8Array): number {
  const cursor = { bytes, at: 0 };
  const count = readUnsigned(cursor);
  if (count !== 1) throw new TypeError(`Cannot meter a module with ${count} tables`);
  cursor.at += 2;
  return readUnsigned(cursor);
}

// counter -= 1; if (counter == 0) table[slot]();
function countdownCode(global: number, type: number, slot: number): number[] {
  const index = unsigned(global);
  return [
    ...[0x23, ...index, 0x41, 1, 0x6b, 0x24, ...index],
    ...[0x23, ...index, 0x45, 0x04, 0x40],
    ...[0x41, ...signed(slot), 0x11, ...unsigned(type), 0, 0x0b],
  ];
}

function meterCode(bytes: Uint8Array, countdown: readonly number[]): Uint8Array {
  const cursor = { bytes, at: 0 };
  const parts: ArrayLike<number>[] = [];
  const count = readUnsigned(cursor);
  parts.push(unsigned(count));
  for (let i = 0; i < count; i++) {
    const length = readUnsigned(cursor);
    const end = cursor.at + length;
    const body = meterBody(bytes, cursor.at, { end, countdown });
    parts.push(unsigned(body.reduce((sum, { length }) => sum + length, 0)), ...body);
    cursor.at = end;
  }
  return concat(parts);
}

// The pieces of a function's body, with the countdown at the start of each loop.
function meterBody(
  bytes: Uint8Array,
  start: number,
  { end, countdown }: { end: number; countdown: readonly number[] },
): ArrayLike<number>[] {
  const parts: ArrayLike<number>[] = [];
  const cursor = { bytes, at: start };
  for (let groups = readUnsigned(cursor); groups > 0; groups--) {
    readUnsigned(cursor);
    cursor.at++;
  }
  let copied = start;
  while (cursor.at < end) {
    const opcode = bytes[cursor.at++];
    skipImmediates(opcode, cursor);
    if (opcode !== 0x03) continue;
    parts.push(bytes.subarray(copied, cursor.at), countdown);
    copied = cursor.at;
  }
  parts.push(bytes.subarray(copied, end));
  return parts;
}

function skipImmediates(opcode: number, cursor: Cursor): void {
  const skip = (integers: number) => {
    // Signed and unsigned integers end alike.
    while (integers-- > 0) while (cursor.bytes[cursor.at++] >= 128);
  };
  if (opcode >= 0x45 && opcode <= 0xc4) return; // arithmetic
  if (opcode >= 0x20 && opcode <= 0x26) return skip(1); // variables
  if (opcode >= 0x28 && opcode <= 0x3e) return skip(2); // loads and stores
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
      return;
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x3f: // memory.size
    case 0x40: // memory.grow
    case 0x41: // i32.const
    case 0x42: // i64.const
      return skip(1);
    case 0x11: // call_indirect
      return skip(2);
    case 0x0e: // br_table
      return skip(readUnsigned(cursor) + 1);
    case 0x43: // f32.const
      cursor.at += 4;
      return;
    case 0x44: // f64.const
      cursor.at += 8;
      return;
    case 0xfc:
      return skipWide(readUnsigned(cursor), skip);
  }
  throw new TypeError(`Cannot meter a module with the instruction 0x${opcode.toString(16)}`);
}

// Saturating conversions (0 to 7) and bulk memory.
function skipWide(opcode: number, skip: (integers: number) => void): void {
  if (opcode > 17) throw new TypeError(`Cannot meter a module with the instruction 0xfc ${opcode}`);
  if (opcode === 8 || opcode === 10 || opcode === 12 || opcode === 14) skip(2);
  else if (opcode > 8) skip(1);
}

function concat(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
