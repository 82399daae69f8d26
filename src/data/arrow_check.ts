/**
 * Checks the metadata of an Arrow IPC message, a FlatBuffer, before apache-arrow reads it: its reader
 * follows offsets and counts as they stand, and a damaged count would keep it busy for hours.
 *
 * The layout: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 * and the schemas Message.fbs and Schema.fbs of the Arrow project.
 * @module
 */

/** What a message says about its body. */
export interface ArrowMessage {
  readonly kind: "schema" | "dictionary" | "batch" | "other";
  readonly bodyLength: number;
  /** Rows of a batch or dictionary. */
  readonly rows: number;
}

const MAX_DEPTH = 16;

/** One table inside a FlatBuffer. */
interface FlatTable {
  readonly view: DataView;
  readonly start: number;
  /** Where field `id` lies; 0 where it is absent. */
  readonly field: (id: number, size: number) => number;
}

/** Throws RangeError for metadata that is damaged, or for a body that is compressed. */
export function checkMessage(metadata: Uint8Array): ArrowMessage {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.length);
  const message = tableAt(view, view.getUint32(0, true));
  const bodyLength = wide(message, 3);
  checkPairs(message, 4);
  const headerType = view.getUint8(message.field(1, 1) || fault("has no header"));
  const header = child(message, 2) ?? fault("has no header");
  switch (headerType) {
    case 1:
      checkFields(header, 1, 0);
      checkPairs(header, 2);
      return { kind: "schema", bodyLength, rows: 0 };
    case 2: {
      checkPlain(header, 0, 8);
      const data = child(header, 1) ?? fault("has no data");
      return { kind: "dictionary", bodyLength, rows: checkBatch(data, bodyLength) };
    }
    case 3:
      return { kind: "batch", bodyLength, rows: checkBatch(header, bodyLength) };
    default:
      return { kind: "other", bodyLength, rows: 0 };
  }
}

/** Where the first message after the schema lies, as a file's foot says; null where there is none. */
export function firstBlock(foot: Uint8Array): number | null {
  const view = new DataView(foot.buffer, foot.byteOffset, foot.length);
  const table = tableAt(view, view.getUint32(0, true));
  const offsets = [2, 3].flatMap((id) => {
    const { start, length } = vector(table, id, 24);
    return Array.from({ length }, (_, i) => Number(view.getBigInt64(start + 24 * i, true)));
  });
  return offsets.length === 0 ? null : offsets.reduce((a, b) => Math.min(a, b));
}

function checkBatch(batch: FlatTable, bodyLength: number): number {
  const rows = wide(batch, 0);
  // A value of the types that are read takes a byte at least, a boolean a bit.
  if (rows > bodyLength * 8) fault(`claims ${rows} rows in ${bodyLength} bytes`);
  const nodes = vector(batch, 1, 16);
  for (let i = 0; i < nodes.length; i++) {
    const length = Number(batch.view.getBigInt64(nodes.start + 16 * i, true));
    if (length < 0 || length > bodyLength * 8) fault(`claims a column of ${length} values`);
  }
  const buffers = vector(batch, 2, 16);
  for (let i = 0; i < buffers.length; i++) {
    const offset = Number(batch.view.getBigInt64(buffers.start + 16 * i, true));
    const length = Number(batch.view.getBigInt64(buffers.start + 16 * i + 8, true));
    if (offset < 0 || length < 0 || offset + length > bodyLength) fault("has data outside of it");
  }
  if (child(batch, 3)) fault("is compressed, which is not supported (write it uncompressed)");
  vector(batch, 4, 8);
  return rows;
}

function checkFields(parent: FlatTable, id: number, depth: number): void {
  if (depth > MAX_DEPTH) fault("has fields nested too deeply");
  for (const field of tables(parent, id)) {
    checkText(field, 0);
    checkPlain(field, 1, 1);
    checkPlain(field, 2, 1);
    const type = child(field, 3);
    // A union lists its type ids; other types hold numbers and a time zone.
    if (type) {
      const kind = field.field(2, 1) ? field.view.getUint8(field.field(2, 1)) : 0;
      if (kind === 14) vector(type, 1, 4);
      if (kind === 10) checkText(type, 1);
      for (let i = 0; i < 3; i++) checkPlain(type, i, 1);
    }
    const dictionary = child(field, 4);
    if (dictionary) {
      checkPlain(dictionary, 0, 8);
      child(dictionary, 1);
    }
    checkFields(field, 5, depth + 1);
    checkPairs(field, 6);
  }
}

function checkPairs(parent: FlatTable, id: number): void {
  for (const pair of tables(parent, id)) {
    checkText(pair, 0);
    checkText(pair, 1);
  }
}

function tableAt(view: DataView, start: number): FlatTable {
  const vtable = start - view.getInt32(start, true);
  const vtableSize = view.getUint16(vtable, true);
  const size = view.getUint16(vtable + 2, true);
  if (vtableSize < 4 || size < 4 || vtable + vtableSize > view.byteLength) fault("is damaged");
  if (start + size > view.byteLength) fault("is damaged");
  return {
    view,
    start,
    field: (id, bytes) => {
      const slot = 4 + 2 * id;
      const offset = slot + 2 <= vtableSize ? view.getUint16(vtable + slot, true) : 0;
      if (offset !== 0 && offset + bytes > size) fault("is damaged");
      return offset === 0 ? 0 : start + offset;
    },
  };
}

/** The place that the offset in field `id` points at; 0 where the field is absent. */
function target({ view, field }: FlatTable, id: number): number {
  const at = field(id, 4);
  if (at === 0) return 0;
  const to = at + view.getUint32(at, true);
  if (to + 4 > view.byteLength) fault("points outside of itself");
  return to;
}

function child(table: FlatTable, id: number): FlatTable | null {
  const at = target(table, id);
  return at === 0 ? null : tableAt(table.view, at);
}

function vector(table: FlatTable, id: number, size: number): { start: number; length: number } {
  const at = target(table, id);
  if (at === 0) return { start: 0, length: 0 };
  const length = table.view.getUint32(at, true);
  if (at + 4 + length * size > table.view.byteLength) fault(`claims ${length} entries`);
  return { start: at + 4, length };
}

function* tables(parent: FlatTable, id: number): Generator<FlatTable> {
  const { start, length } = vector(parent, id, 4);
  for (let i = 0; i < length; i++) {
    const at = start + 4 * i;
    yield tableAt(parent.view, at + parent.view.getUint32(at, true));
  }
}

function checkText(table: FlatTable, id: number): void {
  vector(table, id, 1);
}

function checkPlain(table: FlatTable, id: number, size: number): void {
  table.field(id, size);
}

function wide(table: FlatTable, id: number): number {
  const at = table.field(id, 8);
  const value = at === 0 ? 0 : Number(table.view.getBigInt64(at, true));
  return value >= 0 && value < 2 ** 40 ? value : fault(`claims a length of ${value}`);
}

function fault(what: string): never {
  throw new RangeError(`a message ${what}`);
}
