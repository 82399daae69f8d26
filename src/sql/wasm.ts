/**
 * The binary format of WebAssembly, as far as {@linkcode meterModule} rewrites it:
 * https://webassembly.github.io/spec/core/binary/.
 * @module
 */

/** A place in a module. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** A part of a module: its content, without its length. */
export interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** The sections of a module in order. Throws a TypeError where the bytes are none. */
export function readSections(module: Uint8Array): Section[] {
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

/** Reads an unsigned integer, 7 bits in a byte, the lowest first. */
export function readUnsigned(cursor: Cursor): number {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = cursor.bytes[cursor.at++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

/** Writes an unsigned integer. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 128, ...unsigned(Math.floor(value / 128))];
}

/** Writes an integer that is not negative as i32.const takes it: the bit of the sign is clear. */
export function signed(value: number): number[] {
  return value < 64 ? [value] : [value % 128 | 128, ...signed(Math.floor(value / 128))];
}

/** The count that a section begins with, and where its entries begin. */
export function readCount(bytes: Uint8Array): { count: number; at: number } {
  const cursor = { bytes, at: 0 };
  return { count: readUnsigned(cursor), at: cursor.at };
}

/** Whether the import section has a global, which would shift the indices of the module's own. */
export function hasImportedGlobal(bytes: Uint8Array): boolean {
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

/** Moves the cursor behind what follows the instruction `opcode`. Throws a TypeError if it is unknown. */
export function skipImmediates(opcode: number, cursor: Cursor): void {
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

/** The bytes of all parts in order. */
export function concat(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
