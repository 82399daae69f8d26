/**
 * Parquet files that claim or unpack to more than they may.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { readParquet } from "../../src/data/parquet.ts";
import { checkPages } from "../../src/data/parquet_check.ts";
import { FormatError } from "../../src/errors.ts";

type Codec = "ZSTD" | "GZIP" | "BROTLI" | "SNAPPY";

const BOMB = new Uint8Array(100_000_000);

/** A snappy block of one literal that says it unpacks to 1 GB. */
const SNAPPY_BOMB = new Uint8Array([0x80, 0x94, 0xeb, 0xdc, 0x03, 0x00, 0x61]);

const BOMBS: Readonly<Record<Codec, Uint8Array>> = {
  ZSTD: zstdCompressSync(BOMB),
  GZIP: gzipSync(BOMB),
  BROTLI: brotliCompressSync(BOMB, { params: { 1: 1 } }),
  SNAPPY: SNAPPY_BOMB,
};

function write(codec: Codec | "UNCOMPRESSED", compress?: (bytes: Uint8Array) => Uint8Array) {
  return new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: "question", data: ["a", "b", "c"], type: "STRING" }],
    codec,
    ...(compress ? { compressors: { [codec]: compress } } : {}),
  }));
}

async function readAll(bytes: Uint8Array): Promise<unknown[]> {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  try {
    await Deno.writeFile(path, bytes);
    return await Array.fromAsync(readParquet(path));
  } finally {
    await Deno.remove(path);
  }
}

for (const [codec, bomb] of Object.entries(BOMBS) as [Codec, Uint8Array][]) {
  Deno.test(`a page of ${codec} that unpacks to 100 MB where it says less is refused`, async () => {
    assert(bomb.length < 100_000);
    const before = Deno.memoryUsage().rss;
    await assertRejects(() => readAll(write(codec, () => bomb)), FormatError, "column question");
    assert(Deno.memoryUsage().rss - before < 60e6, "it was unpacked");
  });
}

Deno.test("the file that the bombs were put in is read without them", async () => {
  assertEquals((await readAll(write("ZSTD", (bytes) => zstdCompressSync(bytes)))).length, 3);
});

/** Thrift's compact form of a page header: type, sizes, and a struct of the page's kind. */
function pageHeader(
  { size, compressed, values, encoding = 0 }: Record<"size" | "compressed" | "values", number> & {
    encoding?: number;
  },
): number[] {
  const number = (value: number) => {
    const bytes: number[] = [];
    for (let rest = value * 2;; rest = Math.floor(rest / 128)) {
      if (rest < 128) return [...bytes, rest];
      bytes.push(rest % 128 + 128);
    }
  };
  return [
    ...[0x15, ...number(0), 0x15, ...number(size), 0x15, ...number(compressed)],
    ...[0x2c, 0x15, ...number(values), 0x15, ...number(encoding), 0x15, ...number(3)],
    ...[0x15, ...number(3), 0x00, 0x00],
  ];
}

const chunk = {
  name: "question",
  optional: false,
  boolean: false,
  rows: 4,
  decompress: (bytes: Uint8Array) => bytes,
};

Deno.test("checkPages accepts a page as it should be", () => {
  const page = new Uint8Array([...pageHeader({ size: 4, compressed: 4, values: 4 }), 1, 2, 3, 4]);
  assertEquals(checkPages(page, chunk), { maxPageRows: 4, maxBytesPerRow: 1 });
});

Deno.test("checkPages refuses what a page claims beyond what it has", () => {
  const cases: readonly (readonly [number[], string])[] = [
    [pageHeader({ size: 4, compressed: 400, values: 4 }), "more than are left"],
    [[...pageHeader({ size: 2 ** 30, compressed: 4, values: 4 }), 1, 2, 3, 4], "unpacks to"],
    [[...pageHeader({ size: 4, compressed: 4, values: 2 ** 30 }), 1, 2, 3, 4], "claims"],
    [[...pageHeader({ size: 4, compressed: 4, values: 5 }), 1, 2, 3, 4], "more values"],
    [[...pageHeader({ size: 4, compressed: 4, values: 3 }), 1, 2, 3, 4], "3 of 4"],
    [[...pageHeader({ size: 4, compressed: 4, values: 4, encoding: 7 }), 1, 2, 3, 4], "DELTA_BYTE"],
    // A run of a billion indices in six bytes.
    [
      [
        ...pageHeader({ size: 7, compressed: 7, values: 4, encoding: 8 }),
        1,
        128,
        168,
        214,
        185,
        7,
        0,
      ],
      "a run has 1000000000 values",
    ],
    [[0x99, 0x99], "a list is too long"],
    [[0x15, 0x80], "Offset is outside"],
  ];
  for (const [bytes, words] of cases) {
    assertThrows(() => checkPages(new Uint8Array(bytes), chunk), RangeError, words);
  }
});
