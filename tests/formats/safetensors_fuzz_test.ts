/** Whatever the bytes are, opening them succeeds or throws a FormatError, and quickly. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FormatError } from "../../src/errors.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { formatHeader } from "../../src/formats/safetensors_header.ts";
import { bytesSource, f32Bytes, rawSafetensors } from "./support.ts";

const RUNS = { numRuns: 2000, seed: 2 };

/** Opens and reads everything. What opens must be consistent to the last byte. */
async function tryAll(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const file = await openSafetensors(bytesSource(bytes, "fuzz"));
    let total = 8 + Number(new DataView(bytes.buffer).getBigUint64(bytes.byteOffset, true));
    for (const [name, { begin, end }] of file.tensors) {
      const tensor = await file.read(name);
      assertEquals(tensor, bytes.slice(begin, end));
      total += tensor.byteLength;
    }
    assertEquals(total, bytes.byteLength, "header and tensors cover the file");
    return "read";
  } catch (error) {
    assert(error instanceof FormatError, `${error}`);
    assertEquals(error.file, "fuzz");
    assert(error.offset === undefined || error.offset <= bytes.byteLength);
    return "refused";
  }
}

async function explore(arbitrary: fc.Arbitrary<Uint8Array>): Promise<Record<string, number>> {
  const outcomes = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(arbitrary, async (bytes) => {
      outcomes[await tryAll(bytes)]++;
    }),
    RUNS,
  );
  return outcomes;
}

const header = formatHeader(
  [
    { name: "a.weight", dtype: "F32", shape: [2, 3] },
    { name: "b", dtype: "BF16", shape: [4] },
    { name: "c", dtype: "U8", shape: [0] },
  ],
  { format: "pt" },
);
const good = new Uint8Array([...header, ...f32Bytes(1, 2, 3, 4, 5, 6), 1, 2, 3, 4, 5, 6, 7, 8]);
const goodText = new TextDecoder().decode(header.subarray(8)).trimEnd();
const goodData = good.slice(header.length);

Deno.test("fuzz: the unchanged file is read", async () => {
  assertEquals(await tryAll(good), "read");
  assertEquals(await tryAll(rawSafetensors(goodText, goodData)), "read");
});

Deno.test("fuzz: any bytes", async () => {
  const outcomes = await explore(fc.uint8Array({ maxLength: 200 }));
  assertEquals(outcomes.read, 0);
});

Deno.test("fuzz: a good file with bytes changed, cut off or added", async () => {
  const edit = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  const changed = fc.record({
    edits: fc.array(edit, { maxLength: 4 }),
    length: fc.oneof(fc.constant(good.length), fc.nat(good.length)),
    extra: fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 9 })),
  }).map(({ edits, length, extra }) => {
    const bytes = good.slice();
    for (const [at, value] of edits) bytes[at] = value;
    return new Uint8Array([...bytes.subarray(0, length), ...extra]);
  });
  const outcomes = await explore(changed);
  assert(outcomes.read > 50 && outcomes.refused > 500, JSON.stringify(outcomes));
});

Deno.test("fuzz: a good header with pieces of its text replaced", async () => {
  const piece = fc.constantFrom(
    ...'0 1 8 24 32 -1 2.5 1e99 9007199254740993 [ ] { } : , " \\ \\u0000 null true NaN [] {}'
      .split(
        " ",
      ),
    '"F32"',
    '"BF16"',
    '"U8"',
    '"Q4"',
    '"a.weight"',
    '"__metadata__"',
    '"__proto__"',
    "[[[[",
    " ",
    "é",
    "",
  );
  const tokens = goodText.match(/"[^"]*"|\d+|./g)!;
  const edits = fc.array(fc.tuple(fc.nat(tokens.length - 1), piece), { maxLength: 3 });
  const changed = edits.map((list) => {
    const edited = [...tokens];
    for (const [at, text] of list) edited[at] = text;
    return rawSafetensors(edited.join(""), goodData);
  });
  const outcomes = await explore(changed);
  assert(outcomes.read > 50 && outcomes.refused > 500, JSON.stringify(outcomes));
});

Deno.test("fuzz: headers of any JSON", async () => {
  await explore(
    fc.tuple(fc.json(), fc.uint8Array({ maxLength: 9 })).map(([json, data]) =>
      rawSafetensors(json, data)
    ),
  );
});

Deno.test("fuzz: headers of the right form with any sizes", async () => {
  const size = fc.oneof(fc.nat(4), fc.integer(), fc.double(), fc.maxSafeInteger());
  const entry = fc.record({
    dtype: fc.constantFrom("U8", "F16", "F32", "I64", "X"),
    shape: fc.array(size, { maxLength: 3 }),
    data_offsets: fc.oneof(fc.tuple(fc.nat(8), fc.nat(8)), fc.array(size, { maxLength: 3 })),
  });
  const outcomes = await explore(
    fc.tuple(fc.dictionary(fc.string(), entry, { maxKeys: 3 }), fc.nat(8)).map((
      [entries, length],
    ) => rawSafetensors(entries, new Uint8Array(length))),
  );
  assert(outcomes.read > 0 && outcomes.refused > 500, JSON.stringify(outcomes));
});
