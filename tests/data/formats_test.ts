/**
 * Files that other tools wrote (see fixtures/README.md) give the same rows.
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { detectFormat, readRows } from "../../src/data/rows.ts";
import { FormatError } from "../../src/errors.ts";

const folder = decodeURIComponent(new URL("./fixtures/", import.meta.url).pathname);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

interface FixtureRow {
  readonly question: string;
  readonly context: string;
  readonly answer: string;
  readonly n: number | null;
  readonly ok: boolean;
}

const STREAMS = ["stream.arrow", "large.arrow", "dictionary.arrow", "polars-view.arrow"];

const expected: readonly FixtureRow[] = JSON.parse(Deno.readTextFileSync(`${folder}rows.json`));

for (const name of names.filter((name) => /\.(parquet|arrow)$/.test(name))) {
  if (name === "compressed.arrow") continue;
  Deno.test(`readRows reads ${name}`, async () => {
    const rows = await Array.fromAsync(readRows(folder + name));
    assertEquals(rows.map(({ row }) => row), expected.map((_, i) => i + 1));
    const values = rows.map(({ value }) => {
      const { question, context, answer, n, ok } = value as FixtureRow;
      return { question, context, answer, n: n ?? null, ok };
    });
    assertEquals(values, expected as FixtureRow[]);
    assertEquals(await detectFormat(folder + name), name.endsWith("arrow") ? "arrow" : "parquet");
  });
}

Deno.test("the fixtures cover every compression, both page versions and five writers", () => {
  const wanted = ["brotli", "gzip", "lz4", "snappy", "zstd", "v2", "nested", "polars", "duckdb"];
  for (const word of [...wanted, "fastparquet", "pyarrow"]) {
    assertEquals(names.some((name) => name.includes(word) && name.endsWith("parquet")), true, word);
  }
});

Deno.test("lists, structs and maps beside the columns are left out", async () => {
  const [{ value }] = await Array.fromAsync(readRows(`${folder}pyarrow-nested.parquet`));
  assertEquals(Object.keys(value as object), ["question", "context", "answer", "n", "ok"]);
});

Deno.test("a compressed Arrow file is refused by name", async () => {
  const read = () => Array.fromAsync(readRows(`${folder}compressed.arrow`));
  const error = await assertRejects(read, FormatError, "compressed");
  assertStringIncludes(error.message, "write it uncompressed");
});

async function withBytes(bytes: Uint8Array | string, use: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    await Deno.writeFile(path, content);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

for (const name of names.filter((name) => /\.(parquet|arrow)$/.test(name))) {
  Deno.test(`${name} cut off anywhere is an error that names the file, or gives its first rows`, async () => {
    const bytes = await Deno.readFile(folder + name);
    for (const length of [12, 100, bytes.length >> 1, bytes.length - 100, bytes.length - 1]) {
      await withBytes(bytes.slice(0, length), async (path) => {
        const rows: unknown[] = [];
        const read = async () => {
          for await (const { value } of readRows(path)) rows.push(value);
        };
        // A stream of Arrow has no end mark that must be there.
        if (STREAMS.includes(name)) await read().catch((error) => assertIsFormat(error, path));
        else assertIsFormat(await assertRejects(read, FormatError), path);
        assertEquals(rows.length <= expected.length, true);
      });
    }
  });
}

function assertIsFormat(error: unknown, path: string) {
  assertEquals(error instanceof FormatError && error.file, path);
}

Deno.test("files that are given by mistake are told what they are", async () => {
  const cases: readonly (readonly [Uint8Array | string, string])[] = [
    [new Uint8Array([0x1f, 0x8b, 8, 0]), "gunzip"],
    [new Uint8Array([0x50, 0x4b, 3, 4]), "zip archive"],
    [new Uint8Array([0xff, 0xfe, 0x7b, 0]), "UTF-16"],
    ["SQLite format 3\0", "it is a database"],
    ["PARE", "encrypted"],
    [" \n ", "it is empty"],
    ["version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git-LFS pointer"],
  ];
  for (const [content, words] of cases) {
    await withBytes(content, async (path) => {
      const error = await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, words);
      assertEquals(error.file, path);
    });
  }
});

Deno.test("text formats: wrong encoding, a truncated array and a huge line say where", async () => {
  const latin = new Uint8Array([...new TextEncoder().encode('{"a":1}\n{"b":"'), 0xe4, 0x22, 0x7d]);
  await withBytes(latin, async (path) => {
    const error = await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, "UTF-8");
    assertEquals(error.line, 2);
  });
  await withBytes('[{"a":1},\n{"a":', async (path) => {
    await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, "truncated");
  });
  await withBytes(`{"a":1}\n{"a":"${"x".repeat(50_000_000)}"}\n`, async (path) => {
    const error = await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, "longer");
    assertEquals(error.line, 2);
  });
  await withBytes(`[{"a":1},{"a":"${"x".repeat(50_000_000)}"}]`, async (path) => {
    await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, "element 2");
  });
});

Deno.test("JSON arrays: rows, lines and what is not one", async () => {
  await withBytes('\uFEFF[\n{"a":"]},\\"["},\n {"a":[1,{"b":2}]}\n]\n', async (path) => {
    const rows = await Array.fromAsync(readRows(path));
    assertEquals(rows.map(({ row, value }) => [row, value]), [
      [1, { a: ']},"[' }],
      [2, { a: [1, { b: 2 }] }],
    ]);
  });
  for (const text of ["[1,,2]", "[1,]", "[1]x", "[1}", "[{]", "[", '["a']) {
    await withBytes(text, async (path) => {
      await assertRejects(() => Array.fromAsync(readRows(path)), FormatError, path);
    });
  }
  await withBytes("[]", async (path) => assertEquals(await Array.fromAsync(readRows(path)), []));
});
