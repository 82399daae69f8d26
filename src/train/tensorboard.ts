/**
 * Writes TensorBoard event files: TFRecord frames around a handful of protobuf fields, which is all
 * that scalars need.
 *
 * Sources: TensorFlow's `tfrecord` framing, `event.proto` and `summary.proto`; CRC-32C from RFC 3720,
 * appendix B.4.
 * @module
 */

// The Castagnoli polynomial, bit-reversed.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The checksum as TFRecord stores it: rotated right by 15 bits plus a constant, so that checksums of
 * data that itself holds checksums stay strong. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One TFRecord: u64 length, its masked CRC, the bytes, their masked CRC; all little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(data.length + 16);
  const view = new DataView(frame.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(frame.subarray(0, 8)), true);
  frame.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return frame;
}

function varint(value: number): number[] {
  const bytes = [];
  // Division, because shifts would cut the value at 32 bits.
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function fixed(value: number, size: 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return new Uint8Array(view.buffer);
}

const field = {
  varint: (id: number, value: number) => [id << 3, ...varint(value)],
  double: (id: number, value: number) => [(id << 3) | 1, ...fixed(value, 8)],
  float: (id: number, value: number) => [(id << 3) | 5, ...fixed(value, 4)],
  bytes: (
    id: number,
    bytes: ArrayLike<number> & Iterable<number>,
  ) => [(id << 3) | 2, ...varint(bytes.length), ...bytes],
  text: (id: number, text: string) => field.bytes(id, new TextEncoder().encode(text)),
};

/** An `Event` message: wall_time 1 (double), step 2 (int64), then `body`. */
function encodeEvent(wallTime: number, step: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([...field.double(1, wallTime), ...field.varint(2, step), ...body]);
}

// Event.file_version = 3; Event.summary = 5; Summary.value = 1; Value.tag = 1, .simple_value = 2.
function encodeScalars(scalars: Readonly<Record<string, number>>): number[] {
  const values = Object.entries(scalars).flatMap(([tag, value]) =>
    field.bytes(1, [...field.text(1, tag), ...field.float(2, value)])
  );
  return field.bytes(5, values);
}

// Event.session_log = 7; SessionLog.status = 1, where 1 is START.
const SESSION_START = field.bytes(7, field.varint(1, 1));

/** An open event file. Dispose it (`using`) or call {@linkcode EventWriter.close}. */
export interface EventWriter extends Disposable {
  /** Path of the event file. */
  readonly path: string;
  /** Appends scalars, tag → value, of one step; they are in the file when this returns. */
  writeScalars(step: number, scalars: Readonly<Record<string, number>>): void;
  close(): void;
}

/**
 * Opens a new event file in `folder`, which is created where it is missing; several files of one run
 * are shown as one curve.
 *
 * @param options.resumedAt the first step that a resumed run writes: TensorBoard then drops what an
 * earlier file of the folder has from that step on
 * @param options.now milliseconds since 1970, for tests
 * @throws {Deno.errors.PermissionDenied} and other errors of the file system
 */
export function openEventWriter(
  folder: string,
  options: { resumedAt?: number; now?: () => number } = {},
): EventWriter {
  const now = options.now ?? Date.now;
  const seconds = () => now() / 1000;
  Deno.mkdirSync(folder, { recursive: true });
  const { file, path } = createFile(folder, Math.floor(seconds()));
  let open = true;

  const append = (step: number, body: readonly number[]) => {
    const frame = frameRecord(encodeEvent(seconds(), step, body));
    for (let done = 0; done < frame.length;) done += file.writeSync(frame.subarray(done));
  };
  const close = () => {
    if (open) file.close();
    open = false;
  };

  append(0, field.text(3, "brain.Event:2"));
  if (options.resumedAt !== undefined) append(options.resumedAt, SESSION_START);
  return {
    path,
    writeScalars: (step, scalars) => append(step, encodeScalars(scalars)),
    close,
    [Symbol.dispose]: close,
  };
}

// TensorBoard reads the files of a folder in the order of their names, that is of the times in them: a
// new file must come last also when it is made within a second, or the clock was set back.
function createFile(folder: string, seconds: number): { file: Deno.FsFile; path: string } {
  let stamp = seconds;
  for (const { name } of Deno.readDirSync(folder)) {
    const earlier = /^events\.out\.tfevents\.(\d+)\./.exec(name);
    if (earlier) stamp = Math.max(stamp, Number(earlier[1]) + 1);
  }
  const path = `${folder}/events.out.tfevents.${String(stamp).padStart(10, "0")}.sqlora`;
  return { file: Deno.openSync(path, { createNew: true, write: true }), path };
}
