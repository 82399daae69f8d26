import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  isTextRecord,
  parseRecord,
  parseTrainingRecord,
  readRecords,
  readTrainingRecords,
} from "../../src/data/record.ts";
import { FormatError } from "../../src/errors.ts";
import { sharedTest } from "../shared.ts";

const at = { file: "train.jsonl", line: 7 };
const good = { id: "a", instruction: "Write SQL.", input: "Schema", output: "SELECT 1" };

async function withLines<T>(lines: unknown[], use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(path, lines.map((line) => JSON.stringify(line)).join("\n"));
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("parseRecord keeps the known fields as they are and leaves out others", () => {
  const whole = { ...good, output: " SELECT 1 ", source: "demo", meta: { row: 3 } };
  assertEquals(parseRecord({ ...whole, extra: 1 }, at), whole);
  assertEquals(parseRecord(good, at), good);
});

Deno.test("parseRecord fills in an absent id and input", () => {
  const { instruction, output } = good;
  const filled = { id: "line-7", instruction, input: "", output };
  assertEquals(parseRecord({ instruction, output }, at), filled);
  assertEquals(
    parseRecord({ id: null, instruction, input: null, output, source: null, meta: null }, at),
    filled,
  );
  assertEquals(parseRecord({ ...good, id: 12 }, at).id, "12");
});

Deno.test("parseRecord names the fault, the file and the line", () => {
  const cases: [unknown, string][] = [
    [null, "the line holds null"],
    [[good], "the line holds a list"],
    ["text", "the line holds a string"],
    [{ ...good, instruction: undefined }, '"instruction" is missing'],
    [{ ...good, output: null }, '"output" is missing'],
    [{ ...good, instruction: "" }, '"instruction" is empty'],
    [{ ...good, output: " \n" }, '"output" is empty'],
    [{ ...good, output: ["SELECT 1"] }, '"output" is not a string'],
    [{ ...good, input: 3 }, '"input" is not a string'],
    [{ ...good, id: {} }, '"id" is not a string or a number'],
    [{ ...good, source: 1 }, '"source" is not a string'],
    [{ ...good, meta: [] }, '"meta" is not an object'],
  ];
  for (const [value, message] of cases) {
    const error = assertThrows(
      () => parseRecord(value, at),
      FormatError,
      `Cannot read train.jsonl: ${message} at line 7; `,
    );
    assertEquals([error.file, error.line], ["train.jsonl", 7]);
  }
});

Deno.test("readRecords reads all records, or the first few", async () => {
  await withLines([good, { ...good, id: undefined }, { ...good, id: "c" }], async (path) => {
    assertEquals((await readRecords(path)).map((record) => record.id), ["a", "line-2", "c"]);
    assertEquals((await readRecords(path, { maxRecords: 2 })).length, 2);
    await assertRejects(() => readRecords(path, { maxRecords: 0 }), RangeError, "at least one");
  });
});

Deno.test("readRecords stops at the first bad record and rejects an empty file", async () => {
  await withLines([good, { ...good, output: 1 }], async (path) => {
    const error = await assertRejects(() => readRecords(path), FormatError, '"output"');
    assertEquals([error.file, error.line], [path, 2]);
    assertEquals((await readRecords(path, { maxRecords: 1 })).length, 1);
  });
  await withLines([], async (path) => {
    await assertRejects(
      () => readRecords(path),
      FormatError,
      `Cannot read ${path}: it has no records`,
    );
  });
});

sharedTest("readRecords reads the training file of the golden run", async (path) => {
  const records = await readRecords(path("golden/qlora-curve/train.jsonl"));
  assertEquals(records.length, 48);
  assertEquals(records[0].id, "sql-create-context-556");
  assertEquals(records[0].meta, { row: 556 });
});

Deno.test("training records are texts or instructions, told apart by their keys", async () => {
  const lines = [{ text: " SELECT 1 " }, { id: 3, text: "a" }, good];
  await withLines(lines, async (path) => {
    const records = await readTrainingRecords(path);
    assertEquals(records, [{ id: "line-1", text: " SELECT 1 " }, { id: "3", text: "a" }, good]);
    assertEquals(records.map(isTextRecord), [true, true, false]);
  });
  const cases: [unknown, string][] = [
    [{ text: " \n" }, `"text" is empty`],
    [{ text: 5 }, `"text" is not a string`],
    [{ ...good, text: "a" }, `it has a "text" and an instruction`],
    [{}, `"instruction" is missing`],
  ];
  for (const [value, what] of cases) {
    assertThrows(() => parseTrainingRecord(value, at), FormatError, what);
  }
});
