import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError, ShapeError } from "../../src/errors.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import {
  openSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import { sharedTest } from "../shared.ts";
import { bytesSource, f32Bytes, namesIn, rawSafetensors, temporaryFolder } from "./support.ts";

const openBytes = (bytes: Uint8Array) => openSafetensors(bytesSource(bytes, "x.safetensors"));

const entries: SafetensorsEntry[] = [
  { name: "w", dtype: "F32", shape: [2, 2], bytes: f32Bytes(1, -2, 3.5, NaN) },
  { name: "10", dtype: "F16", shape: [2], bytes: Uint8Array.of(0x00, 0x3c, 0x01, 0x00) },
  { name: "größe", dtype: "BF16", shape: [1, 2], bytes: Uint8Array.of(0x80, 0x3f, 0xc0, 0xff) },
  { name: "empty", dtype: "I64", shape: [0, 3], bytes: new Uint8Array() },
  { name: "scalar", dtype: "U8", shape: [], bytes: Uint8Array.of(7) },
  { name: "2", dtype: "BOOL", shape: [3], bytes: Uint8Array.of(1, 0, 1) },
];

async function writtenBytes(...list: SafetensorsEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  using folder = temporaryFolder();
  await writeSafetensors(folder.join("a.safetensors"), list);
  return Deno.readFileSync(folder.join("a.safetensors"));
}

Deno.test("what is written is read back: names, order, dtypes, shapes, bytes, metadata", async () => {
  using folder = temporaryFolder();
  const path = folder.join("a.safetensors");
  const metadata = { format: "pt", note: 'a "quoted" é' };
  await writeSafetensors(path, entries, metadata);
  using source = await openFile(path);
  const file = await openSafetensors(source);
  assertEquals(file.metadata, metadata);
  assertEquals([...file.tensors.keys()], entries.map(({ name }) => name));
  for (const { name, dtype, shape, bytes } of entries) {
    const info = file.tensors.get(name)!;
    assertEquals([info.name, info.dtype, info.shape], [name, dtype, shape]);
    assertEquals(await file.read(name), bytes);
    assertEquals(new Uint8Array(await source.slice(info.begin, info.end)), bytes);
  }
  assertEquals([...await file.readF32("w")], [1, -2, 3.5, NaN]);
  assertEquals([...await file.readF32("10")], [1, 2 ** -24]);
  assertEquals([...await file.readF32("größe")], [1, NaN]);
});

Deno.test("the layout: length, aligned header in the order given, data without gaps", async () => {
  const bytes = await writtenBytes(...entries);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  assertEquals(length % 8, 0);
  assertEquals(
    header.trimEnd(),
    '{"__metadata__":{"format":"pt"},' +
      '"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},' +
      '"10":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},' +
      '"größe":{"dtype":"BF16","shape":[1,2],"data_offsets":[20,24]},' +
      '"empty":{"dtype":"I64","shape":[0,3],"data_offsets":[24,24]},' +
      '"scalar":{"dtype":"U8","shape":[],"data_offsets":[24,25]},' +
      '"2":{"dtype":"BOOL","shape":[3],"data_offsets":[25,28]}}',
  );
  assertEquals(bytes.length, 8 + length + 28);
  assertEquals(await writtenBytes(...entries), bytes);
});

Deno.test("a file without tensors", async () => {
  const file = await openBytes(await writtenBytes());
  assertEquals([file.tensors.size, file.metadata], [0, { format: "pt" }]);
  assertEquals((await openBytes(rawSafetensors("{}"))).metadata, {});
});

Deno.test("tensors come in the order of their bytes, whatever the header's", async () => {
  const header = {
    b: { dtype: "U8", shape: [1], data_offsets: [2, 3] },
    a: { dtype: "U8", shape: [2], data_offsets: [0, 2] },
  };
  const file = await openBytes(rawSafetensors(header, Uint8Array.of(1, 2, 3)));
  assertEquals([...file.tensors.keys()], ["a", "b"]);
  assertEquals(await file.read("b"), Uint8Array.of(3));
});

Deno.test("chunks are whole elements of at most maxBytes and make up the tensor", async () => {
  const values = Float32Array.from({ length: 1001 }, (_, i) => i / 3);
  const bytes = new Uint8Array(values.buffer);
  const file = await openBytes(
    await writtenBytes(entries[4], { name: "v", dtype: "F32", shape: [1001], bytes }),
  );
  for (const [maxBytes, step] of [[1000, 1000], [1003, 1000], [4, 4], [1, 4], [1e9, 4004]]) {
    const chunks = await Array.fromAsync(file.chunks("v", maxBytes));
    assertEquals(chunks.length, Math.ceil(4004 / step));
    assert(chunks.slice(0, -1).every((chunk) => chunk.byteLength === step));
    assert(chunks.every((chunk) => chunk.byteOffset === 0));
    assertEquals(new Uint8Array(await new Blob(chunks).arrayBuffer()), bytes);
  }
});

Deno.test("pieces of any size are written as one tensor", async () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const bytes = f32Bytes(1, -2, 3.5, NaN);
    for (const [begin, end] of [[0, 3], [3, 3], [3, 16]]) yield bytes.slice(begin, end);
    await Promise.resolve();
  }
  const streamed = { ...entries[0], bytes: pieces() };
  assertEquals(
    await writtenBytes(streamed, entries[1]),
    await writtenBytes(entries[0], entries[1]),
  );
});

Deno.test("a write that cannot be right throws and leaves the old file alone", async () => {
  using folder = temporaryFolder();
  const path = folder.join("a.safetensors");
  Deno.writeTextFileSync(path, "old");
  const [tensor] = entries;
  async function* stream(...pieces: Uint8Array[]) {
    yield* await Promise.all(pieces);
  }
  const bad: [SafetensorsEntry[], string][] = [
    [[tensor, tensor], '"w" is taken'],
    [[{ ...tensor, name: "__metadata__" }], "is taken"],
    [[{ ...tensor, shape: [3] }], "needs 12 bytes for F32 of shape [3] but more were given"],
    [[{ ...tensor, shape: [5] }], "but 16 were given"],
    [[{ ...tensor, shape: [-2, -2] }], "whole sizes"],
    [[{ ...tensor, shape: [1.5] }], "whole sizes"],
    [[{ ...tensor, bytes: stream(f32Bytes(1)) }], "but 4 were given"],
    [[{ ...tensor, bytes: stream(f32Bytes(1, 2), f32Bytes(1, 2, 3)) }], "but more were given"],
  ];
  for (const [list, message] of bad) {
    await assertRejects(() => writeSafetensors(path, list), ShapeError, message);
  }
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield f32Bytes(1);
    await Promise.reject(new RangeError("the source broke"));
  }
  const broken = () => writeSafetensors(path, [{ ...tensor, bytes: failing() }]);
  await assertRejects(broken, RangeError, "the source broke");
  assertEquals(Deno.readTextFileSync(path), "old");
  assertEquals(namesIn(folder.join()), ["a.safetensors"]);
});

Deno.test("a name that is not there, and a dtype that is no float, are FormatErrors", async () => {
  const file = await openBytes(await writtenBytes(...entries));
  await assertRejects(() => file.read("v"), FormatError, 'tensor "v": x.safetensors has none');
  await assertRejects(() => file.readF32("__proto__"), FormatError, "has none of that name");
  await assertRejects(() => Array.fromAsync(file.chunks("v", 8)), FormatError, "none of that name");
  await assertRejects(() => file.readF32("scalar"), FormatError, "its dtype is U8");
});

const u8 = (begin: number, end: number, shape: unknown = [end - begin]) => ({
  dtype: "U8",
  shape,
  data_offsets: [begin, end],
});
const data = new Uint8Array(8);

const MALFORMED: [name: string, bytes: Uint8Array, message: string, offset?: number][] = [
  ["no bytes", new Uint8Array(), "truncated: expected 8 bytes, file has 0", 0],
  ["seven bytes", new Uint8Array(7), "truncated: expected 8 bytes, file has 7", 7],
  ["header cut", rawSafetensors({ a: u8(0, 8) }).subarray(0, 20), "file has 20", 20],
  ["header of length 0", new Uint8Array(8), "JSON is not valid", 8],
  ["a zip", new TextEncoder().encode("PK\x03\x04\x14\0\0\0\x08\0data"), "claim a header of", 0],
  ["header over 100 MB", Uint8Array.of(1, 0xe1, 0xf5, 5, 0, 0, 0, 0, 0x7b), "100000001 bytes", 0],
  ["no JSON", rawSafetensors("{a}"), "JSON is not valid"],
  ["an array", rawSafetensors("[]"), "not a JSON object", 8],
  ["leading space", rawSafetensors(" {}"), "not a JSON object", 8],
  ["null", rawSafetensors("null"), "not a JSON object", 8],
  ["name twice", rawSafetensors(`{"a":1,"a":1}`), 'key "a" is given twice', 15],
  ["field twice", rawSafetensors(`{"a":{"dtype":"U8","dtype":"U8"}}`), '"dtype" is given twice'],
  ["no object", rawSafetensors({ a: 3 }), '"a" is not described by an object'],
  ["no dtype", rawSafetensors({ a: { shape: [], data_offsets: [0, 1] } }), "dtype undefined"],
  ["dtype", rawSafetensors({ a: { ...u8(0, 8), dtype: "Q4" } }, data), 'unknown dtype "Q4"'],
  ["toString", rawSafetensors({ a: { ...u8(0, 8), dtype: "toString" } }, data), "unknown dtype"],
  ["shape", rawSafetensors({ a: u8(0, 8, "8") }, data), 'shape "8"'],
  ["negative shape", rawSafetensors({ a: u8(0, 8, [-8]) }, data), "shape [-8]"],
  ["negative pair", rawSafetensors({ a: u8(0, 8, [-2, -4]) }, data), "shape [-2,-4]"],
  ["fraction", rawSafetensors({ a: u8(0, 8, [2.5]) }, data), "shape [2.5]"],
  ["huge size", rawSafetensors({ a: u8(0, 8, [1e300, 0]) }, data), "not a list of sizes"],
  [
    "huge product",
    rawSafetensors({ a: u8(0, 8, Array(30).fill(2 ** 50)) }, data),
    "but its data_offsets hold 8",
  ],
  ["no range", rawSafetensors({ a: { dtype: "U8", shape: [8] } }, data), "data_offsets undefined"],
  [
    "range of three",
    rawSafetensors({ a: { ...u8(0, 8), data_offsets: [0, 8, 8] } }, data),
    "range",
  ],
  ["backwards", rawSafetensors({ a: u8(8, 0, [8]) }, data), "[8,0], which are not a range"],
  [
    "shape ≠ range",
    rawSafetensors({ a: u8(0, 8, [7]) }, data),
    "needs 7 bytes for U8 of shape [7]",
  ],
  ["data cut", rawSafetensors({ a: u8(0, 9) }, data), "truncated: expected 70 bytes, file has 69"],
  ["overlap", rawSafetensors({ a: u8(0, 5), b: u8(4, 8) }, data), '"b" overlaps the one before it'],
  ["same bytes", rawSafetensors({ a: u8(0, 8), b: u8(0, 8) }, data), '"b" overlaps'],
  ["hole", rawSafetensors({ a: u8(0, 3), b: u8(4, 8) }, data), 'the 1 bytes before "b"'],
  [
    "hole first",
    rawSafetensors({ a: u8(4, 8) }, data),
    'the 4 bytes before "a" belong to no tensor',
  ],
  ["rest", rawSafetensors({ a: u8(0, 6) }, data), 'the 2 bytes before "the end of the file"'],
  ["rest, no tensor", rawSafetensors({}, data), "the 8 bytes before", 10],
  [
    "metadata",
    rawSafetensors({ __metadata__: { a: 1 } }),
    "__metadata__ is not an object of strings",
  ],
  ["metadata list", rawSafetensors({ __metadata__: ["a"] }), "__metadata__ is not an object"],
];

for (const [name, bytes, message, offset] of MALFORMED) {
  Deno.test(`malformed: ${name}`, async () => {
    const error = await assertRejects(() => openBytes(bytes), FormatError, message);
    assertEquals(error.file, "x.safetensors");
    assert(error.message.startsWith("Cannot read x.safetensors: "));
    if (offset !== undefined) assertEquals(error.offset, offset);
  });
}

Deno.test("every truncation of a good file says how many bytes it should have", async () => {
  const bytes = await writtenBytes(...entries);
  for (let length = 0; length < bytes.length; length++) {
    const error = await assertRejects(
      () => openBytes(bytes.subarray(0, length)),
      FormatError,
      "truncated: expected ",
    );
    assertEquals(error.offset, length);
  }
});

sharedTest("an adapter by PEFT, read and written, is the same file to the byte", async (path) => {
  using folder = temporaryFolder();
  for (const run of ["peft-lora", "qlora-curve/final_adapter"]) {
    const original = path(`golden/${run}/adapter_model.safetensors`);
    using source = await openFile(original);
    const file = await openSafetensors(source);
    const copies = [...file.tensors.values()].map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
      bytes: file.chunks(name, 1000),
    }));
    await writeSafetensors(folder.join("copy"), copies, file.metadata);
    assertEquals(Deno.readFileSync(folder.join("copy")), Deno.readFileSync(original));
  }
});

sharedTest("F16 and BF16 tensors by PyTorch widen to the values PyTorch has", async (path) => {
  using source = await openFile(path("golden/gguf/quant_vectors.safetensors"));
  const file = await openSafetensors(source);
  for (const name of ["edge_1x32", "gate_proj_172x64", "neg_1x32", "normal_8x64", "zeros_1x32"]) {
    for (const dtype of ["F16", "BF16"] as const) {
      const bytes = await file.read(`${name}.${dtype}.raw`);
      const shape = [bytes.length / 2];
      const half = await openBytes(await writtenBytes({ name, dtype, shape, bytes }));
      assertEquals(await half.readF32(name), await file.readF32(`${name}.${dtype}.dequant`));
    }
  }
});
