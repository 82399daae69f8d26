import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { readJsonl } from "../../src/data/jsonl.ts";
import { FormatError } from "../../src/errors.ts";

async function withFile<T>(
  content: string | Uint8Array,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

function readAll(content: string | Uint8Array, options?: { maxLineBytes?: number }) {
  return withFile(content, async (path) => await Array.fromAsync(readJsonl(path, options)));
}

function rejects(content: string | Uint8Array, options?: { maxLineBytes?: number }) {
  return withFile(content, async (path) => {
    const error = await assertRejects(
      () => Array.fromAsync(readJsonl(path, options)),
      FormatError,
      path,
    );
    assertEquals(error.file, path);
    return error;
  });
}

Deno.test("readJsonl yields the values with their lines", async () => {
  assertEquals(await readAll('{"a":1}\n[2]\n"é漢🦙"\n'), [
    { line: 1, value: { a: 1 } },
    { line: 2, value: [2] },
    { line: 3, value: "é漢🦙" },
  ]);
});

Deno.test("readJsonl accepts a byte order mark, CRLF, blank lines and no last line feed", async () => {
  assertEquals(await readAll("\uFEFF1\r\n\r\n  \n2\r\n\n3"), [
    { line: 1, value: 1 },
    { line: 4, value: 2 },
    { line: 6, value: 3 },
  ]);
  assertEquals(await readAll(""), []);
  assertEquals(await readAll("\uFEFF"), []);
});

Deno.test("readJsonl reads lines that are longer than its pieces of the file", async () => {
  const values = ["x".repeat(700_000), "🦙".repeat(200_000), "short"];
  const lines = await readAll(values.map((value) => JSON.stringify(value)).join("\n"));
  assertEquals(lines.map((line) => line.value), values);
});

Deno.test("readJsonl gives back any JSON values", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 8 }), async (values) => {
      const lines = await readAll(values.map((value) => JSON.stringify(value)).join("\n"));
      assertEquals(
        lines.map((line) => JSON.stringify(line.value)),
        values.map((v) => JSON.stringify(v)),
      );
    }),
    { numRuns: 25 },
  );
});

Deno.test("malformed JSON is reported with file and line", async () => {
  const error = await rejects('{"a":1}\n\n{"a":\n{"a":3}\n');
  assertEquals(error.line, 3);
  assertMatch(error.message, /line 3 is not valid JSON \(.+\); write one JSON object a line/);
});

Deno.test("invalid UTF-8 is reported with file and line", async () => {
  const error = await rejects(Uint8Array.of(0x31, 0x0a, 0x22, 0xe2, 0x82, 0x22, 0x0a));
  assertEquals(error.line, 2);
  assertMatch(error.message, /line 2 is not valid UTF-8/);
});

Deno.test("a line over the cap is reported, one at the cap is not", async () => {
  assertEquals((await readAll("1\n12345\n", { maxLineBytes: 5 })).length, 2);
  const error = await rejects("1\n123456\n", { maxLineBytes: 5 });
  assertEquals(error.line, 2);
  assertMatch(error.message, /line 2 is longer than 5 bytes/);
});

Deno.test("a missing file and a folder are reported", async () => {
  const missing = await assertRejects(
    () => Array.fromAsync(readJsonl("/no/such/file.jsonl")),
    FormatError,
    "Cannot read /no/such/file.jsonl: there is no such file",
  );
  assertEquals(missing.file, "/no/such/file.jsonl");
  const folder = await Deno.makeTempDir();
  try {
    await assertRejects(() => Array.fromAsync(readJsonl(folder)), FormatError, folder);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test({
  name: "a reader that stops early closes the file",
  ignore: Deno.build.os !== "linux", // counts /proc/self/fd
  fn: () =>
    withFile("1\n2\n", async (path) => {
      const before = openFiles();
      for await (const { value } of readJsonl(path)) {
        assert(openFiles() > before);
        assertEquals(value, 1);
        break;
      }
      assertEquals(openFiles(), before);
    }),
});

function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
