/**
 * Reads Thrift's compact protocol, in which Parquet writes its metadata, with every length checked
 * against the bytes that are there, so that no input makes it allocate or loop beyond them.
 * The format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 * @module
 */

/** Where reading goes on in `view`. */
export interface ThriftCursor {
  readonly view: DataView;
  offset: number;
}

/** A field's value; integers beyond ±2⁵³ are rounded. */
export type ThriftValue = number | boolean | Uint8Array | readonly ThriftValue[] | ThriftStruct;

/** The fields of a struct by their ids. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

const MAX_DEPTH = 24;

/** Reads one struct. Throws RangeError for anything that is not one. */
export function readStruct(cursor: ThriftCursor, depth = 0): ThriftStruct {
  if (depth > MAX_DEPTH) throw new RangeError("structs are nested too deeply");
  const fields = new Map<number, ThriftValue>();
  let id = 0;
  while (true) {
    const head = readByte(cursor);
    const type = head & 15;
    if (type === 0) return fields;
    id = head >> 4 === 0 ? readInteger(cursor) : id + (head >> 4);
    fields.set(id, readValue(cursor, type, depth));
  }
}

function readValue(cursor: ThriftCursor, type: number, depth: number): ThriftValue {
  switch (type) {
    case 1:
    case 2:
      return type === 1;
    case 3:
      return readByte(cursor);
    case 4:
    case 5:
    case 6:
      return readInteger(cursor);
    case 7:
      return readBytes(cursor, 8);
    case 8:
      return readBytes(cursor, readVarint(cursor));
    case 9:
      return readList(cursor, depth);
    case 12:
      return readStruct(cursor, depth + 1);
    default:
      throw new RangeError(`there is no type ${type}`);
  }
}

function readList(cursor: ThriftCursor, depth: number): ThriftValue[] {
  const head = readByte(cursor);
  const length = head >> 4 === 15 ? readVarint(cursor) : head >> 4;
  // Every element takes a byte at least.
  if (length > cursor.view.byteLength - cursor.offset) throw new RangeError("a list is too long");
  const type = head & 15;
  const values: ThriftValue[] = [];
  for (let i = 0; i < length; i++) {
    values.push(type <= 2 ? readByte(cursor) === 1 : readValue(cursor, type, depth + 1));
  }
  return values;
}

/** Reads an unsigned LEB128 number. */
export function readVarint(cursor: ThriftCursor): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = readByte(cursor);
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
  throw new RangeError("a number is longer than 10 bytes");
}

/** A zigzag number: 0, -1, 1, -2, ... */
function readInteger(cursor: ThriftCursor): number {
  const value = readVarint(cursor);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function readBytes(cursor: ThriftCursor, length: number): Uint8Array {
  const { view, offset } = cursor;
  if (length > view.byteLength - offset) throw new RangeError("a text is longer than its file");
  cursor.offset += length;
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

function readByte(cursor: ThriftCursor): number {
  return cursor.view.getUint8(cursor.offset++);
}
