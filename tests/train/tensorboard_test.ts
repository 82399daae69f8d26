import { assert, assertEquals } from "@std/assert";
import { crc32c, frameRecord, maskedCrc32c, openEventWriter } from "../../src/train/tensorboard.ts";

Deno.test("crc32c: the vectors of RFC 3720 and of the CRC catalogue", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
});

Deno.test("maskedCrc32c rotates by 15 and adds the constant", () => {
  // 0xe3069283 rotated right by 15 is 0x2507c60d.
  const expected = (0x2507c60d + 0xa282ead8) >>> 0;
  assertEquals(maskedCrc32c(new TextEncoder().encode("123456789")), expected);
});

/** Splits a file into records, checking both checksums of each. */
function unframe(bytes: Uint8Array): Uint8Array[] {
  const records = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = Number(view.getBigUint64(0, true));
    assertEquals(view.getUint32(8, true), maskedCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assertEquals(view.getUint32(12 + length, true), maskedCrc32c(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

type Field = number | Uint8Array;

/** Decodes one protobuf message into its fields, in order. */
function fields(bytes: Uint8Array): [id: number, value: Field][] {
  const found: [number, Field][] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      const byte = bytes[at++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const id = key >> 3;
    if ((key & 7) === 0) found.push([id, varint()]);
    else if ((key & 7) === 1) found.push([id, view.getFloat64((at += 8) - 8, true)]);
    else if ((key & 7) === 5) found.push([id, view.getFloat32((at += 4) - 4, true)]);
    else {
      const length = varint();
      found.push([id, bytes.subarray(at, at += length)]);
    }
  }
  return found;
}

const text = (value: Field) => new TextDecoder().decode(value as Uint8Array);

Deno.test("frameRecord survives its own decoding, at odd lengths too", () => {
  for (const length of [0, 1, 127, 128, 1000]) {
    const data = Uint8Array.from({ length }, (_, i) => i * 7);
    assertEquals(unframe(frameRecord(data)), [data]);
  }
});

Deno.test("an event file holds the version, then one summary a step, written at once", () => {
  const folder = Deno.makeTempDirSync();
  try {
    using writer = openEventWriter(folder, { now: () => 1_700_000_000_500 });
    writer.writeScalars(5_000_000_000, { "train/loss": 0.5, "train/lr": 2 });
    const [version, step] = unframe(Deno.readFileSync(writer.path)).map(fields);
    assertEquals(version.map(([id]) => id), [1, 2, 3]);
    assertEquals(version[0][1], 1_700_000_000.5);
    assertEquals(text(version[2][1]), "brain.Event:2");
    assertEquals(step.slice(0, 2), [[1, 1_700_000_000.5], [2, 5_000_000_000]]);
    assertEquals(step[2][0], 5);
    const values = fields(step[2][1] as Uint8Array).map(([, value]) => fields(value as Uint8Array));
    assertEquals(values.map(([tag, value]) => [text(tag[1]), value[1]]), [
      ["train/loss", 0.5],
      ["train/lr", 2],
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a resumed run adds a file that sorts last and starts a session at its step", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const now = () => 1_700_000_000_000;
    const paths = [0, 1, 2].map((resumedAt) => {
      using writer = openEventWriter(`${folder}/logs`, { now, resumedAt: resumedAt || undefined });
      return writer.path;
    });
    assertEquals(paths.toSorted(), paths);
    assertEquals(new Set(paths).size, 3);
    const first = unframe(Deno.readFileSync(paths[0]));
    assertEquals(first.length, 1);
    const session = fields(unframe(Deno.readFileSync(paths[2]))[1]);
    assertEquals(session[1], [2, 2]);
    assert(session[2][0] === 7);
    assertEquals(fields(session[2][1] as Uint8Array), [[1, 1]]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
